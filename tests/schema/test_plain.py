"""Shortcuts of the validator say what the long ways say, of any document."""

import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from fuzz.validation import NOW, document, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.structures import SCHEMA, submissions
from tests.hostile.documents import DOCUMENTS
from tests.submit.uploads import made_up

from hfbench_schema import privacy, rules_bytes, rules_copies, rules_schema, validation
from hfbench_schema.canonical import canonical_bytes, strict_json
from hfbench_schema.plain import plain_document
from hfbench_schema.reports import Report
from hfbench_schema.submission import timed_iterations

HONEST = seeds()[0]
LARGEST = 2**53 - 1
ODD = {
    "a fraction that is none": (b'"block":0', b'"block":0.0'),
    "an exponent": (b'"block":0', b'"block":0e0'),
    "a negative zero": (b'"block":0', b'"block":-0'),
    "a number that is too large": (b'"block":0', b'"block":9007199254740993'),
    "a number beyond 64 bits": (b'"block":0', b'"block":98765432109876543210'),
    "a space": (b'"block":0', b'"block": 0'),
    "a key twice": (b'"block":0', b'"block":0,"block":0'),
    "keys in another order": (b'"client":{"name":"hfbench",', b'"client":{"z":1,"name":"hfbench",'),
    "an escape that need not be": (b'"hfbench"', b'"hf\\u0062ench"'),
    "a line end": (b'"hfbench"', b'"hfbench\\n"'),
    "an escaped slash": (b'"hfbench"', b'"hfbench\\/"'),
    "quotes and a backslash": (b'"hfbench"', b'"hf\\"ben\\\\ch"'),
    "a backslash and a letter": (b'"hfbench"', b'"hf\\\\n"'),
    "a delete character": (b'"hfbench"', b'"hfbench\x7f"'),
    "a letter beyond ASCII": (b'"hfbench"', '"hfbénch"'.encode()),
    "a letter in two parts": (b'"hfbench"', '"hfbe\u0301nch"'.encode()),
    "half a character": (b'"hfbench"', b'"hfbench\\ud800"'),
    "what is no UTF-8": (b'"hfbench"', b'"hfbench\xff"'),
    "a mark of byte order": (b'{"client"', b'\xef\xbb\xbf{"client"'),
    "something after the end": (b'"version":1}}', b'"version":1}}}'),
    "what is not a number": (b'"block":0', b'"block":NaN'),
    "a text for a number": (b'"block":0', b'"block":"0"'),
}


def closely(data: bytes) -> Report:
    """Return what the validator says without its shortcut for plain documents."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "plain_document", lambda _: None)
        return validation.validate(data, now=NOW)


def assert_one_truth(data: bytes) -> None:
    assert validation.validate(data, now=NOW) == closely(data)
    found = plain_document(data)
    if found is not None and rules_schema.is_submission(found):
        assert repr(found) == repr(strict_json(data))  # of the same types, in the same order
        assert canonical_bytes(found) == data
        assert [*rules_bytes.check_depth(data), *rules_bytes.check_canonical(data, found)] == []
        assert not data.isascii() or [*rules_bytes.check_text(found)] == []


@pytest.mark.parametrize("idea", ODD)
def test_of_bytes_that_are_spelt_otherwise(idea: str) -> None:
    usual, odd = ODD[idea]
    assert usual in HONEST
    data = HONEST.replace(usual, odd, 1)
    assert_one_truth(data)


def test_of_documents_that_are_valid_hostile_or_mutated() -> None:
    forged = [attack.forge(strict_json(HONEST)) for attack in DOCUMENTS]
    mutated = [document(7, number) for number in range(300)]
    for data in (*seeds(), *forged, *mutated, made_up(1).data):
        assert_one_truth(data)
    assert plain_document(HONEST) is not None


@settings(max_examples=60, deadline=None, database=None)
@given(made=submissions())
def test_of_every_structure(made: dict[str, Any]) -> None:
    assert_one_truth(canonical_bytes(made))


def test_of_bytes_that_are_no_submission() -> None:
    for data in (b"", b"{}", b"[]", b"null", b"0", b'"a"', b"[" * 100_000, b"{" * 5000, b" " * 9):
        assert_one_truth(data)
        assert plain_document(b" " * (rules_bytes.MAXIMUM_BYTES + 1)) is None


def nodes(node: Any, depth: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the nodes of the schema that describe a value, with how deep the value lies."""
    if "$ref" in node:
        node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    yield node, depth
    parts = [*node.get("properties", {}).values()]
    parts += [part for name in ("items", "additionalProperties") if (part := node.get(name))]
    for part in parts:
        yield from nodes(part, depth + 1)


def test_the_schema_bounds_what_the_shortcut_does_not_look_at() -> None:
    found = list(nodes(SCHEMA))
    assert max(depth for _, depth in found) <= rules_bytes.MAXIMUM_DEPTH
    for node, _ in found:
        kinds = node.get("type", [])
        if "integer" in kinds:
            assert -LARGEST <= node["minimum"] <= node["maximum"] <= LARGEST
        if "object" in kinds:
            assert "additionalProperties" in node
        if "array" in kinds:
            assert "items" in node
        assert kinds or "const" in node or "enum" in node


# Copies


