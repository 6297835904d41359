"""`hfbench-submit doctor`: can this machine be measured on, and what to mend first.

Everything is tried rather than believed: a worker that is timed, memory that is allocated, a Hub
that is asked.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from hfbench_schema.cache import cache_folder
from hfbench_submit.doctor.check import Check, guarded, worst_first
from hfbench_submit.doctor.environment_checks import check_environment
from hfbench_submit.doctor.hub_checks import check_hub
from hfbench_submit.doctor.machine_checks import (
    check_compiler,
    check_disk,
    check_limits,
    check_memory,
    check_quiet,
    check_timer,
)
from hfbench_submit.doctor.power_checks import check_energy, check_gpu, check_power
from hfbench_submit.environments.environments import Environment
from hfbench_submit.machine import nvml
from hfbench_submit.machine.placement import usable_cpus

NO_ENVIRONMENT = Check(
    "environment",
    "unknown",
    "none named: isolation, memory meter, synchronisation and threads are not checked",
    "name one: hfbench-submit doctor --with transformers",
)

_Check = tuple[str, Callable[[], Iterable[Check]]]


def diagnose(environments: Sequence[Environment], output: Path) -> list[Check]:
    """Make every check, in the order in which a reader cares for them.

    Args:
        environments: are checked from inside.
        output: the folder that results would go to.
    """
    cpus, gpu = usable_cpus(), nvml.chosen_gpu() is not None
    checks = guarded("quiet", partial(check_quiet, cpus))  # first: noise is behind much else
    for environment in environments:
        label = environment.facts["label"]
        check = partial(check_environment, environment, cpus, gpu)
        found = guarded("environment", check)
        checks += [_of(one, label) for one in found] if len(environments) > 1 else found
    for name, machine_check in _machine_checks(cpus, gpu, output):
        checks += guarded(name, machine_check)
    return checks


def _of(check: Check, label: str) -> Check:
    return Check(f"{check.name} ({label})", check.verdict, check.detail, check.mend)


def _machine_checks(cpus: Sequence[int], gpu: bool, output: Path) -> list[_Check]:
    return [
        ("timer", check_timer),
        ("limits", partial(check_limits, len(cpus))),
        ("memory", check_memory),
        ("disk", partial(check_disk, cache_folder(), output)),
        ("CPU frequency", check_power),
        ("GPU", check_gpu),
        ("C++ compiler", check_compiler),
        ("energy counter", partial(check_energy, gpu)),
        ("Hub", check_hub),
    ]


def fix_first(checks: Sequence[Check]) -> str:
    """Return the last line of a diagnosis: the most severe defect and what mends it."""
    if not (worst := worst_first(checks)):
        return "Nothing to fix."
    return f"Fix first: {worst[0].name}: {worst[0].mend}"
