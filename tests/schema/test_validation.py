"""The validator: total, strict, and the same words for the same breach."""

import copy
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json
from hfbench_schema.reports import message_catalogue
from hfbench_schema.validation import validate

CORPUS = sorted((Path(__file__).parent / "corpus").glob("submission-*/*.json"))
NOW = datetime(2027, 1, 1, tzinfo=UTC)
Document = dict[str, Any]


@pytest.fixture
def document() -> Document:
    """A real submission: two environments, one cell, two process runs each."""
    parsed: Document = strict_json(CORPUS[0].read_bytes())
    return parsed


def rules(data: bytes, **options: Any) -> set[str]:
    return {finding.rule for finding in validate(data, now=NOW, **options).findings}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name[:12])
def test_every_document_ever_written_stays_valid(path: Path) -> None:
    report = validate(path.read_bytes(), name=path.name, now=NOW)
    assert report.accepted, report.findings


def drop(*keys: str) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[int(key)] if isinstance(place, list) else place[key]
        del place[keys[-1]]

    return change


def put(value: Any, *keys: str | int) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def repeat_last_run(document: Document) -> None:
    document["process_runs"].append(copy.deepcopy(document["process_runs"][-1]))


def copy_iterations(document: Document) -> None:
    first, second = document["process_runs"][:2]
    second["iterations_ns"] = first["iterations_ns"]
    second["warmup_iterations"] = first["warmup_iterations"]


def same_versions(document: Document) -> None:
    first, second = document["environments"]
    second["packages"] = first["packages"]


def hours_within_seconds(document: Document) -> None:
    for run in document["process_runs"]:
        run["wall_ns"] = 500 * 10**9


def fail_at_an_address(document: Document) -> None:
    run = document["process_runs"][0]
    document["process_runs"][0] = {
        name: run[name] for name in ("cell", "environment", "block", "started_at", "wall_ns")
    } | {"status": "error", "reason": "no route to 10.1.2.3"}


BREACHES: dict[str, list[Callable[[Document], None]]] = {
    "HFB002": [put("bidi \u202e text", "client", "name"), put("e\u0301", "client", "name")],
    "HFB010": [drop("schema"), put("urn:elsewhere:1", "schema")],
    "HFB011": [
        drop("machine"),
        put("laptop.example", "machine", "hostname"),
        put(1.5, "process_runs", 0, "wall_ns"),
        put(True, "process_runs", 0, "block"),
        put([-5] * 20, "process_runs", 0, "iterations_ns"),
        put("error", "process_runs", 0, "status"),
        put(123.4, "process_runs", 0, "median_ms"),
    ],
    "HFB014": [put("urn:hfbench:schema:submission:2", "schema")],
    "HFB020": [put(99, "suite", "version"), put("0" * 64, "suite", "sha256")],
    "HFB021": [put("smoke/bert-huge/torch-eager/cpu/fp32/b1-s64", "process_runs", 0, "cell")],
    "HFB024": [put(7, "process_runs", 0, "environment")],
    "HFB025": [put("transformers-5.23.0", "environments", 0, "label")],
    "HFB026": [repeat_last_run],
    "HFB027": [put(5, "process_runs", 0, "block")],
    "HFB028": [same_versions],
    "HFB033": [put(10**12, "process_runs", 0, "wall_ns")],
    "HFB034": [hours_within_seconds],
    "HFB081": [put(512, "machine", "usable_cores")],
    "HFB030": [
        put(["2026-11-23T13:00:00Z", "9999-99-99T99:99:99Z"], "sitting", "invocations"),
        put("2026-02-31T00:00:00Z", "process_runs", 0, "started_at"),
        put("2025-01-01T00:00:00Z", "process_runs", 3, "started_at"),
        put("2026-12-01T00:00:00Z", "process_runs", 0, "started_at"),
    ],
    "HFB031": [put(1000, "process_runs", 0, "wall_ns")],
    "HFB032": [put("2031-01-01T00:00:00Z", "sitting", "finished_at")],
    "HFB040": [put(9, "protocol", "process_runs")],
    "HFB041": [put(12, "process_runs", 0, "warmup_iterations")],
    "HFB043": [copy_iterations],
    "HFB080": [drop("environments", "0", "packages", "transformers")],
    "HFB084": [
        put("in /home/ada/models", "environments", 0, "label"),
        put("6.1-ada@laptop.example.com", "machine", "kernel"),
        fail_at_an_address,
    ],
}


@pytest.mark.parametrize(
    ("rule", "change"), [(rule, change) for rule, changes in BREACHES.items() for change in changes]
)
def test_each_breach_is_found_by_its_rule(
    document: Document, rule: str, change: Callable[[Document], None]
) -> None:
    assert rule not in rules(canonical_bytes(document))
    change(document)
    assert rule in rules(canonical_bytes(document))


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
    tested = set(BREACHES) | {"HFB001", "HFB003", "HFB004", "HFB005", "HFB006"}
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
