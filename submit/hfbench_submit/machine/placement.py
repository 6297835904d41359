"""Where workers run: one logical CPU for each physical core, all of one NUMA node.

Two threads on one core, or memory behind another node's controller, make timings that depend
on where the kernel happened to put things.
"""

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import psutil

from hfbench_submit.machine import nvml
from hfbench_submit.machine.cgroups import cpu_quota
from hfbench_submit.machine.kernel_files import ROOT, cpus_in, number_in


def usable_cpus() -> list[int]:
    """Return the logical CPUs that workers use, ascending, at least one.

    One for each physical core, of the NUMA node with the most of them, within this process's
    affinity (and so its cpuset) and no more than a cgroup's CPU quota. Of nodes that have as many,
    it is the one that the GPU is attached to, if workers have a GPU.
    """
    return choose_cpus(_affinity(), gpu_node=_node_of_the_gpu())


def choose_cpus(
    allowed: Iterable[int], root: Path = ROOT, gpu_node: int | None = None
) -> list[int]:
    """Return those of the `allowed` CPUs that workers use; see `usable_cpus`."""
    cores: dict[str, int] = {}
    for cpu in sorted(allowed):
        cores.setdefault(_core_of(cpu, root), cpu)
    node_of = {cpu: node for node, cpus in _nodes(root).items() for cpu in cpus}
    by_node: defaultdict[int | None, list[int]] = defaultdict(list)
    for cpu in cores.values():
        by_node[node_of.get(cpu)].append(cpu)
    node = max(by_node, key=lambda node: (len(by_node[node]), node == gpu_node))
    return by_node[node][: cpu_quota(root)]


def numa_node_of(cpus: Iterable[int], root: Path = ROOT) -> int | None:
    """Return the NUMA node that all `cpus` belong to, None if there is no such node."""
    wanted = set(cpus)
    return next((node for node, own in _nodes(root).items() if wanted <= set(own)), None)


def numa_nodes(root: Path = ROOT) -> int | None:
    """Return how many NUMA nodes have CPUs, None where the system does not tell."""
    return len(_nodes(root)) or None


@cache
def with_siblings(cpus: tuple[int, ...], root: Path = ROOT) -> frozenset[int]:
    """Return `cpus` and every logical CPU that shares a physical core with one of them."""
    return frozenset(cpus).union(*(cpus_in(_siblings_file(cpu, root)) for cpu in cpus))


def _node_of_the_gpu(root: Path = ROOT) -> int | None:
    """Return the NUMA node of the GPU that workers use, -1 or None if it is not known."""
    uuid = nvml.chosen_gpu()
    address = nvml.pci_address(uuid) if uuid else None
    return number_in(root / f"sys/bus/pci/devices/{address}/numa_node") if address else None


def _affinity() -> list[int]:
    with contextlib.suppress(AttributeError):  # macOS has no affinity
        return sorted(os.sched_getaffinity(0))
    return list(range(psutil.cpu_count(logical=False) or 1))


def _core_of(cpu: int, root: Path) -> str:
    """Return a name shared by the logical CPUs of one physical core."""
    with contextlib.suppress(OSError):
        return _siblings_file(cpu, root).read_text().strip()
    return str(cpu)


def _siblings_file(cpu: int, root: Path) -> Path:
    return root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"


def _nodes(root: Path) -> dict[int, list[int]]:
    """Return the CPUs of each NUMA node that has any, by its number, ascending."""
    folders = (root / "sys/devices/system/node").glob("node[0-9]*")
    cpus = {
        int(folder.name.removeprefix("node")): cpus_in(folder / "cpulist") for folder in folders
    }
    return {node: cpus[node] for node in sorted(cpus) if cpus[node]}
