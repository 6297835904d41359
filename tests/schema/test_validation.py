"""The validator: total, strict, and the same words for the same breach."""

import copy
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.schema.breaches import (
    BERT,
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
from tests.schema.training_breaches import (
    AMP,
    DISTRIBUTED,
    EAGER,
    LOCAL,
    MIRRORED,
    PEAK,
    RANKS,
    SST2,
    TASK,
    TRAINED,
    record,
    trained,
    training,
)

from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json
from hfbench_schema.reports import message_catalogue
from hfbench_schema.suites import latest_suite
from hfbench_schema.validation import validate

BF16 = AMP.replace("fp16", "bf16")
CORPUS = sorted((Path(__file__).parent / "corpus").glob("submission-*/*.json"))
WARNINGS = {"3f50bb1bdb30": ["HFB048"], "828f7457bb4c": []}
"""What is said of each document in the corpus, for ever; by the start of its name."""
(CALLS,) = (path for path in CORPUS if path.name.startswith("3f50bb1bdb30"))
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def document() -> Document:
    """A real submission: two environments, one cell, two process runs each, undisturbed."""
    parsed: Document = strict_json(CALLS.read_bytes())
    for run in parsed["process_runs"]:
        run["contamination"] = {"foreign_cpu_ms": 0}
    return parsed


def rules(data: bytes, **options: Any) -> set[str]:
    return {finding.rule for finding in validate(data, now=NOW, **options).findings}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name[:12])
def test_every_document_ever_written_stays_valid(path: Path) -> None:
    report = validate(path.read_bytes(), name=path.name, now=NOW)
    assert report.accepted, report.findings
    assert [finding.rule for finding in report.findings] == WARNINGS[path.name[:12]]


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


@pytest.mark.parametrize(
    ("rule", "change"), [(rule, change) for rule, changes in TRAINED.items() for change in changes]
)
def test_each_breach_of_a_training_is_found(document: Document, rule: str, change: Change) -> None:
    document = trained(document)
    assert rule not in rules(canonical_bytes(document))
    change(document)
    assert rule in rules(canonical_bytes(document))


def test_trainings_keep_every_rule(document: Document) -> None:
    """One that diverged is a result: there is nothing to warn of."""
    report = validate(canonical_bytes(trained(document)), now=NOW)
    assert report.findings == ()


def test_trainings_on_published_examples_keep_every_rule(document: Document) -> None:
    document = trained(document)
    document["tasks"]["sst2"] |= {
        "source": "hub", "train_examples": 67349, "validation_examples": 872,
    }  # fmt: skip
    long = training(document["process_runs"][LOCAL]["cell"], steps=6312, epochs=3, salt=9)
    for epoch in long["training"]["epochs"]:
        epoch |= {"training_ns": 3 * 10**9, "confusion": [400, 28, 40, 404], "tokens": 10**6}
    long |= {"wall_ns": 30 * 10**9}
    long["training"]["end_to_end_ns"] = 29 * 10**9
    document["process_runs"][LOCAL] = long
    assert rules(canonical_bytes(document)) == set()


def test_each_block_has_a_seed_of_its_own(document: Document) -> None:
    document = trained(document)
    document["protocol"]["process_runs"] = 3
    del document["tasks"]["sst2"]
    document["process_runs"] = [training(EAGER, block=block, salt=block) for block in range(3)]
    assert rules(canonical_bytes(document)) == set()


def test_a_training_that_diverges_at_once_has_no_epoch(document: Document) -> None:
    document = trained(document)
    first = training(BF16, steps=1, epochs=0, salt=9)
    first |= {"status": "diverged", "reason": "the loss is not finite in step 1 of 320"}
    first["training"] |= {"losses_micro": [None], "compiled_steps": [0]}
    document["process_runs"].append(first)
    assert rules(canonical_bytes(document)) == set()
    # The last step of an epoch ends none either: it was not evaluated.
    first["training"] |= {"losses_micro": [700_000] * 63 + [None], "steps_ns": [[7] * 64]}
    assert rules(canonical_bytes(document)) == set()


def test_several_machines_share_what_they_can(document: Document) -> None:
    """They share cells whose ranks they divide among them, and one measures the others alone."""
    document = trained(document)
    shared = training(TASK.format("torch-eager", "fp32", 4), steps=80, ranks=4, salt=0)
    document["process_runs"].append(shared)
    for nodes in (2, 4, 8):
        document["protocol"]["nodes"] = nodes
        assert rules(canonical_bytes(document)) == set()


