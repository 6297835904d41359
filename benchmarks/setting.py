"""What the benchmarks share: environments, plans, the bare loops, and how a ratio is told."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any

import numpy as np
from scipy import stats

import hfbench_worker
from hfbench_aggregate.statistics import compare_versions
from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.suites import latest_suite
from hfbench_submit.environments.environments import Environment, build_environments
from hfbench_submit.launching.outcomes import outcome_fields
from hfbench_submit.launching.spawn import WorkerOutcome, worker_environ
from hfbench_submit.machine.facts import machine_facts, usable_cores
from hfbench_submit.machine.surroundings import load_now
from hfbench_worker.steady_state import LEAST_WARMUP

SUITE = latest_suite("inference")
TIMEOUT_S = 600
BASES = {"torch": "torch==2.13.0", "tensorflow": "tensorflow-cpu==2.21.0 tf-keras==2.21.0"}
VERSION = "transformers==4.57.6"

_TORCH_LOOP = """
import json, sys, time
import torch
from transformers import AutoConfig, AutoModel
job = json.loads(sys.argv[1])
config = AutoConfig.for_model(job["config"].pop("model_type"), **job["config"])
model = AutoModel.from_config(config).eval()
tokens = torch.randint(0, config.vocab_size, (job["batch_size"], job["sequence_length"]))
with torch.inference_mode():
    if job["mode"] == "compile":
        model = torch.compile(model)
    if job["mode"] == "torchscript":
        model = torch.jit.trace(model, tokens, strict=False)
    durations = []
    for _ in range(job["warmup"] + job["iterations"]):
        start = time.perf_counter_ns()
        model(tokens)
        durations.append(time.perf_counter_ns() - start)
print(json.dumps(durations[job["warmup"]:]))
"""
_TENSORFLOW_LOOP = """
import json, os, sys, time
import tensorflow as tf
from transformers import AutoConfig, TFAutoModel
job = json.loads(sys.argv[1])
tf.config.threading.set_intra_op_parallelism_threads(int(os.environ["OMP_NUM_THREADS"]))
tf.config.threading.set_inter_op_parallelism_threads(int(os.environ["OMP_NUM_THREADS"]))
config = AutoConfig.for_model(job["config"].pop("model_type"), **job["config"])
model = TFAutoModel.from_config(config)
shape = (job["batch_size"], job["sequence_length"])
tokens = tf.random.uniform(shape, maxval=config.vocab_size, dtype=tf.int32)
call = lambda tokens: model(tokens, training=False)
if job["mode"] != "eager":
    call = tf.function(call, jit_compile=job["mode"] == "xla")
durations = []
for _ in range(job["warmup"] + job["iterations"]):
    start = time.perf_counter_ns()
    call(tokens)
    durations.append(time.perf_counter_ns() - start)
print(json.dumps(durations[job["warmup"]:]))
"""
_LOOPS = {"torch": _TORCH_LOOP, "tensorflow": _TENSORFLOW_LOOP}


@dataclass(frozen=True)
class Timed:
    """One process: the median of its timed calls in ms, and its whole life in seconds."""

    median_ms: float
    wall_s: float


def cell_of(model: str, mode: str, batch_size: int, sequence_length: int) -> Cell:
    """Return a cell on the CPU in fp32; `mode` as in `torch-compile`."""
    return parse_cell(f"{SUITE.name}/{model}/{mode}/cpu/fp32/b{batch_size}-s{sequence_length}")


def environment_for(cell: Cell) -> Environment:
    """Return an environment with the cell's framework, built if it is not cached."""
    return build_environments(BASES[cell.framework], [VERSION], print)[0]


def worker_plan(cell: Cell) -> dict[str, Any]:
    """Return the plan that a sitting would give to the worker of a cell."""
    model = SUITE.models[cell.model]
    return {
        "role": "latency",
        "cell": asdict(cell),
        "model": {"inputs": model.inputs, "config": model.config},
        "seed": SUITE.seed,
        "iterations": SUITE.iterations,
    }


def timed_by_hfbench(outcome: WorkerOutcome, environment: Environment) -> Timed:
    """Return what a worker measured.

    Raises:
        SystemExit: it measured nothing; the reason is printed.
    """
    fields = outcome_fields(outcome, environment.facts["packages"], TIMEOUT_S)
    if "iterations_ns" not in fields:
        raise SystemExit(f"{fields['status']}: {fields['reason']}")
    durations_ns = fields["iterations_ns"][fields["warmup_iterations"] :]
    return Timed(median(durations_ns) / 1e6, outcome.wall_ns / 1e9)


def timed_by_bare_loop(python: Path, cell: Cell) -> Timed:
    """Time a loop without any harness, over the same calls."""
    job = {
        "config": SUITE.models[cell.model].config,
        "mode": cell.mode,
        "batch_size": cell.batch_size,
        "sequence_length": cell.sequence_length,
        "warmup": LEAST_WARMUP + SUITE.iterations,
        "iterations": SUITE.iterations,
    }
    start = perf_counter_ns()
    printed = printed_by(python, _LOOPS[cell.framework], json.dumps(job))
    wall_ns = perf_counter_ns() - start
    return Timed(median(json.loads(printed)) / 1e6, wall_ns / 1e9)


def printed_by(python: Path, program: str, *arguments: str) -> bytes:
    """Return what a program prints that runs as workers do: with their variables and threads."""
    done = subprocess.run(
        [str(python), "-P", "-s", "-c", program, *arguments],
        env=worker_environ(usable_cores()),
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout


def printed_by_loops(
    python: Path, program: str, plan: dict[str, Any], rounds: int
) -> list[dict[str, int]]:
    """Return the line of JSON of each round of a program that compares loops in one process.

    It is told the plan, how many rounds, and the folder that it can import the worker from.
    """
    package = str(Path(hfbench_worker.__file__).parent.parent)
    printed = printed_by(python, program, json.dumps(plan), str(rounds), package)
    return [json.loads(line) for line in printed.splitlines()]


def tell_the_setting(what: str) -> None:
    """Print what is measured, on which machine, and what else that machine is doing."""
    machine = machine_facts()
    print(f"what: {what}")
    print(
        f"machine: {machine['cpu']['name']}, {machine['usable_cores']} usable cores, "
        f"{machine['memory_gib']} GiB, {machine['os']} {machine.get('kernel', '')}"
    )
    print(f"load: {load_now()}", flush=True)


def ratio_text(baseline_ms: list[float], candidate_ms: list[float]) -> str:
    """Return the ratio of two arms with its 95 % interval, by the project's own comparison."""
    if min(len(baseline_ms), len(candidate_ms)) < 2:
        return f"{median(candidate_ms) / median(baseline_ms):.4f} (one process each: no interval)"
    arms = [np.log([values]) - np.log(1e3) for values in (baseline_ms, candidate_ms)]
    found = compare_versions(*arms, sitting_sd=0.0, sittings_baseline=1, sittings_candidate=1)
    ratio, low, high = (float(np.exp(x[0])) for x in (found.theta, found.low, found.high))
    return f"{ratio:.4f} [{low:.4f}, {high:.4f}] from {len(candidate_ms)} each"


def paired_ratio_text(ratios: Sequence[float]) -> str:
    """Return the geometric mean of each pair's ratio, with its 95 % interval by Student's t."""
    logs = np.log(ratios)
    reach = stats.t.ppf(0.975, len(logs) - 1) * stats.sem(logs)
    low, middle, high = np.exp([logs.mean() - reach, logs.mean(), logs.mean() + reach])
    return f"{middle:.4f} [{low:.4f}, {high:.4f}]"
