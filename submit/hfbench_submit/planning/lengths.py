"""How long trainings are, from their task, recipe and batches."""

from hfbench_schema.cells import Cell
from hfbench_schema.submission import TaskData
from hfbench_schema.suites import Suite


def training_length(suite: Suite, cell: Cell, data: TaskData | None = None) -> tuple[int, int]:
    """Return how many epochs and how many steps a training has.

    Args:
        suite: a suite of training.
        cell: one of its cells.
        data: the examples there are; without it, those that are published.
    """
    recipe = suite.models[cell.model].recipe
    assert recipe is not None  # noqa: S101 - every model of such a suite has one
    examples = data["train_examples"] if data else suite.tasks[cell.task].train_examples
    epochs = int(recipe["epochs"])
    return epochs, epochs * (examples // cell.global_batch_size)
