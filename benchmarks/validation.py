"""How fast the validator is, against plain `jsonschema`, and against parsing alone.

Documents of about 10 kB, 100 kB and 1 MB are made from a real one, by taking fewer of its process
runs, or more iterations in each. Each is put through (a) the whole validator, every rule included,
(b) the JSON Schema by the engine that the validator uses, (c) the JSON Schema by `jsonschema`,
the reference in Python, and (d) `json.loads`; one after the other, in turn. The best time of each
counts: disturbances only ever add.

    python -m benchmarks.validation tests/schema/corpus/submission-1/3f50*.json
"""

import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import jsonschema
import jsonschema_rs

from hfbench_schema.canonical import canonical_bytes
from hfbench_schema.submission import submission_json_schema
from hfbench_schema.validation import validate

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 15


def of_size(document: dict[str, Any], size: int) -> bytes:
    """Return the canonical bytes of a document of about `size` bytes."""
    runs = document["process_runs"]
    kept = [runs[0]] if size < len(canonical_bytes(document)) else runs
    bare = len(canonical_bytes({**document, "process_runs": kept}))
    more = max(0, size - bare) // (9 * len(kept))  # of 8 digits and a comma each
    filled = [
        {**run, "iterations_ns": run["iterations_ns"] + [10**7 + n for n in range(more)]}
        for run in kept
    ]
    return canonical_bytes({**document, "process_runs": filled})


def best_seconds(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least seconds of each way, all of them taken in turn."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = perf_counter()
            way()
            best[name] = min(best[name], perf_counter() - start)
    return best


def ways_through(data: bytes) -> dict[str, Callable[[], object]]:
    """Return what is compared, by name."""
    document, schema = json.loads(data), submission_json_schema()
    reference = jsonschema.Draft202012Validator(schema)
    engine = jsonschema_rs.Draft202012Validator(schema)
    return {
        "validator": lambda: validate(data),
        "schema": lambda: [*engine.iter_errors(document)],
        "jsonschema": lambda: [*reference.iter_errors(document)],
        "parse": lambda: json.loads(data),
    }


@click.command()
@click.argument("document", type=click.Path(exists=True, path_type=Path))
def main(document: Path) -> None:
    """Print documents a second, and the ratios."""
    whole = json.loads(document.read_bytes())
    for data in (of_size(whole, size) for size in SIZES):
        seconds = best_seconds(ways_through(data))
        click.echo(
            f"{len(data):>9,} bytes: {1 / seconds['validator']:6.0f} documents/s by every rule,"
            f" {seconds['jsonschema'] / seconds['validator']:5.1f} times jsonschema alone,"
            f" {seconds['parse'] / seconds['validator']:.2f} of json.loads;"
            f" the schema alone {seconds['jsonschema'] / seconds['schema']:4.0f} times jsonschema,"
            f" {seconds['parse'] / seconds['schema']:.2f} of json.loads"
        )


if __name__ == "__main__":
    main()
