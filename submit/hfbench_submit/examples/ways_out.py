"""What to do where the Hub does not give what cells need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hfbench_schema.cells import Cell
from hfbench_schema.suites import Model, Suite, TrainingTask
from hfbench_submit.examples.hub import Wanted
from hfbench_submit.examples.loading import FORMATS


@dataclass(frozen=True)
class Missing:
    """What a task or a model needs of the Hub, and why it cannot be had."""

    owner: TrainingTask | Model
    wanted: Wanted
    reason: str


def ways_out(suite: Suite, cells: Sequence[Cell], missing: Sequence[Missing]) -> str:
    """Return what is missing, for how many of the selected cells, and every way out."""
    lines = ["the Hub does not give what these cells need:"]
    for one in missing:
        kind = "task" if isinstance(one.owner, TrainingTask) else "model"
        count = sum(one.owner.name in (cell.task, cell.model) for cell in cells)
        needed = f"{one.wanted.repository}, for {kind} {one.owner.name} ({count} cells)"
        lines.append(f"  {needed}: {one.reason}")
    ways = (*_copies(missing), *_caches(missing), *_other_models(suite, cells, missing))
    return "\n".join([*lines, "What can be done:", *ways, *_built_in(suite)])


def _copies(missing: Sequence[Missing]) -> Iterator[str]:
    if tasks := [one.owner for one in missing if isinstance(one.owner, TrainingTask)]:
        yield f"  give local copies, each a folder with {FORMATS}:"
        for task in tasks:
            columns = ", ".join(task.columns)
            yield f"    --data {task.name}=PATH, with the columns {columns} and label (0 or 1)"


def _caches(missing: Sequence[Missing]) -> Iterator[str]:
    if wanted := [one.wanted for one in missing if isinstance(one.owner, Model)]:
        yield "  fill the Hub's cache where there is a network, and copy it here:"
        for one in wanted:
            files = " ".join(one.paths)
            yield f"    hf download {one.repository} {files} --revision {one.revision}"


def _other_models(suite: Suite, cells: Sequence[Cell], missing: Sequence[Missing]) -> Iterator[str]:
    models = dict.fromkeys(cell.model for cell in cells)
    others = [model for model in models if suite.models[model].checkpoint is None]
    if others and any(isinstance(one.owner, Model) for one in missing):
        yield "  or measure only the models that need no checkpoint:"
        yield "    " + " ".join(f"--cells '{suite.name}/{model}/*'" for model in others)


def _built_in(suite: Suite) -> Iterator[str]:
    for task in suite.tasks.values():
        if task.dataset is None:
            yield "  or measure the built-in task, which needs none of it:"
            yield f"    --cells '{suite.name}/*/{task.name}'"
