"""Does hfbench's training take as long a step as a plain training loop?

A BERT for sentence classification, fp32 on the CPU, AdamW: hfbench's worker and a loop as a person
would write it, over the same examples in the same order, each in fresh processes of the same
environment, in ABBA order. A step is forward, backward, clipping, the optimiser, zeroing gradients
and reading the loss; of each process the later half of its steps counts. Prints the ratio of the
medians of each pair, and their geometric mean with its 95 % interval.

    python -m benchmarks.training_bias --model bert-mini --mode torch-eager --pairs 10
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
from benchmarks.setting import (
    BASES,
    TIMEOUT_S,
    VERSION,
    paired_ratio_text,
    printed_by,
    tell_the_setting,
)

from hfbench_schema.cells import parse_cell
from hfbench_schema.suites import latest_suite
from hfbench_submit.environments.environments import Environment, build_environments
from hfbench_submit.launching.outcomes import outcome_fields
from hfbench_submit.launching.spawn import run_worker
from hfbench_submit.machine.facts import usable_cores
from hfbench_submit.machine.placement import usable_cpus

SUITE = latest_suite("training")
LENGTHS = {"bert-tiny": 32, "bert-mini": 64}
"""The models that a CPU trains in milliseconds a step, and the suite's sequence length of each."""
MODES = ["torch-eager", "torch-compile"]
BATCH = 32
STEPS = 96
_ROWS = {"train": BATCH * STEPS, "validation": BATCH}

_PLAIN_LOOP = """
import json, os, sys, time
import numpy as np
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification
plan = json.loads(sys.argv[1])
os.sched_setaffinity(0, plan["cpus"])
torch.manual_seed(plan["seed"])
fields, recipe, size = plan["model"]["config"], plan["recipe"], plan["cell"]["batch_size"]
config = AutoConfig.for_model(fields.pop("model_type"), num_labels=2, **fields)
model = AutoModelForSequenceClassification.from_config(config).train()
called = torch.compile(model) if plan["cell"]["mode"] == "compile" else model
optimizer = torch.optim.AdamW(
    model.parameters(), lr=recipe["learning_rate"], weight_decay=recipe["weight_decay"])
names = ("input_ids", "token_type_ids", "attention_mask", "labels")
arrays = {name: np.load(f"{plan['data']}/train-{name}.npy") for name in names}
data = {name: torch.from_numpy(array).long() for name, array in arrays.items()}
count = len(data["labels"])
steps = recipe["epochs"] * (count // size)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
durations = []
for epoch in range(recipe["epochs"]):
    order = np.random.default_rng([plan["seed"], epoch]).permutation(count)
    for first in range(0, count - size + 1, size):
        batch = {name: data[name][order[first : first + size]] for name in names}
        start = time.perf_counter_ns()
        loss = called(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe["clipping"])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        loss.item()
        durations.append(time.perf_counter_ns() - start)
print(json.dumps(durations))
"""


@click.command()
@click.option("--model", type=click.Choice(sorted(LENGTHS)), default="bert-mini", show_default=True)
@click.option("--mode", type=click.Choice(MODES), default=MODES[0], show_default=True)
@click.option("--pairs", type=click.IntRange(2), default=10, show_default=True)
def main(model: str, mode: str, pairs: int) -> None:
    """Measure, and print the comparison."""
    environment = build_environments(BASES["torch"], [VERSION], print)[0]
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_of(model, mode, Path(folder))
        write_examples(Path(folder), plan["model"]["config"]["vocab_size"], LENGTHS[model])
        tell_the_setting(
            f"{model} {mode}, {STEPS} steps of {BATCH} examples of {LENGTHS[model]} tokens, "
            f"hfbench's worker against a plain loop, {pairs} processes each"
        )
        ratios = [ratio_of_pair(environment, plan, number) for number in range(pairs)]
    print_ratio(ratios)


def plan_of(model: str, mode: str, data: Path) -> dict[str, Any]:
    """Return the plan of one epoch, as a sitting would give it to the worker of a cell."""
    cell = f"training/{model}/{mode}/cpu/fp32/b{BATCH}-s{LENGTHS[model]}-w1/grammar"
    found = SUITE.models[model]
    return {
        "role": "training",
        "cell": asdict(parse_cell(cell)),
        "model": {"inputs": found.inputs, "config": found.config, "checkpoint": None},
        "seed": SUITE.seed,
        "data": str(data),
        "recipe": {**(found.recipe or {}), "epochs": 1},
        "cpus": usable_cpus(),
    }


def write_examples(folder: Path, vocabulary: int, length: int) -> None:
    """Write sentences of random words, from half the sequence length to all of it."""
    chosen = np.random.default_rng(SUITE.seed)
    for split, rows in _ROWS.items():
        mask = np.arange(length) < chosen.integers(length // 2, length + 1, (rows, 1))
        arrays = {
            "input_ids": chosen.integers(1, vocabulary, (rows, length)) * mask,
            "token_type_ids": np.zeros((rows, length)),
            "attention_mask": mask,
            "labels": chosen.integers(0, 2, rows),
        }
        for name, array in arrays.items():
            np.save(folder / f"{split}-{name}.npy", array.astype(np.int32))


def ratio_of_pair(environment: Environment, plan: dict[str, Any], number: int) -> float:
    """Time both, in an order that alternates, and print the pair; return hfbench over plain."""
    arms = {"hfbench": timed_by_hfbench, "plain": timed_by_plain_loop}
    order = list(arms) if number % 2 == 0 else list(reversed(arms))
    found = {name: arms[name](environment, plan) for name in order}
    ratio = found["hfbench"] / found["plain"]
    times = ", ".join(f"{name} {found[name]:.2f} ms" for name in arms)
    print(f"{number + 1}: {times}, ratio {ratio:.4f}", flush=True)
    return ratio


def timed_by_hfbench(environment: Environment, plan: dict[str, Any]) -> float:
    """Return the median step of hfbench's worker in ms.

    Raises:
        SystemExit: it measured nothing; the reason is printed.
    """
    outcome = run_worker(environment.python, plan, usable_cores(), TIMEOUT_S)
    fields = outcome_fields(outcome, environment.facts["packages"], TIMEOUT_S)
    if fields["status"] != "ok":
        raise SystemExit(f"{fields['status']}: {fields['reason']}")
    return settled(fields["training"]["steps_ns"][0])


def timed_by_plain_loop(environment: Environment, plan: dict[str, Any]) -> float:
    """Return the median step of a loop without any harness, in ms."""
    return settled(json.loads(printed_by(environment.python, _PLAIN_LOOP, json.dumps(plan))))


def print_ratio(ratios: Sequence[float]) -> None:
    """Print hfbench over plain, pair by pair."""
    print(f"hfbench over plain loop: {paired_ratio_text(ratios)} (target: within 1 %)")


def settled(steps_ns: list[int]) -> float:
    """Return the median of the later half in ms: compiled, and with memory at hand."""
    assert len(steps_ns) == STEPS, len(steps_ns)  # noqa: S101 - both trained the same
    return median(steps_ns[STEPS // 2 :]) / 1e6


if __name__ == "__main__":
    main()
