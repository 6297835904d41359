"""What else goes on: each kernel counter read rightly, and a real hog seen and called by name."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from tests.submit.kernel_tree import lay_out, with_cores

from hfbench_schema.contamination import contamination_causes
from hfbench_schema.submission import ProcessRun
from hfbench_submit.machine.surroundings import Observation, load_now

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's files")

THROTTLE = "sys/devices/system/cpu/cpu{}/thermal_throttle/{}_throttle_count"


def stat(*busy_ticks: int, steal: int = 0) -> dict[str, str | int]:
    """Return a /proc/stat in which CPU i has been busy for so many ticks of 10 ms.

    A fifth of it is the system's. As long again it is idle, as long it waits for disks, and all
    user time is a guest's, which Linux counts twice.
    """

    def row(name: str, ticks: int, steal: int) -> str:
        system = ticks // 5
        user = ticks - system
        return f"{name} {user} 0 {system} {ticks} {ticks} 0 0 {steal} {user} 0"

    rows = [row(f"cpu{cpu}", ticks, steal) for cpu, ticks in enumerate(busy_ticks)]
    rows.insert(0, row("cpu", sum(busy_ticks), steal * len(busy_ticks)))
    return {"proc/stat": "\n".join([*rows, "intr 1 2 3"])}


def test_the_worker_and_this_process_are_not_foreign(tmp_path: Path) -> None:
    observation = Observation.begin(gpu=False, root=lay_out(tmp_path, stat(1000, 1000)))
    start = time.process_time()
    while time.process_time() < start + 0.2:
        pass
    lay_out(tmp_path, stat(1150, 1200, steal=3))
    seen = observation.end(worker_cpu_s=2.5)
    assert 780 <= seen["foreign_cpu_ms"] <= 800  # 3500 less 2500 and 200
    assert seen["steal_ms"] == 60
    assert observation.end(worker_cpu_s=99.0)["foreign_cpu_ms"] == 0


def test_a_bound_worker_minds_its_own_cores_and_their_siblings(tmp_path: Path) -> None:
    root = lay_out(tmp_path, with_cores(2) | stat(100, 100, 100, 100))
    observation = Observation.begin(gpu=False, cpus=[0], root=root)
    lay_out(root, stat(200, 900, 150, 900))  # CPU 2 is the other thread of core 0
    assert 1450 <= observation.end(0.0)["foreign_cpu_ms"] <= 1500


def test_quotas_swap_and_heat_are_counted(tmp_path: Path) -> None:
    files: dict[str, str | int] = {
        "proc/self/cgroup": "2:cpu:/a\n0::/b",
        "sys/fs/cgroup/b/cpu.stat": "usage_usec 5\nthrottled_usec 1000",
        "sys/fs/cgroup/cpu/a/cpu.stat": "nr_throttled 5\nthrottled_time 1000000",
        "proc/vmstat": "pswpin 10\npswpout 99",
        **{THROTTLE.format(cpu, part): 7 for cpu in (0, 1) for part in ("core", "package")},
    }
    observation = Observation.begin(gpu=False, root=lay_out(tmp_path, stat(1) | files))
    lay_out(
        tmp_path,
        {
            "sys/fs/cgroup/b/cpu.stat": "usage_usec 5\nthrottled_usec 31000",
            "sys/fs/cgroup/cpu/a/cpu.stat": "nr_throttled 5\nthrottled_time 21000000",
            "proc/vmstat": "pswpin 13\npswpout 999",
            THROTTLE.format(1, "core"): 9,
        },
    )
    seen = observation.end(0.0)
    assert (seen["throttled_ms"], seen["swapped_pages"], seen["thermal_throttles"]) == (50, 3, 2)


def test_what_the_kernel_does_not_tell_is_absent(tmp_path: Path) -> None:
    observation = Observation.begin(gpu=False, root=lay_out(tmp_path, stat(0, 0)))
    assert observation.end(0.0).keys() <= {"clock_step_ms", "on_battery"}


@contextmanager
def hog() -> Iterator[psutil.Process]:
    """Keep one core busy meanwhile."""
    with subprocess.Popen([sys.executable, "-I", "-c", "while True: pass"]) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def test_a_real_hog_is_seen_and_makes_a_process_run_contaminated() -> None:
    with hog() as process:
        observation, start, before = Observation.begin(gpu=False), time.monotonic(), cpu_s(process)
        time.sleep(1.0)
        used_s = cpu_s(process) - before
        seen, wall_s = observation.end(worker_cpu_s=0.0), time.monotonic() - start
        without = observation.end(worker_cpu_s=used_s)
    assert seen["foreign_cpu_ms"] >= 1000 * used_s - 100
    # Had it been the worker, so much less were foreign; whatever else runs counts both times.
    less_ms = seen["foreign_cpu_ms"] - without["foreign_cpu_ms"]
    assert less_ms == pytest.approx(1000 * used_s, abs=150)
    run: ProcessRun = {
        "cell": "smoke/bert-base/torch-eager/cpu/fp32/b1-s64",
        "environment": 0,
        "block": 0,
        "started_at": "2026-01-01T00:00:00Z",
        "wall_ns": round(wall_s * 1e9),
        "status": "ok",
        "contamination": seen,
    }
    assert any("foreign CPU" in cause for cause in contamination_causes(run, usable_cores=2))


def test_the_load_now_tells_of_a_hog() -> None:
    with hog():
        load = load_now(seconds=0.4)
    assert not load.quiet
    assert "of a core (load average" in str(load)


def test_watching_costs_less_than_two_milliseconds_a_side() -> None:
    costs = []
    for _ in range(20):
        start = time.process_time()
        observation = Observation.begin(gpu=False)
        between = time.process_time()
        observation.end(0.0)
        costs.append(max(between - start, time.process_time() - between))
    assert sorted(costs)[10] < 0.002
