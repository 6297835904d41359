"""The hostile corpus: each document is stopped by its own rule, whoever validates it."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.hostile.bombs import BOMBS
from tests.hostile.documents import DOCUMENTS, INERT, Attack, Document, edited, label, text

from hfbench_schema.canonical import canonical_bytes, strict_json
from hfbench_schema.validation import validate

NOW = datetime(2027, 1, 1, tzinfo=UTC)
(HONEST,) = Path("tests/schema/corpus").glob("submission-1/3f50bb1bdb30*.json")


@pytest.fixture(scope="module")
def honest() -> Document:
    """A real submission, of which nothing is said but that it could not watch other programs."""
    document: Document = strict_json(HONEST.read_bytes())
    for run in document["process_runs"]:
        run["contamination"] = {"foreign_cpu_ms": 0}
    assert validate(canonical_bytes(document), now=NOW).findings == ()
    return document


@pytest.mark.parametrize("attack", DOCUMENTS, ids=lambda attack: attack.idea)
def test_each_idea_is_stopped_by_its_rule(honest: Document, attack: Attack) -> None:
    report = validate(attack.forge(honest), now=NOW)
    assert attack.rule in {found.rule for found in report.findings}
    assert not report.accepted


def test_each_idea_is_there_once(honest: Document) -> None:
    assert len({attack.idea for attack in DOCUMENTS}) == len(DOCUMENTS)
    assert len({attack.forge(honest) for attack in DOCUMENTS}) == len(DOCUMENTS)


@pytest.mark.parametrize("words", INERT)
def test_words_are_only_words(honest: Document, words: str) -> None:
    for forge in (text(words), label(words), edited()):
        assert validate(forge(honest), now=NOW).accepted


def test_no_bomb_takes_much_memory_or_time() -> None:
    """The program ends itself at its limits: whoever judges a document must not be taken along."""
    command = [sys.executable, "-m", "tests.hostile.bombs"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    said = json.loads(done.stdout)
    assert {bomb.idea for bomb in BOMBS if bomb.rule not in said[bomb.idea]} == set(), said
