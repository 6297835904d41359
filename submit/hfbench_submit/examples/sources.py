"""Where examples and checkpoints come from."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hfbench_schema.cells import Cell
from hfbench_schema.suites import Model, Suite, TrainingTask
from hfbench_submit.errors import SubmitError
from hfbench_submit.examples.checking import check_published, checked_task
from hfbench_submit.examples.checkpoints import wanted_checkpoint
from hfbench_submit.examples.examples import Task
from hfbench_submit.examples.grammar import grammar_task
from hfbench_submit.examples.hub import Hub, HubError, Wanted
from hfbench_submit.examples.loading import read_tables, wanted_dataset
from hfbench_submit.examples.ways_out import Missing, ways_out


def get_sources(
    suite: Suite, cells: Sequence[Cell], copies: Mapping[str, Path], say: Callable[[str], None]
) -> tuple[dict[str, Task], dict[str, Path]]:
    """Return the examples of each task, and the folder of each model's checkpoint, if it has one.

    What lies here is read first; of what the Hub does not give, all is told at once.

    Raises:
        SubmitError: something cannot be had, or is not what the suite asks for.
    """
    _check_copies(suite, copies)
    tasks = [suite.tasks[name] for name in dict.fromkeys(cell.task for cell in cells)]
    models = [suite.models[name] for name in dict.fromkeys(cell.model for cell in cells)]
    found = {task.name: _found_here(task, copies) for task in tasks}
    published = [task for task in tasks if found[task.name] is None]
    fetched = _fetch_all(suite, cells, [*published, *models], say)
    for task in published:
        found[task.name] = _published(task, fetched[task.name])
    examples = {name: task for name, task in found.items() if task is not None}
    return examples, {m.name: fetched[m.name] for m in models if m.name in fetched}


def _check_copies(suite: Suite, copies: Mapping[str, Path]) -> None:
    for name in copies:
        task = suite.tasks.get(name)
        if task is None or task.dataset is None:
            possible = ", ".join(name for name, task in suite.tasks.items() if task.dataset)
            why = "is built in" if task else f"is no task of suite {suite.name}"
            raise SubmitError(f"--data {name}=...: {name} {why}; it can be one of {possible}")


def _found_here(task: TrainingTask, copies: Mapping[str, Path]) -> Task | None:
    """Return a task that needs no Hub: the built-in one, or one with a local copy."""
    if task.dataset is None:
        return grammar_task(task.train_examples, task.validation_examples)
    if task.name not in copies:
        return None
    return checked_task(task, "local", read_tables(copies[task.name]))


def _published(task: TrainingTask, folder: Path) -> Task:
    examples = checked_task(task, "hub", read_tables(folder))
    check_published(task, examples)
    return examples


def _fetch_all(
    suite: Suite,
    cells: Sequence[Cell],
    owners: Sequence[TrainingTask | Model],
    say: Callable[[str], None],
) -> dict[str, Path]:
    """Return the folder of what each task or model needs of the Hub, by its name."""
    hub, folders = Hub(say), dict[str, Path]()
    missing: list[Missing] = []
    for owner in owners:
        wanted = _wanted(owner, cells)
        if wanted is None:
            continue
        try:
            folders[owner.name] = hub.fetch(wanted)
        except HubError as error:
            missing.append(Missing(owner, wanted, str(error)))
    if missing:
        raise SubmitError(ways_out(suite, cells, missing))
    return folders


def _wanted(owner: TrainingTask | Model, cells: Sequence[Cell]) -> Wanted | None:
    if isinstance(owner, Model):
        return wanted_checkpoint(owner, [cell for cell in cells if cell.model == owner.name])
    return wanted_dataset(owner.dataset) if owner.dataset else None
