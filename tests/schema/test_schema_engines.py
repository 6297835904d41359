"""The fast JSON Schema engine says what the reference implementation says, of any document.

And of a beginning of a document, nothing that it does not say of the whole.
"""

import copy
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hostile.documents import DOCUMENTS

from hfbench_schema import rules_schema
from hfbench_schema.canonical import StrictJSONError, strict_json
from hfbench_schema.submission import submission_json_schema

CORPUS = [
    strict_json(path.read_bytes()) for path in sorted(Path("tests/schema/corpus").rglob("*.json"))
]
REFERENCE = jsonschema.Draft202012Validator(submission_json_schema())
ENGINE = jsonschema_rs.Draft202012Validator(submission_json_schema())
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([3.0, 1e300, -0.0, "٣", "a\n", "", "ok", [], {}, 2**53, 2**64]),
    st.text(max_size=8),
)


def places(document: Any) -> set[tuple[object, ...]]:
    """Return where the reference finds something wrong."""
    return {tuple(error.absolute_path) for error in REFERENCE.iter_errors(document)}


def agree(document: Any) -> None:
    found = {tuple(error.instance_path) for error in ENGINE.iter_errors(document)}
    assert places(document) <= found
    # Python's `$` matches before a last line end, against JSON Schema; no text may hold one.
    assert all(ends_a_line(document, place) for place in found - places(document))


def bounded_agree(document: Any, most_values: int) -> None:
    """What a beginning is told to break, the whole breaks; what the whole breaks, is told."""
    every = {(tuple(e.instance_path), tuple(e.schema_path)) for e in ENGINE.iter_errors(document)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules_schema, "MOST_VALUES", most_values)
        told = rules_schema._errors(document)
        is_cut = bool(rules_schema.beginning(document)[1])
    found = {(tuple(error.instance_path), tuple(error.schema_path)) for error in told}
    assert found <= every if is_cut else found == every
    assert bool(found) == bool(every)


def ends_a_line(document: Any, place: tuple[object, ...]) -> bool:
    for key in place:
        document = document[key]
    texts = document if isinstance(document, dict) else [document]
    return any(isinstance(text, str) and text.endswith("\n") for text in texts)


@pytest.mark.parametrize("document", CORPUS, ids=lambda document: document["suite"]["name"])
def test_on_the_corpus(document: Any) -> None:
    agree(document)


@pytest.mark.parametrize("attack", DOCUMENTS, ids=lambda attack: attack.idea)
def test_on_hostile_documents(attack: Any) -> None:
    try:
        document = strict_json(attack.forge(copy.deepcopy(CORPUS[0])))
    except StrictJSONError:
        return  # is refused before any schema is asked
    agree(document)
    if isinstance(document, dict):
        for most_values in (5, 50, 2000):
            bounded_agree(document, most_values)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_on_documents_with_anything_anywhere(data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(CORPUS)))
    for _ in range(data.draw(st.integers(1, 3))):
        parent, key = document, data.draw(st.sampled_from(sorted(document)))
        while isinstance(parent[key], dict | list) and parent[key] and data.draw(st.booleans()):
            parent = parent[key]
            keys = sorted(parent) if isinstance(parent, dict) else range(len(parent))
            key = data.draw(st.sampled_from(keys))
        parent[key] = data.draw(LEAVES)
    agree(document)
    bounded_agree(document, data.draw(st.integers(0, 600)))


def test_nothing_untrue_is_said_of_what_was_cut() -> None:
    """Lists are alike only as far as they are kept, and later keys of objects are needed."""
    document = copy.deepcopy(CORPUS[0])
    document["protocol"]["roles"] = [[*range(30), "a"], [*range(30), "b"]]
    document["client"]["a" * 5000] = {str(number): number for number in range(30)}
    document["process_runs"][0]["reason"] = "a" * 5000
    for most_values in range(0, 400, 3):
        bounded_agree(document, most_values)
