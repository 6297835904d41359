"""Whether examples are what a task and its cells need."""

from collections.abc import Sequence
from typing import Any, Final

from hfbench_schema.cells import Cell
from hfbench_schema.suites import TrainingTask
from hfbench_submit.errors import SubmitError
from hfbench_submit.examples.examples import SPLITS, Examples, Task
from hfbench_submit.examples.loading import Table

_LABELS: Final = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
"""Labels as they may be written: one that is missing makes numbers or text of a whole column."""


def checked_task(task: TrainingTask, source: str, tables: dict[str, Table]) -> Task:
    """Return the examples in tables; a row counts from 1, a header left out.

    Raises:
        SubmitError: a column is missing, a value is not what it must be, or a split has not both
            labels.
    """
    splits = (_checked_split(task, tables[split]) for split in SPLITS)
    return Task(source, *splits)


def check_published(task: TrainingTask, examples: Task) -> None:
    """Make sure that a task's dataset on the Hub has as many examples as the suite says.

    Raises:
        SubmitError: it has not.
    """
    wanted = (task.train_examples, task.validation_examples)
    for split, count in zip(SPLITS, wanted, strict=True):
        found = len(examples.splits[split])
        if found != count:
            raise SubmitError(
                f"task {task.name} has {found:,} {split} examples in the Hub's cache, and those "
                f"published are {count:,}. If HF_ENDPOINT names a mirror, unset it; delete the "
                "dataset from the cache (hf cache rm), and repeat the command"
            )


def check_enough(task: TrainingTask, examples: Task, cells: Sequence[Cell]) -> None:
    """Make sure that there is at least one step in an epoch of each of a task's cells.

    Raises:
        SubmitError: there is none in the largest.
    """
    largest = max(cells, key=lambda cell: cell.global_batch_size)
    needed = largest.global_batch_size
    if len(examples.train) < needed:
        raise SubmitError(
            f"task {task.name} has {len(examples.train):,} training examples, and a single step "
            f"of {largest.id} takes {needed:,}: give more, or leave such cells out with --cells"
        )


def _checked_split(task: TrainingTask, table: Table) -> Examples:
    wanted = [*task.columns, "label"]
    if missing := [column for column in wanted if column not in table.columns]:
        raise SubmitError(
            f"{table.name} has no column {missing[0]}, but {_listed(table.columns)}; "
            f"task {task.name} needs {_listed(wanted)}"
        )
    texts = [_checked_texts(table, column) for column in task.columns]
    labels = _checked_labels(task, table)
    return Examples(list(zip(*texts, strict=True)), labels)


def _checked_texts(table: Table, column: str) -> list[str]:
    values = table.column(column)
    for row, value in enumerate(values, start=1):
        if not isinstance(value, str):
            raise SubmitError(f"{table.name}, row {row}: {column} is {value!r}, which is no text")
    return values


def _checked_labels(task: TrainingTask, table: Table) -> list[int]:
    labels = []
    for row, label in enumerate(table.column("label"), start=1):
        if str(label) not in _LABELS:
            raise SubmitError(f"{table.name}, row {row}: {_wrong_label(task, label)}")
        labels.append(_LABELS[str(label)])
    if not labels:
        raise SubmitError(f"{table.name} has no examples")
    if len(set(labels)) == 1:
        raise SubmitError(
            f"{table.name} has only the label {labels[0]}: there is nothing to tell apart"
        )
    return labels


def _wrong_label(task: TrainingTask, label: Any) -> str:
    said = f"label is {label!r}, and the labels of task {task.name} are the numbers 0 and 1"
    if label == -1:
        return said + "; -1 is for examples whose label is kept secret, as those of a test split"
    return said


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
