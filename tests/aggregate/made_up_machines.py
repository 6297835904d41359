"""Documents of several machines, in plain folders, and the command that reads them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from tests.aggregate.conftest import BASE_MS, NEW, OLD, Document, Maker

from hfbench_aggregate.cli import main
from hfbench_schema.canonical import canonical_bytes, sha256_hex

SLOWER = {("gpt2", NEW): 1.10}
BOTH = ("--baseline", f"transformers=={OLD}", "--candidate", f"transformers=={NEW}")
VERSIONS = [*(f"4.{minor}.0" for minor in range(50, 58)), "5.0.0", "5.1.0"]


def call(*arguments: str | Path, width: int = 80) -> Result:
    """Run `hfbench-aggregate` on a terminal of that width."""
    environ = {"COLUMNS": str(width)}
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environ)


def written(folder: Path, *documents: Mapping[str, Any]) -> Path:
    """Write documents into a folder that is no store."""
    folder.mkdir(parents=True, exist_ok=True)
    for document in documents:
        data = canonical_bytes(dict(document))
        (folder / f"{sha256_hex(data)}.json").write_bytes(data)
    return folder


def on_machine(document: Document, number: int, **facts: Any) -> Document:
    """Return a document as of another machine, with further facts of it."""
    cpu = document["machine"]["cpu"] | {"name": f"Made Up {9000 + number}"}
    document["machine"] |= {"cpu": cpu, **facts}
    return document


def community(maker: Maker, machines: int, **asked: Any) -> list[Document]:
    """Return a sitting from each of so many machines, gpt2 slower on all of them."""
    asked.setdefault("effects", SLOWER)
    return [on_machine(maker.document(**asked), number) for number in range(machines)]


def compared(*arguments: str | Path) -> dict[str, Any]:
    """Return the report of `compare` on sources."""
    result = call("compare", *arguments, *BOTH, "--format", "json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def verdicts(cells: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the verdicts of rows by model."""
    return {row["cell"].split("/")[1]: row["verdict"] for row in cells}


def versions_document(maker: Maker, number: int, since: str, factor: float = 1.1) -> Document:
    """Return a sitting over ten versions, in which gpt2 is slower from one on, on a machine."""
    changed = VERSIONS[VERSIONS.index(since) :]
    speed = 1 + number / 10
    effects = {
        (model, version): speed * (factor if model == "gpt2" and version in changed else 1.0)
        for model in BASE_MS
        for version in VERSIONS
    }
    return on_machine(maker.document(VERSIONS, effects=effects, process_runs=3), number)
