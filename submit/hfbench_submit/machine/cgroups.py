"""What the control groups above this process leave it: versions 1 and 2, the tightest limit.

Limits of a group hold for all groups in it, so each is read up to the top of the hierarchy.
Allowed CPUs (cpusets) need no reading: the kernel's own affinity is already cut down to them.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from hfbench_submit.machine.kernel_files import ROOT, counts_in, number_in


def cpu_quota(root: Path = ROOT) -> int | None:
    """Return how many cores the CPU quotas leave, None without one.

    Half a core counts as one: a worker needs a thread.
    """
    quotas = [_quota(folder) for folder in _groups("cpu", root)]
    return min((max(1, quota) for quota in quotas if quota is not None), default=None)


def memory_limit(root: Path = ROOT) -> int | None:
    """Return the tightest memory limit in bytes, None where no file states one.

    Version 1 states a number beyond any machine's memory where there is no limit.
    """
    files = ("memory.max", "memory.limit_in_bytes")
    limits = [number_in(folder / file) for folder in _groups("memory", root) for file in files]
    return min((limit for limit in limits if limit is not None), default=None)


def throttled_ns(root: Path = ROOT) -> int | None:
    """Return for how long quotas have stopped CPUs so far, None where no file tells.

    The kernel adds it up over CPUs: a second in which two threads were stopped counts as two.
    """
    counts = [counts_in(folder / "cpu.stat") for folder in _groups("cpu", root)]
    times = [found["throttled_usec"] * 1000 for found in counts if "throttled_usec" in found]
    times += [found["throttled_time"] for found in counts if "throttled_time" in found]
    return sum(times) if times else None


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups that may limit `controller`, and all above."""
    for mount, path in _memberships(controller, root):
        group = mount / path.lstrip("/")
        # In a container the path may be the host's, of which only the mount itself is there.
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(mount))


def _memberships(controller: str, root: Path) -> Iterator[tuple[Path, str]]:
    mounts = root / "sys/fs/cgroup"
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            if number == "0":  # version 2: one hierarchy for all controllers
                yield mounts, path
            elif controller in controllers.split(","):
                yield mounts / controllers, path


def _quota(folder: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):  # no file, or "max": no limit
        quota, period = (folder / "cpu.max").read_text().split()
        return int(quota) // int(period)
    quota_us = number_in(folder / "cpu.cfs_quota_us")
    period_us = number_in(folder / "cpu.cfs_period_us")
    if quota_us is None or not period_us or quota_us < 0:  # -1: no limit
        return None
    return quota_us // period_us
