"""A document of trainings that keeps every rule, and changes of it that break one."""

import copy
from typing import Any

from tests.schema.breaches import SECOND, Change, Document, at, bare, put

from hfbench_schema.rules_tasks import BUILT_IN_SHA256
from hfbench_schema.suites import latest_suite

TASK = "training/bert-tiny/{}/cpu/{}/b32-s32-w{}/grammar"
EAGER = TASK.format("torch-eager", "fp32", 1)
AMP = TASK.format("torch-eager", "fp16-autocast", 1)
RANKS = TASK.format("torch-compile", "fp32", 2)
MIRRORED = TASK.format("tensorflow-graph", "fp32", 2)
SST2 = "training/bert-mini/torch-eager/cpu/fp32/b32-s64-w1/sst2"
# In the order of `trained`.
PLAIN, OTHER_VERSION, DISTRIBUTED, TENSORFLOW, DIVERGED, DISTURBED, REPEATED, PEAK, LOCAL = range(9)
STEPS_OF_DIVERGED = 70
MILLISECOND = 10**6


def trained(document: Document) -> Document:
    """Return a document of the suite `training`: every way to end, several ranks, two tasks."""
    result, suite = copy.deepcopy(document), latest_suite("training")
    result["suite"] = {"name": suite.name, "version": suite.version, "sha256": suite.sha256}
    result["protocol"] |= {"roles": ["training", "memory"], "process_runs": 1}
    del result["protocol"]["iterations"]
    tokenizers = {"kind": "trained", "sha256": "1f" * 32, "vocabulary": 1000}
    result["tasks"] = {
        "grammar": {
            "source": "built_in", "sha256": BUILT_IN_SHA256["grammar"], "train_examples": 2048,
            "validation_examples": 512, "tokenizers": {"bert-tiny": tokenizers},
        },
        "sst2": {
            "source": "local", "sha256": "3d" * 32, "train_examples": 100,
            "validation_examples": 40, "tokenizers": {"bert-mini": tokenizers},
        },
    }  # fmt: skip
    result["process_runs"] = trainings()
    return result


def trainings() -> list[Document]:
    """Return the process runs that PLAIN to LOCAL number."""
    foreign = {"contamination": {"foreign_cpu_ms": 4000}, "reason": "foreign CPU time 80 %"}
    diverged = training(AMP, steps=STEPS_OF_DIVERGED, epochs=1, salt=5)
    diverged["training"]["losses_micro"][-1] = None
    few = training(SST2, steps=9, epochs=3, salt=8)
    for epoch in few["training"]["epochs"]:
        epoch["confusion"] = [15, 5, 8, 12]
    return [
        training(EAGER, salt=1),
        training(EAGER, salt=2) | {"environment": 1},
        training(RANKS, steps=160, ranks=2, salt=3),
        training(MIRRORED, steps=160, salt=4),
        diverged | {"status": "diverged", "reason": "the loss is not finite in step 70 of 320"},
        training(TASK.format("torch-compile", "fp32", 1), salt=6) | foreign
        | {"status": "contaminated"},
        training(TASK.format("torch-compile", "fp32", 1), salt=7) | {"attempt": 1},
        bare({
            "cell": EAGER, "role": "memory",
            "memory": {"host_imported": 300, "host_built": 700, "host_peak": 900},
        }),
        few,
    ]  # fmt: skip


def training(
    cell: str, *, block: int = 0, steps: int = 320, ranks: int = 1, epochs: int = 5, salt: int
) -> Document:
    """Return a process run of the role `training`; `salt` makes its times its own."""
    times = [[MILLISECOND + salt + rank] * steps for rank in range(ranks)]
    epoch = {
        "training_ns": 200 * MILLISECOND, "loading_ns": [MILLISECOND] * ranks,
        "evaluation_ns": 100 * MILLISECOND, "tokens": 900, "confusion": [200, 56, 100, 156],
    }  # fmt: skip
    record = {
        "seed": latest_suite("training").seed + block, "end_to_end_ns": 4 * SECOND,
        "epochs": [copy.deepcopy(epoch) for _ in range(epochs)], "steps_ns": times,
        "losses_micro": [700_000] * steps, "compiled_steps": [0, 1],
    }  # fmt: skip
    return bare({
        "cell": cell, "block": block, "role": "training", "caches": "empty", "training": record,
        "phases_ns": {"import": SECOND, "build": SECOND, "prepare": SECOND},
        "threads": {"intra_op": 2, "inter_op": 1},
    })  # fmt: skip


def record(index: int, *keys: str | int, value: Any) -> Change:
    """Return a change of a training's record."""
    return put(value, "process_runs", index, "training", *keys)


def shortened(index: int, *keys: str | int) -> Change:
    """Return a change that takes the last item off a list in a training's record."""

    def change(document: Document) -> None:
        place = document["process_runs"][index]["training"]
        for key in keys:
            place = place[key]
        place.pop()

    return change


def copied_steps(document: Document) -> None:
    """Train in two versions in the same time, step by step."""
    first, second = document["process_runs"][PLAIN], document["process_runs"][OTHER_VERSION]
    second["training"]["steps_ns"] = first["training"]["steps_ns"]


def unknown_task(document: Document) -> None:
    """Say of a task what its examples are, which no cell trains on."""
    document["tasks"]["cola"] = document["tasks"]["sst2"]