def disguised_naively(times: list[list[int]]) -> list[tuple[int, int, str]]:
    """Return (number, first one, how) of copies, by looking at everything of each."""
    found: list[tuple[int, int, str]] = []
    gaps: dict[tuple[int, ...], int] = {}
    orders: dict[tuple[int, ...], int] = {}
    for index, some in enumerate(times):
        if len(set(some)) < rules_copies.LEAST_DISTINCT:
            continue
        by_gaps = gaps.setdefault(rules_copies._gaps(some), index)
        by_order = orders.setdefault(rules_copies._order(some), index)
        first, how = (by_gaps, "gaps") if by_gaps < index else (by_order, "order")
        if first < index and times[first] != some:
            found.append((index, first, how))
    return found


def copied(times: list[int], random: Random) -> list[int]:
    """Return times in one of the disguises, or in none."""
    shift, scale = random.choice([0, 7]), random.choice([1, 1, 3])
    made = [time * scale + shift for time in times]
    if random.random() < 0.3:
        random.shuffle(made)
    if random.random() < 0.3:  # where times were equal, they are in the same order and differ
        for rank, index in enumerate(rules_copies._order(made)):
            made[index] += rank
    return made


@settings(max_examples=200, deadline=None, database=None)
@given(random=st.randoms(use_true_random=False), ties=st.sampled_from([14, 30, 10**6]))
def test_copies_are_found_at_a_glance(random: Random, ties: int) -> None:
    times: list[list[int]] = []
    for _ in range(random.randint(2, 9)):
        fresh = [1000 + random.randrange(ties) for _ in range(random.choice([9, 12, 12, 20]))]
        times.append(
            copied(random.choice(times), random) if times and random.random() < 0.6 else fresh
        )
    run = {"cell": "", "status": "ok", "role": "latency", "warmup_iterations": 0}
    runs = [{**run, "iterations_ns": some} for some in times]
    assert [timed_iterations(one) for one in runs] == times  # type: ignore[arg-type]
    findings = rules_copies.check_disguised_copies({"process_runs": runs})  # type: ignore[typeddict-item]
    said = [
        (int(at), int(first), "gaps" if "gaps" in found.message else "order")
        for found in findings
        for at, first in [re.findall(r"process_runs/(\d+)", f"{found.pointer} {found.message}")]
    ]
    assert said == disguised_naively(times)


# Private things

SECRETS = [
    "hf_" + "Ab1" * 11, "ghp_" + "a1" * 15, "github_pat_" + "a" * 30, "glpat-" + "a" * 20,
    "AKIA" + "A1" * 8, "xoxb-" + "1" * 12, "sk-" + "a" * 20, "AIza" + "a" * 35,
    "-----BEGIN RSA PRIVATE KEY-----", "eyJ" + "a" * 10 + ".eyJ" + "a" * 10 + ".a",
    "https://ada:secret@example.org", "/home/ada/x", "/Users/ada", "/root", "/private/var/x",
    r"\\host\share", r"C:\Users\ada", "ada@example.org", "10.0.0.1", "aa:bb:cc:dd:ee:ff",
]  # fmt: skip


@settings(max_examples=300, deadline=None, database=None)
@given(
    pieces=st.lists(
        st.lists(
            st.one_of(st.sampled_from(SECRETS), st.text(max_size=5), st.sampled_from(" .-_/@:\\")),
            max_size=3,
        ).map("".join),
        max_size=5,
    )
)
def test_nothing_private_is_in_a_text_that_is_not_suspect(pieces: list[str]) -> None:
    finders = (privacy.find_secret, privacy.find_private, privacy.find_address)
    found = {text for text in pieces for find in finders if find(text)}
    assert found <= privacy.suspects(pieces) <= set(pieces)


@pytest.mark.parametrize("secret", SECRETS)
def test_one_secret_among_many_texts_is_seen(secret: str) -> None:
    public = ["transformers", "smoke/bert-base/torch-eager/cpu", "4.57.6"]
    assert privacy.suspects(public) == set()
    assert privacy.suspects([*public, secret]) == {secret}


PLAIN_FORMS = {
    "secret": re.compile(
        r"\bhf_[A-Za-z0-9]{20,}|\b(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,})"
        r"|\bglpat-[\w-]{20,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bxox[abposr]-[\w-]{10,}"
        r"|\bsk-[\w-]{20,}|\bAIza[\w-]{35}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*"
    ),
    "e-mail": re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+\.[\w.]+"),
    "address": re.compile(
        r"\b(?:\d{1,3}\.){3}\d{1,3}\b(?!\.)|(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}"
    ),
}
"""As one would write them; they take seconds over texts made for that."""
PIECES = [
    "eyJ", "-", ".", ".eyJ", "a" * 7, "a" * 12, " ", "é", "_", "hf_", "ghp_", "github_pat_", "@",
    "glpat-", "AKIA", "ASIA", "A1B2" * 4, "xoxb-", "sk-", "AIza", "1", "12", "123", "1234", "٣",
    "1.2", ".3.4", "aa:", "aa:bb:cc:", "a", ":", "dd:ee", "b.c", "+",
]  # fmt: skip


@settings(max_examples=2000, deadline=None, database=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12))
def test_private_things_are_found_wherever_they_begin(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = {name: form.search(text) for name, form in PLAIN_FORMS.items()}
    assert (privacy.find_secret(text) is not None) == (found["secret"] is not None)
    for find, name in ((privacy.find_private, "e-mail"), (privacy.find_address, "address")):
        match = found[name]
        assert find(text) == (match.group() if match else None)
