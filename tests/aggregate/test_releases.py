"""Releases: the same bytes again, whatever happened since, and a cause for each change."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.aggregate.conftest import NEW, OLD, Document, Maker
from tests.aggregate.made_up_machines import community, versions_document
from tests.aggregate.places import Dataset, Folder, Place
from tests.aggregate.test_compare_and_release import SLOWER, call
from tests.hub import fixtures
from tests.hub.fixtures import uploads_large_files
from tests.hub.state import Hub

from hfbench_aggregate import manifest
from hfbench_aggregate.changes import Value, same
from hfbench_aggregate.dataset.compaction import compact
from hfbench_aggregate.intake import take_in
from hfbench_aggregate.ledger_changes import decide
from hfbench_aggregate.ledger_entries import ERASED, RETRACTED, Draft
from hfbench_aggregate.publication import publish, released_difference
from hfbench_aggregate.published import read_published
from hfbench_aggregate.rebuilding import rebuild
from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.statistics import verdict, versions
from hfbench_aggregate.stores.store import StoreError
from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json

hub = fixtures.hub
NOVEMBER, DECEMBER = (datetime(2026, month, 20, tzinfo=UTC) for month in (11, 12))
ALICE = {"by": "Alice", "reason": "the fan had failed"}
FIRST, SECOND = "2026.11.1", "2026.11.2"
METHOD = manifest.METHOD_VERSION


@pytest.fixture(params=["folder", "hub"])
def place(request: pytest.FixtureRequest, folder: Path) -> Place:
    if request.param == "folder":
        return Folder(folder)
    return Dataset(request.getfixturevalue("hub"))


def taken(place: Place, document: Document, moment: datetime = NOVEMBER) -> str:
    """Take a document into a store; return its name."""
    data = canonical_bytes(document)
    place.propose(f"{sha256_hex(data)}.json", data)
    (decision,) = take_in(place.open(), lambda: moment).decisions
    assert decision.outcome == "accepted", decision.report
    return sha256_hex(data)


def retracted(place: Place, name: str, event: str = RETRACTED) -> None:
    decide(place.open(), Draft(event, name, details=dict(ALICE)), lambda: NOVEMBER)


def on_machine(document: Document, cores: int) -> Document:
    document["machine"]["usable_cores"] = cores
    return document


def changes(place: Place, before: str = FIRST, after: str = SECOND) -> list[dict[str, Any]]:
    found = released_difference(newest(place.open()), before, after)
    return [dict(row) for row in found["changes"]]


def causes_by_machine(place: Place, rows: list[dict[str, Any]]) -> dict[int, set[tuple[str, ...]]]:
    """Return the causes of all changes on each machine, by its number of cores."""
    found = {}
    for machine in read_published(newest(place.open()), SECOND).table("machines.json"):
        own = [row for row in rows if machine["machine_key"] in row["key"]]
        found[machine["facts"]["usable_cores"]] = {tuple(row["causes"]) for row in own}
    return found


@uploads_large_files
def test_a_release_is_made_again_whatever_came_after_it(place: Place, maker: Maker) -> None:
    first = taken(place, maker.document(effects=SLOWER))
    assert publish(place.open()).version == FIRST
    taken(place, maker.document())
    retracted(place, first)
    place.fill({"registry/submitters.json": b'{"maintainers":["grace"]}'})
    assert publish(place.open()).version == SECOND
    taken(place, maker.document(), DECEMBER)
    assert publish(place.open()).version == "2026.12.1"
    assert list(compact(place.open(), "2026-12"))
    for version in (FIRST, SECOND, "2026.12.1"):
        result = rebuild(newest(place.open()), version)
        assert (result.differing, result.reasons, result.remarks) == ({}, [], [])
        assert result.files > 10
    decide(place.open(), Draft(ERASED, first, details=dict(ALICE)), lambda: DECEMBER)
    with pytest.raises(StoreError, match=f"{first} was erased at 2026-12-20T00:00:00Z"):
        rebuild(newest(place.open()), FIRST)
    told = rebuild(newest(place.open()), SECOND)  # its difference from the first had two causes
    assert set(told.differing) == {"NOTES.md", "diff.json", "manifest.json"}
    assert f"submission {first} was erased" in told.reasons[0]
    assert not rebuild(newest(place.open()), "2026.12.1").differing


def test_another_process_with_another_hash_seed_makes_the_same_bytes(
    folder: Path, maker: Maker
) -> None:
    place = Folder(folder)
    taken(place, maker.document([OLD, "5.0.0", NEW], effects=SLOWER))
    taken(place, on_machine(maker.document([NEW, NEW]), 3))
    assert publish(place.open()).version == FIRST
    code = "from hfbench_aggregate.cli import main; main()"
    again = subprocess.run(
        [sys.executable, "-c", code, "rebuild", folder, FIRST],
        env={**os.environ, "PYTHONHASHSEED": "1"},  # that of this process is another
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.endswith("files are identical\n")


def test_what_differs_is_named_with_its_likely_reason(
    folder: Path, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Folder(folder)
    taken(place, maker.document(effects=SLOWER))
    publish(place.open())
    taken(place, maker.document(effects=SLOWER))
    publish(place.open())
    monkeypatch.setattr(manifest, "_LIBRARIES", ("hfbench", "numpy"))
    other = call("rebuild", folder, SECOND)
    assert (other.exit_code, "note: made with other libraries: packaging" in other.output) == (
        0,
        True,
    )
    monkeypatch.setattr(verdict, "LEAST_EFFECT", 0.2)
    monkeypatch.setattr(manifest, "METHOD_VERSION", "a-later-one")
    method = call("rebuild", folder, FIRST)
    assert method.exit_code == 1
    assert "differs: comparisons.json (its bytes are others)" in method.output
    assert f"method {METHOD} / a-later-one" in method.output
    assert "cells.json" not in method.output
    cells = folder / "releases" / FIRST / "cells.json"
    cells.write_bytes(cells.read_bytes()[:-1])
    corrupt = call("rebuild", folder, FIRST)
    assert corrupt.exit_code == 1
    assert "differs: cells.json (it was changed or lost after it was made)" in corrupt.output


def test_what_cannot_be_rebuilt_is_unusable(folder: Path, maker: Maker) -> None:
    place = Folder(folder)
    taken(place, maker.document())
    publish(place.open())
    taken(place, maker.document())
    publish(place.open())
    unknown = call("rebuild", folder, "2026.1.1")
    assert (unknown.exit_code, f"it has: {FIRST}, {SECOND}" in unknown.output) == (2, True)
    path = folder / "releases" / FIRST / "manifest.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"rules_version":', b'"rules_version" :'))
    followed = call("rebuild", folder, SECOND)
    assert (followed.exit_code, "was made anew since" in followed.output) == (2, True)
    assert f"release {SECOND} followed another release {FIRST}" in call("verify", folder).output
    for corrupt in (b"{}", b"[]", whole.replace(b'"inputs":[', b'"inputs":[5,')):
        path.write_bytes(corrupt)
        for command, more in (("rebuild", ()), ("diff", (SECOND,))):
            broken = call(command, folder, FIRST, *more)
            assert (broken.exit_code, "of another release or age" in broken.output) == (2, True)
    path.write_bytes(whole)
    assert "trust tier or figure changed" in call("diff", folder, FIRST, FIRST).output
    ledger = folder / "ledger" / "2026-11.jsonl"
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:1]))
    cut = call("rebuild", folder, SECOND)
    assert (cut.exit_code, "its end was cut off" in cut.output) == (2, True)


def test_no_release_follows_a_corrupt_one(folder: Path, maker: Maker) -> None:
    place = Folder(folder)
    taken(place, maker.document(effects=SLOWER))
    publish(place.open())
    taken(place, maker.document())
    (folder / "releases" / FIRST / "findings.json").write_bytes(b"[]")
    refused = call("release", folder)
    assert refused.exit_code == 2
    assert f"release {FIRST} cannot be read: findings.json was changed" in refused.output
    assert not (folder / "releases" / SECOND).exists()


def test_new_data_and_a_retraction_are_told_apart(folder: Path, maker: Maker) -> None:
    place = Folder(folder)
    gone = taken(place, on_machine(maker.document(effects=SLOWER), 2))
    taken(place, on_machine(maker.document(), 2))
    taken(place, on_machine(maker.document(), 3))
    taken(place, on_machine(maker.document(effects=SLOWER), 4))
    also_gone = taken(place, on_machine(maker.document(), 4))
    publish(place.open())
    taken(place, on_machine(maker.document(effects={("gpt2", NEW): 1.2}), 3))
    taken(place, on_machine(maker.document(effects={("gpt2", NEW): 1.2}), 4))
    retracted(place, gone)
    retracted(place, also_gone)
    publish(place.open())
    rows = changes(place)
    found = causes_by_machine(place, rows)
    assert found[2] == {("retraction",)}
    assert found[3] == {("new data",)}
    assert ("new data", "retraction") in found[4]
    verdicts = {row["before"]: row["after"] for row in rows if row["kind"] == "verdict"}
    assert {"slower", "equivalent"} <= verdicts.keys() | set(verdicts.values())
    text = call("diff", folder, FIRST, SECOND).output
    assert f"{gone}  retracted" in text
    assert "by new data and retraction, jointly" in text
    as_json = json.loads(call("diff", folder, FIRST, SECOND, "--format", "json").output)
    assert [row["key"] for row in as_json["changes"]] == [row["key"] for row in rows]
    held = strict_json((folder / "releases" / SECOND / "diff.json").read_bytes())
    assert held == {**as_json, "changes": [r for r in as_json["changes"] if r["kind"] != "figure"]}
    assert sum(row["count"] for row in held["counts"]) == len(rows)


def about_gpt2(place: Place) -> list[dict[str, Any]]:
    return [r for r in changes(place) if r["kind"] == "verdict" and "gpt2" in r["key"][-1]]


def with_another_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call no change below 20 %, as another version of the method."""
    monkeypatch.setattr(verdict, "LEAST_EFFECT", 0.2)
    monkeypatch.setattr(manifest, "METHOD_VERSION", "a-later-one")


