"""Whether this machine can be measured on: its clock, its other work, its limits, its room."""

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter_ns

import psutil

from hfbench_submit.doctor.check import Check, words_in
from hfbench_submit.machine.cgroups import cpu_quota, memory_limit
from hfbench_submit.machine.kernel_files import ROOT
from hfbench_submit.machine.surroundings import load_now

_GIB = 1024**3
LARGEST_MODEL = 7 * _GIB
"""What the largest model of the suites takes in fp32, as built."""
LEAST_DISK = 10 * _GIB
"""A framework with its CUDA libraries, and a few layers over it."""
_LEAST_OUTPUT = _GIB // 10
_COARSE_NS = 1_000
_USELESS_NS = 100_000
_SLOW_CLOCKS = {"hpet", "acpi_pm", "pit", "jiffies", "refined-jiffies"}
_WATCHED_S = 1.0
_NAMED = 3
_WORTH_NAMING = 0.05
"""Cores that a process takes before it is named as disturbing."""
_PROGRAM = "#include <Python.h>\n#include <omp.h>\nint f() { return omp_get_max_threads(); }\n"


def check_timer(root: Path = ROOT) -> Iterator[Check]:
    """Look at the steps of the clock that everything is timed with, and what it is made from."""
    ticks = [perf_counter_ns() for _ in range(20_000)]
    steps = [after - before for before, after in pairwise(ticks)]
    step = min((step for step in steps if step > 0), default=_USELESS_NS)
    source = words_in(root / "sys/devices/system/clocksource/clocksource0/current_clocksource")
    detail = (
        f"steps of {step} ns, {median(steps):.0f} ns a reading, clock source {source or 'unknown'}"
    )
    mend = "boot with clocksource=tsc, or take a type of machine that has it"
    if min(steps) < 0 or step >= _USELESS_NS:
        yield Check("timer", "failed", f"{detail}: too coarse, or it goes backwards", mend)
    elif source in _SLOW_CLOCKS or step > _COARSE_NS:
        yield Check("timer", "warning", f"{detail}, which is slow", mend)
    else:
        yield Check("timer", "ok", detail)


def check_quiet(cpus: Sequence[int]) -> Iterator[Check]:
    """Watch for a second what other processes do on the CPUs of workers; name the busiest."""
    processes = [p for p in psutil.process_iter() if p.pid != os.getpid()]
    for process in processes:
        _cores_since_last(process)
    load = load_now(cpus, _WATCHED_S)
    shares = [(_cores_since_last(process), process) for process in processes]
    busiest = sorted(shares, key=lambda pair: pair[0], reverse=True)[:_NAMED]
    names = [_named(cores, process) for cores, process in busiest if cores >= _WORTH_NAMING]
    if load.foreign_cores is None:
        yield Check("quiet", "unknown", "this system does not tell how busy its CPUs are")
    elif load.quiet:
        yield Check("quiet", "ok", str(load))
    else:
        detail = f"{load}: {', '.join(names) or 'none of them visible from here'}"
        yield Check("quiet", "warning", detail, "end other work on this machine while measuring")


def _cores_since_last(process: psutil.Process) -> float:
    """Return the cores that a process took since it was last asked, 0 if it is gone."""
    with contextlib.suppress(psutil.Error):
        return process.cpu_percent() / 100
    return 0.0


def _named(cores: float, process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"{process.name()} (process {process.pid}) {100 * cores:.0f} %"
    return "one that has ended"


def check_limits(usable_cores: int, root: Path = ROOT) -> Iterator[Check]:
    """Compare what this process may use with what the machine has."""
    cores, memory = psutil.cpu_count(logical=False) or 1, psutil.virtual_memory().total
    quota, limit = cpu_quota(root), memory_limit(root)
    tight = []
    if quota is not None and quota < cores:
        tight.append(f"a CPU quota leaves {quota} of {cores} cores")
    elif usable_cores < cores:
        tight.append(f"affinity and NUMA leave {usable_cores} of {cores} cores")
    if limit is not None and limit < memory:
        tight.append(f"a memory limit leaves {_gib(limit)} of {_gib(memory)}")
    if tight:
        mend = "give the container or job the whole machine, if that is what you mean to measure"
        yield Check("limits", "warning", "; ".join(tight), mend)
    else:
        yield Check("limits", "ok", f"none below the machine's {cores} cores, {_gib(memory)}")


def check_memory(root: Path = ROOT) -> Iterator[Check]:
    """Compare free memory with the largest model of the suites."""
    free = psutil.virtual_memory().available
    limit = memory_limit(root)
    free = free if limit is None else min(free, limit)
    if free >= LARGEST_MODEL + _GIB:
        yield Check("memory", "ok", f"{_gib(free)} free; the largest model takes 7 GiB in fp32")
    else:
        detail = f"{_gib(free)} free: the largest models (7 GiB in fp32) will end as oom_host"
        yield Check("memory", "warning", detail, "end what uses memory, or leave them out: --cells")


def check_disk(cache: Path, output: Path) -> Iterator[Check]:
    """Look for room for environments and for results, and for the right to write there."""
    for name, folder, least in (
        ("disk for environments", cache, LEAST_DISK),
        ("disk for results", output, _LEAST_OUTPUT),
    ):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(there).free
        if not (there.is_dir() and os.access(there, os.W_OK)):
            mend = f"make {there} writable, or name another folder ($HFBENCH_CACHE, --output)"
            yield Check(name, "failed", f"{folder} cannot be written", mend)
        elif free < least:
            detail = f"{_gib(free)} free at {folder}, {_gib(least)} may be needed"
            yield Check(name, "warning", detail, f"make room at {there}, or name another folder")
        else:
            yield Check(name, "ok", f"{_gib(free)} free")


def check_compiler() -> Iterator[Check]:
    """Compile a line of what `torch.compile` writes, with the compiler that a worker will find."""
    compiler = "clang++" if sys.platform == "darwin" else "g++"
    if shutil.which(compiler) is None:
        mend = f"install {compiler} (Debian: sudo apt install g++), on the PATH"
        yield Check("C++ compiler", "warning", f"no {compiler}: torch.compile will fail", mend)
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.cpp"
        source.write_text(_PROGRAM, encoding="ascii")
        done = _compile(compiler, source)
    if done.returncode == 0:
        yield Check("C++ compiler", "ok", f"{compiler} compiles with OpenMP and Python's headers")
    else:
        lines = [line for line in done.stderr.splitlines() if "error" in line]
        detail = f"{compiler} cannot compile: {(lines or ['no reason given'])[0][-200:]}"
        mend = "install Python's headers and OpenMP (Debian: sudo apt install python3-dev g++)"
        yield Check("C++ compiler", "warning", detail, mend)


def _compile(compiler: str, source: Path) -> subprocess.CompletedProcess[str]:
    headers = sysconfig.get_paths()["include"]
    command = [compiler, "-shared", "-fPIC", "-fopenmp", f"-I{headers}", str(source)]
    output = ["-o", str(source.with_suffix(".so"))]
    return subprocess.run(
        [*command, *output], capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL
    )


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f} GiB"