def forgotten_task(document: Document) -> None:
    """Say nothing of a task that a cell trains on."""
    del document["tasks"]["sst2"]


def recorded_calls(document: Document) -> None:
    """Train in the role `memory` and keep the record."""
    document["process_runs"][PEAK]["training"] = document["process_runs"][PLAIN]["training"]


HUB = put("hub", "tasks", "sst2", "source")
FAILED = {"status": "error", "reason": "in step 3 of 320 (epoch 1): no such thing"}
TOO_LONG = (7 + 320 + 5 * (2 + 16)) * 600 * SECOND + 61 * SECOND

TRAINED: dict[str, list[Change]] = {
    "HFB031": [record(PLAIN, "epochs", 0, "training_ns", value=3 * SECOND)],
    "HFB033": [at(PLAIN, wall_ns=TOO_LONG), at(PEAK, wall_ns=16 * 600 * SECOND)],
    "HFB036": [put(["memory"], "protocol", "roles")],
    "HFB037": [at(PLAIN, caches="warm"), at(PLAIN, caches=None, **FAILED, training=None)],
    "HFB039": [put("fork_server", "protocol", "launch")],
    "HFB043": [copied_steps],
    "HFB044": [at(DISTURBED, contamination={"foreign_cpu_ms": 0})],
    "HFB045": [
        at(DISTURBED, status="ok", reason=None),
        at(DIVERGED, contamination={"steal_ms": 4000}),
    ],
    "HFB046": [at(DISTURBED, training=None)],
    "HFB048": [at(DIVERGED, contamination={})],
    "HFB060": [at(LOCAL, role=role, **FAILED) for role in ("cold", "latency", "energy")],
    "HFB061": [
        at(PLAIN, status="no_steady_state", reason="it never settled"),
        at(PEAK, status="diverged", reason="the loss is not finite"),
        at(PLAIN, status="wrong_output", reason="too far from the reference"),
    ],
    "HFB062": [
        at(PLAIN, **FAILED),
        at(DIVERGED, training=None),
        recorded_calls,
    ],
    "HFB063": [at(OTHER_VERSION, block=1), record(PLAIN, "seed", value=2020)],
    "HFB064": [
        shortened(PLAIN, "steps_ns", 0),
        shortened(DISTRIBUTED, "steps_ns", 1),
        shortened(DISTRIBUTED, "steps_ns"),
        record(TENSORFLOW, "steps_ns", value=[[5] * 160, [6] * 160]),
        shortened(PLAIN, "losses_micro"),
        shortened(PLAIN, "epochs"),
        record(DISTRIBUTED, "epochs", 4, "loading_ns", value=[MILLISECOND]),
        record(PLAIN, "epochs", value=[]),
        record(DIVERGED, "epochs", value=[]),
        put(2080, "tasks", "grammar", "train_examples"),
        shortened(DISTURBED, "losses_micro"),
    ],
    "HFB065": [
        record(PLAIN, "losses_micro", 319, value=None),
        record(PLAIN, "losses_micro", 3, value=None),
        record(DIVERGED, "losses_micro", 69, value=700_000),
        record(DIVERGED, "losses_micro", 0, value=None),
    ],
    "HFB066": [
        record(PLAIN, "compiled_steps", value=[1, 0]),
        record(PLAIN, "compiled_steps", value=[1, 1]),
        record(PLAIN, "compiled_steps", value=[320]),
    ],
    "HFB067": [
        record(PLAIN, "epochs", 1, "training_ns", value=60 * MILLISECOND),
        record(PLAIN, "epochs", 1, "loading_ns", value=[150 * MILLISECOND]),
        record(PLAIN, "steps_ns", 0, 70, value=SECOND),
        record(DISTRIBUTED, "steps_ns", 0, 70, value=SECOND),
        record(DISTRIBUTED, "steps_ns", 1, 70, value=5 * SECOND),
        record(DISTRIBUTED, "epochs", 1, "loading_ns", 1, value=5 * SECOND),
        record(DIVERGED, "steps_ns", 0, 66, value=3 * SECOND),
        record(PLAIN, "end_to_end_ns", value=2 * SECOND),
        record(PLAIN, "end_to_end_ns", value=6 * SECOND),
    ],
    "HFB068": [
        record(PLAIN, "epochs", 0, "confusion", value=[200, 56, 100, 157]),
        put(513, "tasks", "grammar", "validation_examples"),
    ],
    "HFB069": [record(OTHER_VERSION, "epochs", 2, "confusion", value=[200, 57, 100, 155])],
    "HFB070": [forgotten_task, unknown_task],
    "HFB071": [
        put("local", "tasks", "grammar", "source"),
        put("hub", "tasks", "grammar", "source"),
        put("built_in", "tasks", "sst2", "source"),
    ],
    "HFB072": [HUB, put(2049, "tasks", "grammar", "train_examples")],
    "HFB073": [
        record(PLAIN, "epochs", 0, "tokens", value=2048 * 32 + 1),
        record(PLAIN, "epochs", 0, "tokens", value=0),
    ],
    "HFB074": [put(10, "protocol", "iterations")],
    "HFB075": [put(3, "protocol", "nodes"), put(16, "protocol", "nodes")],
    "HFB076": [put({}, "tasks", "sst2", "tokenizers")],
    "HFB077": [put("2e" * 32, "tasks", "grammar", "sha256")],
}
