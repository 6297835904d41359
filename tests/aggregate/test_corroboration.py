"""Trust: who measured the same, independently, and what is no evidence of it."""

import pytest
from tests.aggregate.conftest import NEW, Maker

from hfbench_aggregate.corroboration import corroborations
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.reduction import families


def accepted(maker: Maker, submitter: str, slower: float = 1.0, process_runs: int = 6) -> Accepted:
    effects = {(model, NEW): slower for model in ("bert-base", "gpt2", "vit-tiny")}
    document = maker.document(effects=effects, process_runs=process_runs)
    return Accepted(f"{maker.random.getrandbits(256):064x}", "", submitter, document)  # type: ignore[arg-type]


def trust(*submissions: Accepted) -> list[bool]:
    (family,) = families(submissions)
    found = corroborations(family)
    return [one.sha256 in found and found[one.sha256].holds for one in submissions]


def test_two_contributors_who_agree(maker: Maker) -> None:
    assert trust(accepted(maker, "ada"), accepted(maker, "grace")) == [True, True]


@pytest.mark.parametrize("other", ["ada", "local"], ids=["oneself", "nobody knows whom"])
def test_only_others_corroborate(maker: Maker, other: str) -> None:
    assert trust(accepted(maker, "ada"), accepted(maker, other)) == [False, False]


def test_disagreement_is_seen_and_a_third_decides(maker: Maker) -> None:
    honest, forged = accepted(maker, "ada"), accepted(maker, "mallory", slower=0.5)
    assert trust(honest, accepted(maker, "grace"), forged)[:2] == [True, True]
    (family,) = families([honest, forged])
    seen = corroborations(family)[forged.sha256]
    assert seen.agreeing == seen.shared / 2  # the old version, which was left as it is
    assert not seen.holds


def test_too_few_process_runs_show_nothing(maker: Maker) -> None:
    few = [accepted(maker, name, process_runs=2) for name in ("ada", "grace")]
    assert trust(*few) == [False, False]
