"""Rules on suites of training: what is asked for in them, and on which examples they train."""

from collections.abc import Iterator
from typing import Final

from hfbench_schema.reports import Finding, finding
from hfbench_schema.rules_places import cell_of
from hfbench_schema.submission import (
    DIVERGED,
    INFERENCE_ROLES,
    TRAINING_ROLES,
    Submission,
    TaskData,
    role_of,
)
from hfbench_schema.suites import Suite, TrainingTask

BUILT_IN_SHA256: Final = {
    "grammar": "a83ef9eac0054dd2f8bc8adc777235b6aa2a5637f20ba772d6b53f95af316afb"
}
"""Of the text and labels of the tasks that are hfbench's own, which never change."""

_STATUSES_OF_CALLS: Final = ("no_steady_state", "wrong_output")


def check_kind(document: Submission, suite: Suite) -> Iterator[Finding]:
    """HFB060, HFB061: roles and statuses are those of the suite's kind: trainings, or calls."""
    roles = TRAINING_ROLES if suite.tasks else INFERENCE_ROLES
    for index, run in enumerate(document["process_runs"]):
        pointer, role, status = f"/process_runs/{index}", role_of(run), run["status"]
        if role not in roles:
            yield finding("HFB060", pointer, role=role, suite=suite.name, roles=", ".join(roles))
        of_calls = bool(suite.tasks) and status in _STATUSES_OF_CALLS
        if of_calls or (status == DIVERGED and role != "training"):
            yield finding("HFB061", pointer, status=status, role=role, suite=suite.name)


def check_protocol(document: Submission, suite: Suite) -> Iterator[Finding]:
    """HFB074, HFB075: trainings have no iterations, and of their cells machines share some.

    Those that they cannot share evenly are measured on one of them, in the same sitting.
    """
    protocol, has = document["protocol"], "iterations" in document["protocol"]
    if has == bool(suite.tasks):
        yield finding("HFB074", "/protocol", has="a" if has else "no", suite=suite.name)
    nodes = protocol.get("nodes", 1)
    if not any(cell.framework == "torch" and cell.world_size % nodes == 0 for cell in suite.cells):
        yield finding("HFB075", "/protocol/nodes", nodes=nodes, suite=suite.name)


def check_tasks(document: Submission) -> Iterator[Finding]:
    """HFB070, HFB076: it is told what every task's examples and tokenizers are, of no others'."""
    cells = {cell for cell in map(cell_of, document["process_runs"]) if cell is not None}
    trained, told = {cell.task for cell in cells} - {""}, document.get("tasks", {})
    for task in sorted(trained - set(told)):
        yield finding("HFB070", "/tasks", task=task, what="is not told what its examples are")
    for task in sorted(set(told) - trained):
        yield finding("HFB070", f"/tasks/{task}", task=task, what="is no cell's")
    for task, model in sorted({(cell.task, cell.model) for cell in cells if cell.task in told}):
        if model not in told[task]["tokenizers"]:
            yield finding("HFB076", f"/tasks/{task}/tokenizers", task=task, model=model)


def check_examples(document: Submission, suite: Suite) -> Iterator[Finding]:
    """HFB071, HFB072, HFB077: examples are from where they can be, and are what is there."""
    for name, data in document.get("tasks", {}).items():
        if (task := suite.tasks.get(name)) is None:
            continue
        pointer, source = f"/tasks/{name}", data["source"]
        if (source == "built_in") != (task.dataset is None):
            yield finding("HFB071", f"{pointer}/source", task=name, source=source)
        elif source != "local":
            yield from _check_published(task, data, pointer)


def _check_published(task: TrainingTask, data: TaskData, pointer: str) -> Iterator[Finding]:
    """HFB072, HFB077: examples that were published are all there, and those of hfbench's own."""
    wanted = (task.train_examples, task.validation_examples)
    if (found := (data["train_examples"], data["validation_examples"])) != wanted:
        yield finding(
            "HFB072", pointer, task=task.name, count=" and ".join(map(str, found)),
            wanted=" and ".join(map(str, wanted)),
        )  # fmt: skip
    sha256 = BUILT_IN_SHA256.get(task.name, data["sha256"])
    if data["sha256"] != sha256:
        yield finding("HFB077", f"{pointer}/sha256", task=task.name, wanted=sha256)


def check_labels(document: Submission) -> Iterator[Finding]:
    """HFB069: a task has the same labels in every evaluation, whatever was answered."""
    labels: dict[str, tuple[int, int]] = {}
    for index, run in enumerate(document["process_runs"]):
        if (cell := cell_of(run)) is None or "training" not in run:
            continue
        for number, epoch in enumerate(run["training"]["epochs"]):
            tn, fp, fn, tp = epoch["confusion"]
            found = (tn + fp, fn + tp)
            if (first := labels.setdefault(cell.task, found)) != found:
                pointer = f"/process_runs/{index}/training/epochs/{number}/confusion"
                yield finding(
                    "HFB069", pointer, task=cell.task, found=" and ".join(map(str, found)),
                    first=" and ".join(map(str, first)),
                )  # fmt: skip
