"""Where workers run: one CPU a core, one NUMA node, within affinity and quotas of both kinds."""

import os
from pathlib import Path

import pytest
from tests.submit.kernel_tree import lay_out, with_cores

from hfbench_submit.machine.cgroups import memory_limit
from hfbench_submit.machine.placement import choose_cpus, numa_node_of, numa_nodes, usable_cpus

V2: dict[str, str | int] = {"proc/self/cgroup": "0::/jobs/mine"}
V1: dict[str, str | int] = {
    "proc/self/cgroup": "4:memory:/jobs/mine\n3:cpu,cpuacct:/jobs/mine\n0::/"
}
V1_CPU = "sys/fs/cgroup/cpu,cpuacct/jobs/mine"


def test_the_real_machine_gives_cpus_that_this_process_may_use() -> None:
    cpus = usable_cpus()
    assert cpus == sorted(set(cpus)) != []
    if hasattr(os, "sched_getaffinity"):
        assert set(cpus) <= os.sched_getaffinity(0)
        assert numa_node_of(cpus) is not None or numa_nodes() is None


def test_two_threads_of_one_core_are_one_cpu(tmp_path: Path) -> None:
    root = lay_out(tmp_path, with_cores(4))
    assert choose_cpus(range(8), root) == [0, 1, 2, 3]
    assert choose_cpus([1, 5, 6], root) == [1, 6]  # core 2 by its second thread alone


def test_all_cpus_are_of_the_node_that_has_most_left(tmp_path: Path) -> None:
    root = lay_out(tmp_path, with_cores(8, nodes=2))
    assert choose_cpus(range(16), root) == [0, 1, 2, 3]
    assert choose_cpus([0, 8, 5, 6], root) == [5, 6]
    assert numa_nodes(root) == 2
    assert numa_node_of([5, 6], root) == 1
    assert numa_node_of([3, 4], root) is None


def test_of_equal_nodes_it_is_the_one_of_the_gpu(tmp_path: Path) -> None:
    root = lay_out(tmp_path, with_cores(8, nodes=2))
    assert choose_cpus(range(16), root, gpu_node=1) == [4, 5, 6, 7]
    assert choose_cpus([0, 1, 2, 5, 6], root, gpu_node=1) == [0, 1, 2]
    assert choose_cpus(range(16), root, gpu_node=-1) == [0, 1, 2, 3]


def test_without_the_kernels_files_each_allowed_cpu_is_a_core(tmp_path: Path) -> None:
    assert choose_cpus([2, 0], tmp_path) == [0, 2]
    assert numa_nodes(tmp_path) is numa_node_of([0], tmp_path) is None


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        (V2 | {"sys/fs/cgroup/jobs/mine/cpu.max": "max 100000"}, 8),
        (V2 | {"sys/fs/cgroup/jobs/mine/cpu.max": "350000 100000"}, 3),
        (V2 | {"sys/fs/cgroup/jobs/cpu.max": "200000 100000"}, 2),  # of a group above
        (V2 | {"sys/fs/cgroup/jobs/mine/cpu.max": "50000 100000"}, 1),
        # In a container the path is the host's, and the mount is the container's own group.
        (V2 | {"sys/fs/cgroup/cpu.max": "400000 100000"}, 4),
        (V1 | {f"{V1_CPU}/cpu.cfs_quota_us": -1, f"{V1_CPU}/cpu.cfs_period_us": 100_000}, 8),
        (V1 | {f"{V1_CPU}/cpu.cfs_quota_us": 99_000, f"{V1_CPU}/cpu.cfs_period_us": 33_000}, 3),
    ],
)
def test_a_quota_leaves_that_many_cores(
    tmp_path: Path, files: dict[str, str | int], cores: int
) -> None:
    root = lay_out(tmp_path, with_cores(8) | files)
    assert choose_cpus(range(16), root) == list(range(cores))


def test_the_tightest_memory_limit_counts(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) is None
    lay_out(tmp_path, V2 | {"sys/fs/cgroup/jobs/mine/memory.max": "max"})
    assert memory_limit(tmp_path) is None
    lay_out(tmp_path, {"sys/fs/cgroup/jobs/memory.max": 8 << 30})
    assert memory_limit(tmp_path) == 8 << 30
    limit: dict[str, str | int] = {"sys/fs/cgroup/memory/jobs/mine/memory.limit_in_bytes": 4 << 30}
    assert memory_limit(lay_out(tmp_path / "1", V1 | limit)) == 4 << 30
