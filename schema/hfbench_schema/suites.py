"""Suites: versioned, content-hashed lists of cells with their model configs embedded."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from hfbench_schema.canonical import document_sha256, strict_json
from hfbench_schema.cells import Cell, parse_cell


class UnknownSuiteError(LookupError):
    """No suite has that name."""


@dataclass(frozen=True)
class Model:
    """An architecture at one size, as transformers' config classes read it.

    `config` holds `model_type` and every hyperparameter that fixes the network; `inputs` is
    `tokens` (ids below `vocab_size`) or `pixels` (`num_channels` x `image_size` x `image_size`).
    """

    name: str
    inputs: str
    config: dict[str, Any]


@dataclass(frozen=True)
class Suite:
    """A published list of cells; a version, once released, never changes.

    `process_runs` and `iterations` are what a submission is asked for, for each cell in each
    environment; `seed` fixes weights and inputs.
    """

    name: str
    version: int
    sha256: str
    seed: int
    process_runs: int
    iterations: int
    models: dict[str, Model]
    cells: tuple[Cell, ...]

    @property
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
        iterations=document["iterations"],
        models=models,
        cells=tuple(parse_cell(cell_id) for cell_id in document["cells"]),
    )


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
