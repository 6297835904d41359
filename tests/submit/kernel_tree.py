"""A made-up kernel's files under a folder, for code that takes the folder as `root`."""

from collections.abc import Mapping
from pathlib import Path


def lay_out(root: Path, files: Mapping[str, str | int]) -> Path:
    """Write files by their path under `root`, which is returned."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    return root


def with_cores(cores: int, nodes: int = 1) -> dict[str, str | int]:
    """Return the files of `cores` two-threaded cores spread evenly over NUMA nodes.

    Core i has the logical CPUs i and cores + i, as Linux numbers them on most machines.
    """
    files: dict[str, str | int] = {}
    for cpu in range(2 * cores):
        siblings = f"{cpu % cores},{cpu % cores + cores}"
        files[f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"] = siblings
    each = cores // nodes
    for node in range(nodes):
        first, last = node * each, (node + 1) * each - 1
        cpus = f"{first}-{last},{first + cores}-{last + cores}"
        files[f"sys/devices/system/node/node{node}/cpulist"] = cpus
    return files
