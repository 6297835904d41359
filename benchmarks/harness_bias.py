"""Does hfbench measure what a bare timing loop measures?

BERT-base, batch 1, sequence 64, torch eager on the CPU: hfbench's worker and a bare
`perf_counter_ns` loop, each in fresh processes of the same environment, in ABBA order. Prints the
ratio of their medians with its 95 % interval, and what the harness costs in wall time.

    make bias
"""

import json
import subprocess
from pathlib import Path
from statistics import median

import numpy as np

from hfbench_aggregate.statistics import compare_versions
from hfbench_schema.submission import ProcessRun, timed_iterations
from hfbench_schema.suites import latest_suite
from hfbench_submit.environments import build_environments
from hfbench_submit.launching import worker_environ
from hfbench_submit.machine_facts import machine_facts, usable_cores
from hfbench_submit.planning import Slot
from hfbench_submit.sitting import SittingPlan, measure_slot
from hfbench_worker.steady_state import LEAST_WARMUP

BASE, VERSION = "torch==2.13.0", "transformers==5.23.0"
PAIRS = 10
CELL = "smoke/bert-base/torch-eager/cpu/fp32/b1-s64"
BARE_LOOP = """
import json, sys, time
import torch
from transformers import BertConfig, BertModel
warmup, iterations = int(sys.argv[1]), int(sys.argv[2])
model = BertModel(BertConfig()).eval()
tokens = torch.randint(0, 30522, (1, 64))
durations = []
with torch.inference_mode():
    for _ in range(warmup + iterations):
        start = time.perf_counter_ns()
        model(input_ids=tokens)
        durations.append(time.perf_counter_ns() - start)
print(json.dumps(durations[warmup:]))
"""


def main() -> None:
    """Measure, and print the comparison."""
    suite = latest_suite("smoke")
    cells = [cell for cell in suite.cells if cell.id == CELL]
    environments = build_environments(BASE, [VERSION], print)
    plan = SittingPlan(suite, cells, environments, PAIRS, machine_facts())
    harness: list[ProcessRun] = []
    bare: list[float] = []
    for pair in range(PAIRS):
        for name in ("harness", "bare") if pair % 2 == 0 else ("bare", "harness"):
            if name == "harness":
                harness.append(measure_slot(plan, Slot(CELL, 0, pair)))
            else:
                bare.append(by_bare_loop(environments[0].python, suite.iterations))
        print(f"{pair + 1}/{PAIRS}: hfbench {_ms(harness[-1]):.2f} ms, bare {bare[-1]:.2f} ms")
    report([_ms(run) for run in harness], bare)
    overhead = median(run["wall_ns"] / sum(run["iterations_ns"]) for run in harness)
    print(f"wall time of a process run over the sum of its iterations: {overhead:.2f}")


def _ms(run: ProcessRun) -> float:
    return median(timed_iterations(run)) / 1e6


def by_bare_loop(python: Path, iterations: int) -> float:
    """Return the median in ms of a loop without any harness, over the same calls."""
    done = subprocess.run(
        [str(python), "-I", "-c", BARE_LOOP, str(LEAST_WARMUP + iterations), str(iterations)],
        env=worker_environ(usable_cores()),
        capture_output=True,
        check=True,
    )
    durations_ns: list[int] = json.loads(done.stdout)
    return median(durations_ns) / 1e6


def report(harness_ms: list[float], bare_ms: list[float]) -> None:
    """Print the ratio of hfbench to the bare loop, by the project's own comparison."""
    arms = [np.log([values]) - np.log(1e3) for values in (bare_ms, harness_ms)]
    found = compare_versions(*arms, sitting_sd=0.0, sittings_baseline=1, sittings_candidate=1)
    ratio, low, high = (float(np.exp(x[0])) for x in (found.theta, found.low, found.high))
    print(f"hfbench over bare loop: {ratio:.4f} [{low:.4f}, {high:.4f}] from {PAIRS} each")


if __name__ == "__main__":
    main()
