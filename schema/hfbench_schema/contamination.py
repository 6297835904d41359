"""When a process run counts as contaminated: by what else went on, never by its timings.

A process run records counts of what the machine did beside the worker. It is contaminated if
one of them is beyond its threshold below. No timing takes part, so that leaving out contaminated
process runs favours no result; an absent count accuses nobody.

A battery and a clock that was set are remarks, not causes: durations come from a clock that
nobody can set, and what a battery does to a processor shows as slowness in all versions alike.
"""

from typing import Final

from hfbench_schema.cells import parse_cell
from hfbench_schema.submission import Contamination, ProcessRun, role_of

FOREIGN_CPU_SHARE: Final = 0.10
"""Foreign CPU time, of one core's.

A worker keeps all its cores in step, so one late thread delays every one: on 2 cores a process
that took a whole core made iterations 3.4 times as long. In proportion, a tenth of it makes them
a quarter longer. Daemons, a shell and the like took 0.01 of a core on a quiet machine.
"""
FOREIGN_CPU_LEAST_MS: Final = 100
"""Less is never foreign load: the kernel counts CPU time in ticks of up to 10 ms, per core."""
STEAL_SHARE: Final = 0.05
"""Time that a hypervisor withheld, of all cores' time: the change that comparisons look for.

Less of it is what virtual machines are like, for all versions alike. A judgement, not measured.
"""
THROTTLED_SHARE: Final = 0.02
"""Time that a CPU quota took, of all cores' time.

As many threads as the quota has cores keep within it, but for helper threads at the start. All
running threads are stopped at once and the kernel adds their times up, hence all cores' time.
A judgement, not measured.
"""
SWAPPED_PAGES: Final = 1024
"""4 MiB: what a daemon that wakes may read back; a worker whose weights were swapped reads more."""


def contamination_causes(run: ProcessRun, usable_cores: int) -> list[str]:
    """Return why a process run is contaminated, a short text for each cause; [] if it is not.

    Args:
        run: of it only `cell`, `role`, `wall_ns` and `contamination` matter.
        usable_cores: the machine's.

    Raises:
        ValueError: `run["cell"]` is no cell id.
    """
    facts, wall_ms = run.get("contamination", {}), run["wall_ns"] / 1e6
    if not wall_ms:  # no worker was launched
        return []
    causes = _swapping(facts)
    if role_of(run) != "memory":  # bytes do not depend on who else has the CPU
        causes += _foreign_cpu(facts, wall_ms, _cores_foreign_load_may_have(run, usable_cores))
        causes += _withheld_cpu(facts, wall_ms * usable_cores)
        causes += _slowed_hardware(facts)
    return causes


def was_watched(run: ProcessRun) -> bool:
    """Whether it is known how much CPU time other programs took meanwhile."""
    return "foreign_cpu_ms" in run.get("contamination", {})


def _cores_foreign_load_may_have(run: ProcessRun, usable_cores: int) -> int:
    """Return the number of cores of which foreign load may take its share undisturbing.

    On the CPU a worker uses every core, so whatever runs delays it; on another device it uses
    one or two, and the kernel puts others elsewhere.
    """
    return 1 if parse_cell(run["cell"]).device == "cpu" else usable_cores


def _foreign_cpu(facts: Contamination, wall_ms: float, cores: int) -> list[str]:
    foreign_ms = facts.get("foreign_cpu_ms", 0)
    if foreign_ms <= max(FOREIGN_CPU_LEAST_MS, FOREIGN_CPU_SHARE * wall_ms * cores):
        return []
    return [f"foreign CPU time {_percent(foreign_ms / wall_ms)} of a core"]


def _withheld_cpu(facts: Contamination, cores_ms: float) -> list[str]:
    withheld = {
        "CPU time stolen by the hypervisor": (facts.get("steal_ms", 0), STEAL_SHARE),
        "CPU time withheld by a quota": (facts.get("throttled_ms", 0), THROTTLED_SHARE),
    }
    return [
        f"{what} {_percent(ms / cores_ms)}"
        for what, (ms, share) in withheld.items()
        if ms > share * cores_ms
    ]


def _swapping(facts: Contamination) -> list[str]:
    pages = facts.get("swapped_pages", 0)
    return [f"{pages} pages read back from swap"] if pages > SWAPPED_PAGES else []


def _slowed_hardware(facts: Contamination) -> list[str]:
    """Return the causes of which one occurrence is enough: they last, and hit every iteration."""
    causes = []
    if times := facts.get("thermal_throttles", 0):
        causes.append(f"the processor slowed down for its temperature {times} times")
    if processes := facts.get("foreign_gpu_processes", 0):
        causes.append(f"other processes on the GPU: {processes}")
    if facts.get("gpu_throttled", False):
        causes.append("the GPU slowed down for power or temperature")
    return causes


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
