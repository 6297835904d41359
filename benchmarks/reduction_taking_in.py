"""How fast documents become partitions with one number a process run, against plain Python."""

import json
from collections.abc import Callable
from time import process_time
from typing import Any, Final

import click
import jsonschema
import numpy as np
import pandas as pd
from tests.aggregate.conftest import Maker

from hfbench_aggregate.engine.taking_in import Batch, take_in
from hfbench_schema.canonical import canonical_bytes, sha256_hex
from hfbench_schema.submission import submission_json_schema
from hfbench_schema.validation import validate

DOCUMENTS: Final = 40
PROCESS_RUNS: Final = 84
"""Blocks of three cells in two environments: 504 process runs of 30 iterations, about 230 kB."""
ROUNDS: Final = 5


def tell_the_speed_of_taking_in() -> None:
    """Print documents a second, and the ratios."""
    maker = Maker()
    made = [maker.document(process_runs=PROCESS_RUNS, iterations=27) for _ in range(DOCUMENTS)]
    batch = [(sha256_hex(data), data) for data in map(canonical_bytes, made)]
    size = sum(len(data) for _, data in batch) / len(batch)
    click.echo(f"taking in {DOCUMENTS} documents of {size / 1000:.0f} kB")
    checker = jsonschema.Draft202012Validator(submission_json_schema())
    ways: dict[str, tuple[Batch, Callable[[Batch], object]]] = {
        "taken in": (batch, lambda documents: take_in(documents)),
        "validated and taken in": (batch, _validated),
        "json + jsonschema + pandas": (batch[:2], lambda documents: _plainly(documents, checker)),
        "json + pandas": (batch[:10], lambda documents: _plainly(documents, None)),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, (documents, way) in ways.items():
            start = process_time()
            way(documents)
            best[name] = min(best[name], (process_time() - start) / len(documents))
    plain = best["json + jsonschema + pandas"]
    for name, seconds in best.items():
        click.echo(
            f"{name:>26}: {1 / seconds:6.1f} documents a second of CPU,"
            f" {plain / seconds:5.1f} times as many"
        )
    click.echo("taken in, target: at least 100 times (what was accepted is not validated again)")


def _validated(documents: Batch) -> object:
    for _, data in documents:
        validate(data)
    return take_in(documents)


def _plainly(documents: Batch, checker: Any) -> list[pd.Series]:
    """Parse, check by the schema, and take the median of log seconds by process run."""
    found = []
    for _, data in documents:
        document = json.loads(data)
        if checker and next(checker.iter_errors(document), None):
            raise click.ClickException("a document is not valid")
        rows = [
            (run["cell"], run["environment"], run["block"], ns)
            for run in document["process_runs"]
            for ns in run["iterations_ns"][run["warmup_iterations"] :]
        ]
        frame = pd.DataFrame(rows, columns=["cell", "environment", "block", "ns"])
        frame["x"] = np.log(frame["ns"] / 1e9)
        found.append(frame.groupby(["cell", "environment", "block"])["x"].median())
    return found
