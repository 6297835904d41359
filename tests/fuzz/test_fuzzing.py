"""Documents nobody would write: none makes the validator raise, and each gets a report.

A larger number: python -m fuzz.validation --documents 1000000
"""

from collections import Counter
from typing import Any

from fuzz.validation import examine, fuzz
from hypothesis import HealthCheck, given, settings
from tests.fuzz.structures import submissions

from hfbench_schema.canonical import canonical_bytes
from hfbench_schema.reports import message_catalogue

DOCUMENTS = 1500
SEED = 2026


def test_mutated_documents_get_a_report() -> None:
    tally = fuzz(SEED, 0, DOCUMENTS)
    assert tally.failures == {}
    assert tally.outcomes.total() == DOCUMENTS
    assert min(tally.outcomes["accepted"], tally.outcomes["refused"]) > DOCUMENTS / 100
    groups = {message_catalogue()[rule].group for rule in tally.rules}
    assert {"bytes", "schema", "time", "samples", "correctness"} <= groups, groups


def test_every_structure_gets_a_report() -> None:
    rules = Counter[str]()

    @settings(
        max_examples=150,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(document=submissions())
    def look(document: dict[str, Any]) -> None:
        report, _ = examine(canonical_bytes(document))
        rules.update({found.rule for found in report.findings})
        assert not {"HFB003", "HFB005", "HFB010", "HFB011"} & {f.rule for f in report.findings}

    look()
    assert len(rules) >= 10, rules
