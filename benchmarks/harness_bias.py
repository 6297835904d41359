"""Does hfbench measure what a bare timing loop measures?

BERT-base, batch 1, sequence 64, fp32 on the CPU: hfbench's worker and a bare `perf_counter_ns`
loop, each in fresh processes of the same environment, in ABBA order. Prints the ratio of their
medians with its 95 % interval, and what the harness costs in wall time.

    python -m benchmarks.harness_bias --mode torch-compile --pairs 10
"""

from statistics import median

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

from hfbench_submit.launching.spawn import run_worker
from hfbench_submit.machine.facts import usable_cores

MODES = [f"torch-{how}" for how in ("eager", "torchscript", "compile")]
MODES += [f"tensorflow-{how}" for how in ("eager", "graph", "xla")]


@click.command()
@click.option("--mode", type=click.Choice(MODES), default=MODES[0], show_default=True)
@click.option("--pairs", type=click.IntRange(1), default=10, show_default=True)
def main(mode: str, pairs: int) -> None:
    """Measure, and print the comparison."""
    cell = cell_of("bert-base", mode, 1, 64)
    environment = environment_for(cell)
    tell_the_setting(f"{cell.id}, hfbench's worker against a bare loop, {pairs} processes each")
    timed: dict[str, list[Timed]] = {"hfbench": [], "bare": []}
    for pair in range(pairs):
        for name in ("hfbench", "bare") if pair % 2 == 0 else ("bare", "hfbench"):
            if name == "hfbench":
                outcome = run_worker(
                    environment.python, worker_plan(cell), usable_cores(), TIMEOUT_S
                )
                timed[name].append(timed_by_hfbench(outcome, environment))
            else:
                timed[name].append(timed_by_bare_loop(environment.python, cell))
        last = ", ".join(f"{name} {arm[-1].median_ms:.2f} ms" for name, arm in timed.items())
        print(f"{pair + 1}/{pairs}: {last}", flush=True)
    report(timed["hfbench"], timed["bare"])


def report(hfbench: list[Timed], bare: list[Timed]) -> None:
    """Print the ratios of medians and of wall times."""
    ratio = ratio_text([one.median_ms for one in bare], [one.median_ms for one in hfbench])
    print(f"hfbench over bare loop: {ratio} (target: within 1 %)")
    walls = [median(one.wall_s for one in arm) for arm in (hfbench, bare)]
    print(f"wall time of a process: hfbench {walls[0]:.1f} s, bare loop {walls[1]:.1f} s")


if __name__ == "__main__":
    main()
