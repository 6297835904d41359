"""How much of the machine does the client take from the workers that it measures?

Sittings of BERT-base, batch 1, sequence 64, torch eager, fp32 on the CPU, by either launch
method, with the progress display of a terminal: the client's own CPU time, journal and all, over
the wall time of the workers.

    python -m benchmarks.parent_cpu --process-runs 5
"""

import io
import tempfile
from pathlib import Path
from time import process_time

import click
from benchmarks.setting import SUITE, cell_of, environment_for, tell_the_setting
from rich.console import Console

from hfbench_schema.submission import FORK_SERVER, SPAWN
from hfbench_submit.machine.facts import machine_facts
from hfbench_submit.planning.estimates import Durations
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.reporting.progress import ConsoleProgress
from hfbench_submit.sitting.sitting import measure_sitting


@click.command()
@click.option("--process-runs", type=click.IntRange(1), default=5, show_default=True)
def main(process_runs: int) -> None:
    """Measure, and print the share."""
    cell = cell_of("bert-base", "torch-eager", 1, 64)
    environments, machine = [environment_for(cell)], machine_facts()
    tell_the_setting(f"{cell.id}, the client's CPU time in sittings of {process_runs} process runs")
    for launch in (SPAWN, FORK_SERVER):
        plan = SittingPlan(SUITE, [cell], environments, process_runs, machine, launch=launch)
        cpu_s, wall_s = client_cost(plan)
        print(
            f"{launch:>11}: {cpu_s:.3f} s of CPU while workers ran for {wall_s:.1f} s: "
            f"{100 * cpu_s / wall_s:.2f} % of a core (target: below 1 %)",
            flush=True,
        )


def client_cost(plan: SittingPlan) -> tuple[float, float]:
    """Measure a sitting; return the client's CPU time and the workers' wall time, in seconds."""
    terminal = Console(file=io.StringIO(), force_terminal=True)
    cores = plan.machine["usable_cores"]
    facts = [environment.facts for environment in plan.environments]
    progress = ConsoleProgress(terminal, facts, cores, Durations(plan.suite, cores))
    with tempfile.TemporaryDirectory() as folder:
        before = process_time()
        journal = measure_sitting(plan, Path(folder), progress)
        cpu_s = process_time() - before
    return cpu_s, sum(run["wall_ns"] for run in journal.process_runs) / 1e9


if __name__ == "__main__":
    main()