def test_a_rank_may_wait_while_another_still_evaluates(document: Document) -> None:
    document = trained(document)
    record(DISTRIBUTED, "steps_ns", 1, 32, value=2 * 10**9)(document)
    assert rules(canonical_bytes(document)) == set()


def test_failed_trainings_need_no_record(document: Document) -> None:
    document = trained(document)
    failed = {"status": "oom_host", "reason": "in step 3 of 320 (epoch 1): killed by the kernel"}
    plain = bare({"cell": BF16, "role": "training", "caches": "empty", **failed})
    document["process_runs"].append(plain)
    assert rules(canonical_bytes(document)) == {"HFB040"}


def test_process_runs_are_counted_role_by_role(document: Document) -> None:
    document = extended(document)
    at(MEMORY, status="error", reason="no such thing", memory=None)(document)
    found = [str(finding) for finding in validate(canonical_bytes(document), now=NOW).findings]
    assert [text.split(": ")[1] for text in found] == [
        "0 process runs of role memory were measured of 1 asked for",
        "0 process runs of role latency were measured of 1 asked for",
    ]
    # A change to be detected is another reason to choose them as the sitting goes.
    document["protocol"]["detect_ppm"] = 30_000
    del document["protocol"]["budget_s"]
    assert [
        str(finding) for finding in validate(canonical_bytes(document), now=NOW).findings
    ] == found
    # Without either every block was asked for, so that the second attempt lacks its second.
    del document["protocol"]["detect_ppm"]
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
    assert rules(b"[" * 600_000) == {"HFB007"}
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
    (found,) = validate(CALLS.read_bytes(), now=NOW).findings
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
    tested = set(BREACHES) | set(EXTENDED) | set(TRAINED)
    tested |= {"HFB001", "HFB003", "HFB004", "HFB005", "HFB006", "HFB007"}
    tested |= {"HFB100", "HFB101", "HFB102", "HFB103"}  # in test_physics.py
    intake_only = {name for name, rule in message_catalogue().items() if rule.group == "repository"}
    assert tested | intake_only >= set(message_catalogue())


def test_messages_name_only_values_that_rules_supply() -> None:
    source = "".join(p.read_text() for p in Path("schema/hfbench_schema").glob("*.py"))
    for rule, entry in message_catalogue().items():
        for name in re.findall(r"{(\w+)}", entry.message):
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


@pytest.mark.parametrize("trainings", [False, True], ids=["calls", "trainings"])
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_value_anywhere_gives_a_report(trainings: bool, data: st.DataObject) -> None:
    document = strict_json(CALLS.read_bytes())
    if trainings:
        document = trained(document)
        document["process_runs"] = document["process_runs"][PEAK:]  # the short ones
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


ABSURD = [0, 1, 2**53 - 1, None]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, LOCAL), st.data())
def test_trainings_of_any_length_give_a_report(index: int, data: st.DataObject) -> None:
    """What the schema lets through, and no training could be: other lengths, absurd numbers."""
    document = trained(strict_json(CALLS.read_bytes()))
    run = document["process_runs"][index]
    run["cell"] = data.draw(st.sampled_from([EAGER, AMP, RANKS, MIRRORED, SST2, BERT]))
    places = [*_containers(run), *_containers(document["tasks"]), document["protocol"]]
    for place in data.draw(st.lists(st.sampled_from(range(len(places))), min_size=1, max_size=4)):
        _disfigure(places[place], data)
    validate(canonical_bytes(document), now=NOW)


def _containers(value: Any) -> list[Any]:
    """Return every list and object in a JSON value, itself included."""
    if not isinstance(value, (list, dict)):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [value, *(found for item in inner for found in _containers(item))]


def _disfigure(place: Any, data: st.DataObject) -> None:
    """Shorten or double a list, or change one of the numbers in it, or in an object."""
    if isinstance(place, list) and place and data.draw(st.booleans()):
        length = data.draw(st.sampled_from([0, 1, len(place) - 1, 2 * len(place)]))
        place[:] = (place + copy.deepcopy(place))[:length]
    numbers = list(place) if isinstance(place, dict) else list(range(len(place)))
    numbers = [key for key in numbers if isinstance(place[key], int)]
    if numbers:
        place[data.draw(st.sampled_from(numbers))] = data.draw(st.sampled_from(ABSURD))
