"""Suites: versioned, content-hashed lists of cells with their model configs embedded."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from itertools import product
from typing import Any

from hfbench_schema.canonical import document_sha256, strict_json
from hfbench_schema.cells import Cell, parse_cell

_AXES = ("models", "modes", "devices", "precisions", "batch_sizes", "sequence_lengths")
_TRAINING_AXES = (*_AXES, "world_sizes", "tasks")


class UnknownSuiteError(LookupError):
    """No suite has that name."""


@dataclass(frozen=True)
class Model:
    """An architecture at one size, as transformers' config classes read it.

    `config` holds `model_type` and every hyperparameter that fixes the network. `inputs` says
    what one call computes: `tokens` (the base model on token ids), `pixels` and `features` (the
    encoder of images, or of mel spectrograms), `pairs` (encoder and decoder on token ids),
    `prefill` (a language model on a prompt, filling its cache), `decode` (one more token after a
    cached prompt), `sentences` (a sentence classifier, which is trained). `checkpoint` names the
    `repository` and `revision` of the Hub that its weights and its tokenizer come from; without
    one its weights come from the seed, and its tokenizer is trained on the task's text. The
    `recipe` has the `epochs`, `learning_rate`, `weight_decay` and `clipping` (the largest norm of
    a step's gradients) of AdamW, whose rate falls linearly to 0 over the training.
    """

    name: str
    inputs: str
    config: dict[str, Any]
    checkpoint: dict[str, str] | None = None
    recipe: dict[str, float] | None = None


@dataclass(frozen=True)
class TrainingTask:
    """Sentences, or pairs of them, with the label 0 or 1.

    `dataset` names `repository`, `revision` and `configuration` on the Hub; None for the sentences
    of hfbench's own grammar, which are `ranked` with nothing. `columns` hold the text. `metrics`
    are what is published of it, the first one first: `accuracy`, `f1`, `matthews`. Numbers of
    examples are those of the published splits.
    """

    name: str
    dataset: dict[str, str] | None
    columns: list[str]
    metrics: list[str]
    ranked: bool
    train_examples: int
    validation_examples: int


@dataclass(frozen=True)
class Suite:
    """A published list of cells; a version, once released, never changes.

    `process_runs` and `iterations` are what a submission is asked for, for each cell in each
    environment; `seed` fixes weights and inputs. With `controls`, a sitting measures the anchor
    workload and an A/A canary beside the cells. A suite with `tasks` is one of training: it has no
    iterations, and block b is trained from `seed` + b, in every cell and environment.
    """

    name: str
    version: int
    sha256: str
    seed: int
    process_runs: int
    iterations: int
    models: dict[str, Model]
    cells: tuple[Cell, ...]
    controls: bool
    tasks: dict[str, TrainingTask]

    @cached_property
    def cell_ids(self) -> tuple[str, ...]:
        """The ids of all cells, in the suite's order."""
        return tuple(cell.id for cell in self.cells)


def suite_from_document(document: dict[str, Any]) -> Suite:
    """Build a suite from its JSON document.

    Raises:
        ValueError: a cell id is malformed.
        KeyError: a field is missing.
    """
    models = {name: Model(name, **fields) for name, fields in document["models"].items()}
    return Suite(
        name=document["name"],
        version=document["version"],
        sha256=document_sha256(document),
        seed=document["seed"],
        process_runs=document["process_runs"],
        iterations=document.get("iterations", 0),
        models=models,
        cells=tuple(_cells(document)),
        controls=document.get("controls", False),
        tasks={
            name: TrainingTask(name, **fields) for name, fields in document.get("tasks", {}).items()
        },
    )


def _cells(document: dict[str, Any]) -> Iterator[Cell]:
    """Yield the cells that are listed one by one, then those of each grid: every combination."""
    yield from (parse_cell(cell_id) for cell_id in document.get("cells", ()))
    axes = _TRAINING_AXES if "tasks" in document else _AXES
    for grid in document.get("grids", ()):
        for model, mode, *others in product(*(grid[axis] for axis in axes)):
            framework, _, how = mode.partition("-")
            yield Cell(document["name"], model, framework, how, *others)


@cache
def published_suites() -> tuple[Suite, ...]:
    """Return every suite version ever published, oldest first within a name."""
    folder = resources.files("hfbench_schema") / "suites"
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".json")]
    suites = [suite_from_document(strict_json(entry.read_bytes())) for entry in files]
    return tuple(sorted(suites, key=lambda suite: (suite.name, suite.version)))


def latest_suite(name: str) -> Suite:
    """Return the newest version of the suite called `name`.

    Raises:
        UnknownSuiteError: there is none; the message lists those there are.
    """
    versions = [suite for suite in published_suites() if suite.name == name]
    if not versions:
        known = ", ".join(sorted({suite.name for suite in published_suites()}))
        raise UnknownSuiteError(f"there is no suite {name!r}; there are: {known}")
    return versions[-1]


def find_suite(name: str, version: int) -> Suite | None:
    """Return one published suite version, or None."""
    matches = [s for s in published_suites() if (s.name, s.version) == (name, version)]
    return matches[0] if matches else None
