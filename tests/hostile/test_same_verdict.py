"""The client and the intake say the same of a document, whatever it is."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fuzz.validation import document, seeds
from tests.hostile.documents import DOCUMENTS
from tests.submit.uploads import made_up

from hfbench_aggregate.intake import take_in
from hfbench_aggregate.stores.local import LocalStore
from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json
from hfbench_schema.report_formats import findings_as_json
from hfbench_schema.tree import proposal_path
from hfbench_submit.cli import commands

CORPUS = sorted(Path("tests/schema/corpus").glob("submission-*/*.json"))
MUTATED = 40


def watched(path: Path) -> Any:
    """Return a real submission that hides nothing, from which the hostile ones are forged."""
    found = strict_json(path.read_bytes())
    for run in found["process_runs"]:
        run["contamination"] = {"foreign_cpu_ms": 0}
    return found


@pytest.fixture(scope="module")
def documents() -> list[bytes]:
    honest = watched(next(path for path in CORPUS if path.name.startswith("3f50bb1bdb30")))
    forged = [attack.forge(honest) for attack in DOCUMENTS]
    mutated = [document(2026, number) for number in range(MUTATED)]
    whole = [path.read_bytes() for path in CORPUS]
    suspicious = made_up(1).data  # every process run took the same times
    return [*whole, *seeds(), *forged, *mutated, suspicious, canonical_bytes(honest)]


def said_by_the_client(documents: list[bytes], folder: Path) -> dict[str, Any]:
    """Return what `hfbench-submit validate` says of each, by its file's name."""
    for data in documents:
        (folder / f"{sha256_hex(data)}.json").write_bytes(data)
    done = CliRunner().invoke(commands, ["validate", str(folder), "--format", "json"])
    assert done.exit_code == 1
    return {Path(one["path"]).name: one for one in json.loads(done.output)["documents"]}


def said_by_the_intake(data: bytes, folder: Path) -> tuple[str, list[dict[str, Any]]]:
    """Return what becomes of a document that is the first in a store, and why."""
    path = folder / proposal_path(sha256_hex(data))
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    (decision,) = take_in(LocalStore(folder)).decisions
    return decision.outcome, findings_as_json(decision.report)


def test_client_and_intake_say_the_same(documents: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    said = said_by_the_client(documents, tmp_path / "documents")
    outcomes = set()
    for number, data in enumerate(documents):
        outcome, findings = said_by_the_intake(data, tmp_path / f"store-{number}")
        report = said[f"{sha256_hex(data)}.json"]
        assert report["findings"] == findings
        assert report["accepted"] == (outcome != "refused")
        assert (outcome == "quarantined") == (report["accepted"] and report["quarantined"])
        outcomes.add(outcome)
    assert outcomes == {"accepted", "quarantined", "refused"}
