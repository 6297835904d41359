"""Submissions of the training suite made up for tests, with known truth, and their report."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from click.testing import CliRunner
from tests.aggregate.conftest import NEW, Document, environment, framed, propose

from hfbench_aggregate.cli import main
from hfbench_aggregate.intake import take_in
from hfbench_aggregate.stores.local import LocalStore
from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.rules_tasks import BUILT_IN_SHA256
from hfbench_schema.suites import latest_suite
from hfbench_schema.timestamps import format_moment
from hfbench_schema.training_figures import final_score

SUITE = latest_suite("training")
MS, S, MIB = 10**6, 10**9, 2**20
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DATA = "5d" * 32

Row = dict[str, Any]


def cell_id(
    mode: str = "eager",
    precision: str = "fp32",
    world_size: int = 1,
    *,
    framework: str = "torch",
    device: str = "cpu",
    task: str = "grammar",
) -> str:
    """Return the id of a cell of the suite, of the smallest model that trains on the task."""
    wanted = (framework, mode, device, precision, world_size, task)
    return next(
        cell.id
        for cell in SUITE.cells
        if (cell.framework, cell.mode, cell.device, cell.precision, cell.world_size, cell.task)
        == wanted
    )


FP32, AMP = cell_id(), cell_id(precision="bf16-autocast")
COMPILE, BOTH = cell_id("compile"), cell_id("compile", "bf16-autocast")
TWO = cell_id(world_size=2)


@dataclass(frozen=True)
class Truth:
    """How an arm behaves: log times scatter by `noise`, right answers by `spread` examples."""

    step_ms: float = 20.0
    compiling_s: float = 0.0
    right: float = 460.0
    noise: float = 0.01
    spread: float = 3.0


@dataclass
class Trainer:
    """Makes submissions of trainings; one seed, always the same."""

    random: Random = field(default_factory=lambda: Random(2019))
    started: datetime = datetime(2026, 11, 2, 9, 0, 0, tzinfo=UTC)

    def document(
        self,
        truths: Mapping[str, Truth],
        seeds: int = 4,
        *,
        nodes: int = 1,
        source: str = "",
        examples: tuple[int, int] | None = None,
        memory: bool = False,
    ) -> Document:
        """Return a sitting in one environment, with a block for each seed."""
        self.started = moment = self.started + timedelta(hours=8)
        runs: list[Document] = []
        tasks = _tasks(truths, source, examples)
        for block in range(seeds):
            for cell, truth in truths.items():
                runs.append(self.training(cell, block, truth, tasks))
                runs[-1]["started_at"] = format_moment(moment)
                moment += timedelta(seconds=runs[-1]["wall_ns"] / S + 1)
        for cell in truths if memory else ():
            runs.append(_memory(cell, format_moment(moment)))
            moment += timedelta(seconds=60)
        protocol = {"roles": ["training", "memory"], "process_runs": seeds}
        protocol |= {"nodes": nodes} if nodes > 1 else {}
        parts = {"environments": [environment(NEW, 0)], "tasks": tasks, "process_runs": runs}
        return framed(SUITE, self.random, (self.started, moment), protocol) | parts

    def training(
        self, cell_id: str, block: int, truth: Truth, tasks: Mapping[str, Document]
    ) -> Document:
        """Return one process run: slow first steps, those that compile, then steady ones."""
        cell = parse_cell(cell_id)
        data, recipe = tasks[cell.task], SUITE.models[cell.model].recipe
        assert recipe is not None
        epochs = int(recipe["epochs"])
        each = data["train_examples"] // cell.global_batch_size
        level = truth.step_ms * MS * self.random.lognormvariate(0, truth.noise)
        ranks = cell.world_size if cell.framework == "torch" else 1
        steps = [self._steps(level, each * epochs, truth, rank) for rank in range(ranks)]
        right = truth.right + self.random.gauss(0, truth.spread)
        record: Document = {
            "seed": SUITE.seed + block,
            "end_to_end_ns": 0,
            "epochs": [
                _epoch(
                    cell,
                    steps,
                    slice(e * each, (e + 1) * each),
                    right - 40 * (epochs - e - 1),
                    data,
                )
                for e in range(epochs)
            ],
            "steps_ns": steps,
            "losses_micro": [700_000 - k for k in range(each * epochs)],
            "compiled_steps": [0] if truth.compiling_s else [],
        }
        record["end_to_end_ns"] = 3 * S + sum(
            epoch["training_ns"] + epoch["evaluation_ns"] for epoch in record["epochs"]
        )
        return {
            "cell": cell_id,
            "environment": 0,
            "block": block,
            "role": "training",
            "caches": "empty",
            "wall_ns": record["end_to_end_ns"] + 5 * S,
            "status": "ok",
            "phases_ns": {"import": 2 * S, "build": S, "prepare": S // 1000},
            "threads": {"intra_op": 2, "inter_op": 1},
            "contamination": {"foreign_cpu_ms": 0},
            "training": record,
        }

    def _steps(self, level: float, count: int, truth: Truth, rank: int) -> list[int]:
        """Return the steps of a rank; rank 0 is the slowest."""
        share = 1.0 if rank == 0 else 0.9
        steps = [int(level * share * self.random.uniform(0.99, 1.01)) for _ in range(count)]
        steps[0] += int(truth.compiling_s * S)
        return steps


def _tasks(
    truths: Mapping[str, Truth], source: str, examples: tuple[int, int] | None
) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for cell in map(parse_cell, truths):
        task = SUITE.tasks[cell.task]
        train, validation = examples or (task.train_examples, task.validation_examples)
        tokenizer = {"kind": "trained", "sha256": "7e" * 32, "vocabulary": 1024}
        found[cell.task] = {
            "source": source or ("hub" if task.dataset else "built_in"),
            "sha256": BUILT_IN_SHA256.get(cell.task, DATA),
            "train_examples": train,
            "validation_examples": validation,
            "tokenizers": {cell.model: tokenizer},
        }
    return found


def _epoch(
    cell: Cell, steps: list[list[int]], part: slice, right: float, data: Document
) -> Document:
    loading = [MS] * len(steps)
    return {
        "training_ns": max(sum(rank[part]) for rank in steps) + 2 * MS,
        "loading_ns": loading,
        "evaluation_ns": S // 2,
        "tokens": 10 * cell.global_batch_size * len(steps[0][part]),
        "confusion": confusion(round(right), data["validation_examples"]),
    }


def confusion(right: int, examples: int) -> list[int]:
    """Return a confusion with so many right answers, half of each label, errors alike."""
    negatives, positives = (examples + 1) // 2, examples // 2
    wrong = examples - max(0, min(right, examples))
    return [
        negatives - wrong // 2,
        wrong // 2,
        math.ceil(wrong / 2),
        positives - math.ceil(wrong / 2),
    ]


def _memory(cell: str, moment: str) -> Document:
    sizes = {"host_imported": 300 * MIB, "host_built": 400 * MIB, "host_peak": 900 * MIB}
    return {
        "cell": cell,
        "environment": 0,
        "block": 0,
        "role": "memory",
        "started_at": moment,
        "wall_ns": 20 * S,
        "status": "ok",
        "contamination": {"foreign_cpu_ms": 0},
        "memory": sizes,
    }


def failed(cell: str, block: int, status: str, reason: str, moment: str) -> Document:
    """Return a process run that gave nothing."""
    return {
        "cell": cell,
        "environment": 0,
        "block": block,
        "role": "training",
        "caches": "empty",
        "started_at": moment,
        "wall_ns": 5 * S,
        "status": status,
        "reason": reason,
        "contamination": {"foreign_cpu_ms": 0},
    }


def store_with(folder: Path, *documents: Document) -> Path:
    """Take documents into a store; all of them must be accepted."""
    for document in documents:
        propose(folder, document)
    decisions = take_in(LocalStore(folder), lambda: NOW).decisions
    assert {d.outcome for d in decisions} == {"accepted"}, [d.report.findings for d in decisions]
    return folder


def factorial() -> dict[str, Truth]:
    """Eight arms: AMP 1.5 times as fast, compile 1.25, both 1.1 times more, 2 devices 1.6."""
    truths = {}
    for mode, compiled in (("eager", False), ("compile", True)):
        for precision, amp in (("fp32", False), ("bf16-autocast", True)):
            for devices in (1, 2):
                gain = (1.25 if compiled else 1) * (1.5 if amp else 1)
                gain *= (1.1 if amp and compiled else 1) * (0.8 if devices == 2 else 1)
                truths[cell_id(mode, precision, devices)] = Truth(
                    step_ms=20 / gain, compiling_s=3.0 if compiled else 0.0, noise=0.004
                )
    return truths


def call(*arguments: object, columns: int = 100) -> str:
    result = CliRunner(env={"COLUMNS": str(columns)}).invoke(main, [*map(str, arguments)])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def report(folder: Path, *documents: Document) -> list[Row]:
    text = call("training", store_with(folder, *documents), "--format", "json")
    groups: list[Row] = json.loads(text)
    return groups


def named(rows: list[Row], name: str) -> Row:
    return next(row for row in rows if row["name"] == name)


def of_cell(document: Document, cell: str) -> list[Document]:
    runs: list[Document] = document["process_runs"]
    return [run for run in runs if (run["cell"], run["role"]) == (cell, "training")]


def points(document: Document, cell: str) -> np.ndarray:
    runs = of_cell(document, cell)
    return np.array([100 * (final_score(run["training"], "accuracy") or 0) for run in runs])


def diverge(run: Document, step: int) -> None:
    """End a training in a step whose loss is not finite."""
    record, each = run["training"], 64
    epochs = step // each
    record["epochs"] = record["epochs"][:epochs]
    record["losses_micro"] = [*record["losses_micro"][:step], None]
    record["steps_ns"] = [steps[: step + 1] for steps in record["steps_ns"]]
    reason = f"the loss is not finite in step {step} of 320 (epoch {epochs + 1})"
    run.update(status="diverged", reason=reason)
