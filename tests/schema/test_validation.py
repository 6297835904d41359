"""The validator: total, strict, and the same words for the same breach."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.schema.breaches import (
    BREACHES,
    EXTENDED,
    MEMORY,
    Change,
    Document,
    at,
    bare,
    extended,
    put,
)

from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json
from hfbench_schema.reports import message_catalogue
from hfbench_schema.suites import latest_suite
from hfbench_schema.validation import validate

CORPUS = sorted((Path(__file__).parent / "corpus").glob("submission-*/*.json"))
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def document() -> Document:
    """A real submission: two environments, one cell, two process runs each, undisturbed."""
    parsed: Document = strict_json(CORPUS[0].read_bytes())
    for run in parsed["process_runs"]:
        run["contamination"] = {"foreign_cpu_ms": 0}
    return parsed


def rules(data: bytes, **options: Any) -> set[str]:
    return {finding.rule for finding in validate(data, now=NOW, **options).findings}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name[:12])
def test_every_document_ever_written_stays_valid(path: Path) -> None:
    report = validate(path.read_bytes(), name=path.name, now=NOW)
    assert report.accepted, report.findings


@pytest.mark.parametrize(
    ("rule", "change"), [(rule, change) for rule, changes in BREACHES.items() for change in changes]
)
def test_each_breach_is_found_by_its_rule(document: Document, rule: str, change: Change) -> None:
    assert rule not in rules(canonical_bytes(document))
    change(document)
    assert rule in rules(canonical_bytes(document))


@pytest.mark.parametrize(
    ("rule", "change"), [(rule, change) for rule, changes in EXTENDED.items() for change in changes]
)
def test_each_breach_of_what_came_later_is_found(
    document: Document, rule: str, change: Change
) -> None:
    document = extended(document)
    assert rule not in rules(canonical_bytes(document))
    change(document)
    assert rule in rules(canonical_bytes(document))


def test_every_role_and_status_has_its_place(document: Document) -> None:
    report = validate(canonical_bytes(extended(document)), now=NOW)
    assert report.accepted, report.findings
    # What ran out of memory was asked for and not measured; the larger cell says so itself.
    assert [finding.rule for finding in report.findings] == ["HFB040"]


def test_process_runs_are_counted_role_by_role(document: Document) -> None:
    document = extended(document)
    at(MEMORY, status="error", reason="no such thing", memory=None)(document)
    found = [str(finding) for finding in validate(canonical_bytes(document), now=NOW).findings]
    assert [text.split(": ")[1] for text in found] == [
        "0 process runs of role memory were measured of 1 asked for",
        "0 process runs of role latency were measured of 1 asked for",
    ]
    # Without a budget every block was asked for, so that the second attempt lacks its second.
    del document["protocol"]["budget_s"]
    found = [str(finding) for finding in validate(canonical_bytes(document), now=NOW).findings]
    assert any("1 process runs of role latency" in text for text in found)


def test_no_number_of_warnings_hides_an_error(document: Document) -> None:
    suite = latest_suite("inference")
    document["suite"] = {"name": suite.name, "version": suite.version, "sha256": suite.sha256}
    failed = {"status": "error", "reason": "no such thing", "wall_ns": 1}
    document["process_runs"] = [bare({"cell": cell} | failed) for cell in suite.cell_ids[:200]]
    assert validate(canonical_bytes(document), now=NOW).accepted
    put("in /home/ada/models", "environments", 0, "label")(document)
    assert not validate(canonical_bytes(document), now=NOW).accepted


def test_bytes_that_are_no_canonical_document(document: Document) -> None:
    good = canonical_bytes(document)
    assert rules(b" " * (9 * 2**20)) == {"HFB001"}
    assert rules(b"[" * 100_000) == {"HFB004"}
    assert rules(json.dumps(document, indent=1).encode()) == {"HFB005"}
    assert rules(good.replace(b'"seed":', b'"seed":1,"seed":')) == {"HFB003"}
    assert rules(good[: len(good) // 2]) == {"HFB003"}
    assert rules(good, name="x.json") == {"HFB006"}
    assert rules(good, name=f"{sha256_hex(good)}.json") == set()
    for odd in (b"", b"null", b"NaN", b"\xff", b'"\\ud800"', b"9" * 5000, b"1e400", b"{}"):
        assert not validate(odd).accepted


def test_distributions_of_one_package_are_told_apart(document: Document) -> None:
    first, second = document["environments"]
    second["packages"] = {**first["packages"], "tensorflow-cpu": "2.20.0"}
    first["packages"]["tensorflow"] = "2.20.0"
    assert rules(canonical_bytes(document)) == set()
    second["packages"] = dict(first["packages"])
    assert rules(canonical_bytes(document)) == {"HFB028"}


def test_what_is_not_watched_is_accepted_with_a_warning() -> None:
    for path in CORPUS:
        (found,) = validate(path.read_bytes(), now=NOW).findings
        assert found.rule == "HFB048"
        assert found.message.startswith("4 of 4 process runs do not say")


def test_versions_of_four_parts_are_no_addresses(document: Document) -> None:
    document["environments"][0]["packages"]["nvidia-cublas-cu12"] = "12.8.4.1"
    document["machine"]["kernel"] = "5.15.167.4-microsoft-standard-WSL2"
    assert rules(canonical_bytes(document)) == set()


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b'\\"' * 2**20,
        b"{" + b",".join(b'"%d":1' % (i // 2) for i in range(2**19)) + b"}",
        b'["' + b"a" * 2**22 + b'"]',
        b"[" * 2**22,
    ],
    ids=["escapes", "duplicates", "one word", "brackets"],
)
@pytest.mark.timeout(20)
def test_no_bytes_keep_the_validator_busy(data: bytes) -> None:
    assert not validate(data, now=NOW).accepted


def test_absurd_years_are_judged_all_the_same(document: Document) -> None:
    put(["0001-01-01T00:00:00Z"], "sitting", "invocations")(document)
    put("9999-12-31T23:59:59Z", "sitting", "finished_at")(document)
    assert rules(canonical_bytes(document)) == {"HFB032"}


@pytest.mark.parametrize(("key", "value"), [("warmup_iterations", "3.0"), ("environment", "0.0")])
def test_integers_are_spelt_as_integers(document: Document, key: str, value: str) -> None:
    document["process_runs"][0][key] = "HERE"
    data = canonical_bytes(document).replace(b'"HERE"', value.encode())
    assert rules(data) == {"HFB005"}


def test_every_rule_in_the_catalogue_has_a_breach() -> None:
    tested = set(BREACHES) | set(EXTENDED) | {"HFB001", "HFB003", "HFB004", "HFB005", "HFB006"}
    intake_only = {"HFB091", "HFB092"}
    assert tested | intake_only >= set(message_catalogue())


def test_messages_name_only_values_that_rules_supply() -> None:
    source = "".join(p.read_text() for p in Path("schema/hfbench_schema").glob("*.py"))
    for rule, entry in message_catalogue().items():
        for name in re.findall(r"{(\w+)}", entry["message"]):
            if rule in source:
                assert re.search(rf'"{rule}"[^\n]*(\n[^\n]*){{0,3}}\b{name}=', source), (rule, name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_a_report(data: bytes) -> None:
    assert not validate(data, now=NOW).accepted


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_value_anywhere_gives_a_report(data: st.DataObject) -> None:
    document = strict_json(CORPUS[0].read_bytes())
    place: Any = document
    while isinstance(place, (dict, list)) and place:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        parent, key = place, data.draw(st.sampled_from(keys))
        place = place[key]
        if data.draw(st.integers(0, 3)) == 0:
            break
    parent[key] = data.draw(JSON)
    validate(json.dumps(document).encode(), now=NOW)
    try:
        canonical = canonical_bytes(document)
    except ValueError:
        return
    validate(canonical, now=NOW)