def test_a_new_method_is_told_from_new_data_as_far_as_that_goes(
    folder: Path, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Folder(folder)
    taken(place, on_machine(maker.document(effects=SLOWER), 2))
    taken(place, on_machine(maker.document(), 3))
    publish(place.open())
    taken(place, on_machine(maker.document(effects={("gpt2", NEW): 3.0}), 3))
    with monkeypatch.context() as patch:
        with_another_method(patch)
        publish(place.open())
        by_the_new = about_gpt2(place)
    by_the_old = about_gpt2(place)
    found = causes_by_machine(place, by_the_new)
    assert found == {2: {("new method",)}, 3: {("new data",)}}
    assert causes_by_machine(place, by_the_old) == found
    with monkeypatch.context() as patch:
        patch.setattr(versions, "LEAST_PROCESS_RUNS", 99)
        patch.setattr(manifest, "METHOD_VERSION", "a-third-one")
        neither = causes_by_machine(place, about_gpt2(place))
    assert neither == {2: {("new method",)}, 3: {("cannot be told",)}}  # machine 2 got no data


def test_what_method_and_data_may_have_done_together_is_said_so(
    folder: Path, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old method is not here to say what it would have made of the new data."""
    place = Folder(folder)
    gone = taken(place, maker.document(effects={("gpt2", NEW): 0.9}))
    publish(place.open())
    taken(place, maker.document(effects={("gpt2", NEW): 1.5}))
    retracted(place, gone)
    with_another_method(monkeypatch)
    publish(place.open())
    (row,) = about_gpt2(place)
    assert (row["before"], row["after"]) == ("faster", "slower")
    assert row["causes"] == ["new method, or joint", "new data", "retraction"]
    text = call("diff", folder, FIRST, SECOND).output
    assert f"method: method {METHOD} / a-later-one" in text
    assert "faster -> slower (new method, or joint with new data and retraction)" in text


@uploads_large_files
def test_the_registry_alone_changes_trust(hub: Hub, maker: Maker) -> None:
    place = Dataset(hub)
    taken(place, maker.document())
    publish(place.open())
    place.fill({"registry/submitters.json": b'{"automation":{"grace":"a workflow"}}'})
    publish(place.open())
    found = released_difference(newest(place.open()), FIRST, SECOND)
    assert found["registry_changed"]
    assert [(row["kind"], row["after"], row["causes"]) for row in found["changes"]] == [
        ("trust", "attested", ["registry"])
    ]


def test_what_contributors_found_together_is_pooled_and_its_changes_explained(
    folder: Path, maker: Maker
) -> None:
    place = Folder(folder)
    names = [taken(place, document) for document in community(maker, 3)]
    publish(place.open())
    (pooled,) = read_published(newest(place.open()), FIRST).table("pooled.json")
    cells = {row["cell"].split("/")[1]: row for row in pooled["cells"]}
    assert (cells["gpt2"]["verdict"], cells["gpt2"]["contributors"]) == ("slower", 3)
    notes = (folder / "releases" / FIRST / "NOTES.md").read_text()
    assert "## Across contributors" in notes
    assert "3 contributors: 1 slower" in notes
    findings = strict_json((folder / "releases" / FIRST / "findings.json").read_bytes())
    kinds = [row["device_class"] for row in findings]
    assert kinds == ["CPU x86_64"] + [None] * (len(kinds) - 1)
    assert len(kinds) > 1
    assert (findings[0]["contributors"], findings[0]["machine_key"]) == (3, None)
    flat = pq.read_table(folder / "releases" / FIRST / "pooled.parquet").to_pylist()
    assert _parts(flat, pooled["cells"][0]) == pooled["cells"]
    retracted(place, names[0])
    publish(place.open())
    rows = [row for row in changes(place) if row["table"] == "pooled.json"]
    assert {tuple(row["causes"]) for row in rows} == {("retraction",)}
    (verdict_row,) = (r for r in rows if r["kind"] == "verdict" and "gpt2" in r["key"][-1])
    assert (verdict_row["before"], verdict_row["after"]) == ("slower", None)  # two are too few
    assert "verdicts of smoke-1 | CPU x86_64 | " in call("diff", folder, FIRST, SECOND).output
    for version in (FIRST, SECOND):
        assert not rebuild(newest(place.open()), version).differing


def test_a_release_says_since_which_version(folder: Path, maker: Maker) -> None:
    place = Folder(folder)
    taken(place, versions_document(maker, 0, "4.55.0"))
    publish(place.open())
    (group,) = read_published(newest(place.open()), FIRST).table("history.json")
    series = {row["cell"].split("/")[1]: row for row in group["series"]}
    (change,) = series["gpt2"]["changes"]
    assert (change["version"], change["previous"], change["called"]) == ("4.55.0", "4.54.0", True)
    assert series["bert-base"]["changes"] == []
    point = series["gpt2"]["points"][0]
    assert point["low_ms"] < point["ms"] < point["high_ms"]
    flat = pq.read_table(folder / "releases" / FIRST / "history.parquet").to_pylist()
    assert [row["ms"] for row in flat if "/gpt2/" in row["cell"]] == [
        row["ms"] for row in series["gpt2"]["points"]
    ]
    (row,) = pq.read_table(folder / "releases" / FIRST / "change_points.parquet").to_pylist()
    assert _parts([row], change) == [change]
    assert not rebuild(newest(place.open()), FIRST).differing


def test_what_was_erased_since_limits_what_can_be_told(folder: Path, maker: Maker) -> None:
    place = Folder(folder)
    gone = taken(place, maker.document(effects=SLOWER))
    taken(place, maker.document())
    publish(place.open())
    retracted(place, gone)
    taken(place, maker.document())
    publish(place.open())
    before = {tuple(row["causes"]) for row in changes(place)}
    assert ("cannot be told",) not in before
    retracted(place, gone, ERASED)
    found = released_difference(newest(place.open()), FIRST, SECOND)
    assert {tuple(row["causes"]) for row in found["changes"]} == {("cannot be told",)}
    assert found["limits"] == [
        f"submission {gone} was erased at 2026-11-20T00:00:00Z: what was computed from it cannot "
        f"be computed again"
    ]


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        (1.00001, 1.00002, True),  # one in the last digit that is published
        (9.99999, 10.0, True),
        (1.0001, 1.0002, False),
        (0.0, 1e-9, False),
        (None, 1.0, False),
        ("1-2", "1-2", True),
        ("1-2", "1-3", False),
    ],
)
def test_rounding_is_no_change(a: Value, b: Value, alike: bool) -> None:
    assert same(a, b) is same(b, a) is alike


def test_parquet_holds_what_json_does(folder: Path, maker: Maker) -> None:
    place = Folder(folder)
    taken(place, maker.document(effects=SLOWER))
    publish(place.open())
    files = {path.name: path.read_bytes() for path in (folder / "releases" / FIRST).iterdir()}

    def rows(name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pq.read_table(io.BytesIO(files[name])).to_pylist()
        return found

    cells, comparisons = strict_json(files["cells.json"]), strict_json(files["comparisons.json"])
    runs = [{**run, "cell": cell["cell"]} for cell in cells for run in cell["process_runs"]]
    assert _parts(rows("process_runs.parquet"), runs[0]) == runs
    for cell in cells:
        del cell["process_runs"]
    assert rows("cells.parquet") == cells
    compared = [cell for comparison in comparisons for cell in comparison["cells"]]
    assert _parts(rows("comparisons.parquet"), compared[0]) == compared
    assert rows("findings.parquet") == strict_json(files["findings.json"])


def _parts(rows: list[dict[str, Any]], like: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in like} for row in rows]


def test_findings_stay_the_same_from_release_to_release(folder: Path, maker: Maker) -> None:
    place = Folder(folder)
    taken(place, maker.document([OLD, NEW, NEW], effects=SLOWER))
    publish(place.open())
    taken(place, maker.document(effects={**SLOWER, ("vit-tiny", NEW): 0.7}, process_runs=10))
    publish(place.open())
    tables = [
        strict_json((folder / "releases" / version / "findings.json").read_bytes())
        for version in (FIRST, SECOND)
    ]
    ((old,), (newer, kept)) = tables
    assert (old["cell"].split("/")[1], old["verdict"], old["since"]) == ("gpt2", "slower", FIRST)
    assert (newer["cell"].split("/")[1], newer["since"]) == ("vit-tiny", SECOND)
    assert (kept["id"], kept["since"], kept["since_at"]) == (
        old["id"], FIRST, old["since_at"],
    )  # fmt: skip
    audit = strict_json((folder / "releases" / SECOND / "audit.json").read_bytes())
    assert (audit["kept"], audit["added"], audit["gone"], audit["overlap"]) == (1, 1, 0, 0.5)
    notes = (folder / "releases" / SECOND / "NOTES.md").read_text()
    assert f"Of the findings of {FIRST}, 1 stand and 0 do not; 1 are new" in notes
