"""What the timing loop itself costs: hfbench's and a bare one around the same network.

BERT-base, batch 1, sequence 64, fp32 on the CPU, in one process and with one set of weights: five
calls timed by the worker's own loop, five by a bare `perf_counter_ns` loop, in ABBA order, round
after round. Whatever differs between processes, and drifts within one, hits both alike; so this
resolves what `harness_bias` cannot on a noisy machine, and leaves out what only a whole process
shows (threads, placement, weights). Prints the ratio with its 95 % interval over rounds.

    python -m benchmarks.timing_loop --mode torch-compile --rounds 40
"""

from statistics import median

import click
from benchmarks.harness_bias import MODES
from benchmarks.setting import (
    cell_of,
    environment_for,
    paired_ratio_text,
    printed_by_loops,
    tell_the_setting,
    worker_plan,
)

_LOOPS = """
import contextlib, io, json, sys
from statistics import median
from time import perf_counter_ns
plan, rounds = json.loads(sys.argv[1]), int(sys.argv[2])
sys.path.insert(0, sys.argv[3])
from hfbench_worker.answers import Answers
from hfbench_worker.opening import open_workload
from hfbench_worker.timing import time_first_calls
from hfbench_worker.workload import build_and_prepare
answers = Answers(io.StringIO())
workload = open_workload(plan, answers)
build_and_prepare(workload, answers)
inputs = workload._inputs[0]  # as a script would have them at hand
context = contextlib.nullcontext
if plan["cell"]["framework"] == "torch":
    import torch
    context = torch.inference_mode

def bare():
    durations = []
    with context():
        for _ in range(5):
            start = perf_counter_ns()
            workload._step(inputs)
            durations.append(perf_counter_ns() - start)
    return median(durations)

def harness():
    return median(time_first_calls(workload.call, workload.synchronize, 5, answers.begin))

def round_of(first, second):
    return {first.__name__: first(), second.__name__: second()}

for _ in range(4):
    harness(), bare()
for number in range(rounds):
    order = (harness, bare) if number % 2 == 0 else (bare, harness)
    print(json.dumps(round_of(*order)), flush=True)
"""


@click.command()
@click.option("--mode", type=click.Choice(MODES), default=MODES[0], show_default=True)
@click.option("--rounds", type=click.IntRange(2), default=40, show_default=True)
def main(mode: str, rounds: int) -> None:
    """Measure, and print the comparison."""
    cell = cell_of("bert-base", mode, 1, 64)
    python = environment_for(cell).python
    tell_the_setting(f"{cell.id}, both loops in one process, {rounds} rounds of 5 calls each")
    found = printed_by_loops(python, _LOOPS, worker_plan(cell), rounds)
    ratio = paired_ratio_text([one["harness"] / one["bare"] for one in found])
    print(f"bare call: {median(one['bare'] for one in found) / 1e6:.2f} ms")
    print(f"hfbench over bare loop: {ratio} (target: within 1 %)")


if __name__ == "__main__":
    main()
