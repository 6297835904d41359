"""Does a forked worker measure what a spawned one does, and what does it save?

BERT-base, batch 1, sequence 64, torch eager, fp32 on the CPU: fresh interpreters, forks of a
server, and a bare loop, one process of each in every round, in an order that rotates. Prints how
the medians of the processes are distributed, and the wall time of each.

    python -m benchmarks.launch_methods --rounds 20
"""

from collections.abc import Callable
from math import log
from statistics import median, stdev

import click
from benchmarks.setting import (
    TIMEOUT_S,
    Timed,
    cell_of,
    environment_for,
    ratio_text,
    tell_the_setting,
    timed_by_bare_loop,
    timed_by_hfbench,
    worker_plan,
)

from hfbench_submit.launching.fork_server import ForkServer
from hfbench_submit.launching.spawn import run_worker
from hfbench_submit.machine.facts import usable_cores


@click.command()
@click.option("--rounds", type=click.IntRange(2), default=20, show_default=True)
def main(rounds: int) -> None:
    """Measure, and print the comparison."""
    cell = cell_of("bert-base", "torch-eager", 1, 64)
    environment, plan, threads = environment_for(cell), worker_plan(cell), usable_cores()
    python = environment.python
    tell_the_setting(f"{cell.id}, {rounds} processes by each launch method")
    with ForkServer(python, threads) as server:
        methods: dict[str, Callable[[], Timed]] = {
            "spawn": lambda: timed_by_hfbench(
                run_worker(python, plan, threads, TIMEOUT_S), environment
            ),
            "fork_server": lambda: timed_by_hfbench(server.run(plan, TIMEOUT_S), environment),
            "bare loop": lambda: timed_by_bare_loop(python, cell),
        }
        report(in_rotation(methods, rounds))


def in_rotation(methods: dict[str, Callable[[], Timed]], rounds: int) -> dict[str, list[Timed]]:
    """Run each method once a round, each in turn first."""
    names = list(methods)
    timed: dict[str, list[Timed]] = {name: [] for name in names}
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            timed[name].append(methods[name]())
        last = ", ".join(f"{name} {arm[-1].median_ms:.2f} ms" for name, arm in timed.items())
        print(f"{number + 1}/{rounds}: {last}", flush=True)
    return timed


def report(timed: dict[str, list[Timed]]) -> None:
    """Print distributions, ratios, and what a process costs."""
    medians = {name: [one.median_ms for one in arm] for name, arm in timed.items()}
    for name, arm in timed.items():
        values, spread = medians[name], stdev([log(ms) for ms in medians[name]])
        print(
            f"{name:>11}: {median(values):7.2f} ms [{min(values):.2f} .. {max(values):.2f}], "
            f"spread {100 * spread:.1f} %, wall {median(one.wall_s for one in arm):.2f} s, "
            f"the first {arm[0].wall_s:.2f} s"
        )
    print(f"fork_server over spawn: {ratio_text(medians['spawn'], medians['fork_server'])}")
    print(f"spawn over bare loop: {ratio_text(medians['bare loop'], medians['spawn'])}")
    print(
        "target: both ratios within 1 %; a forked process takes less wall time than a spawned one"
    )


if __name__ == "__main__":
    main()
