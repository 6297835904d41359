"""Trust: who measured the same, independently, who vouches, and what is no evidence of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.aggregate.conftest import NEW, Maker
from tests.aggregate.places import Dataset
from tests.aggregate.test_compare_and_release import store_with
from tests.hub import fixtures
from tests.hub.fixtures import uploads_large_files
from tests.hub.state import Hub

from hfbench_aggregate.corroboration import corroborations
from hfbench_aggregate.intake import take_in
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.publication import publish
from hfbench_aggregate.reduction import families
from hfbench_aggregate.registry import Registry
from hfbench_aggregate.stores.local import LocalStore
from hfbench_aggregate.stores.store import StoreError
from hfbench_aggregate.trust import ATTESTED, CORROBORATED, REPRODUCED, SELF_REPORTED, tier
from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json
from hfbench_schema.validation import validate

hub = fixtures.hub


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


def tiers(registry: Registry, *submissions: Accepted) -> list[str]:
    (family,) = families(submissions)
    seen = corroborations(family, registry.trusted.maintainers)
    return [tier(one.submitter, seen.get(one.sha256), registry.trusted) for one in submissions]


def test_the_highest_tier_that_holds_is_said(maker: Maker) -> None:
    names = ("ada", "grace", "ci-bot", "maintainer")
    ada, grace, robot, maintainer = (accepted(maker, name) for name in names)
    registry = Registry(maintainers=["maintainer"], automation={"ci-bot": "the project's CI"})
    assert tiers(registry, ada) == [SELF_REPORTED]
    assert tiers(registry, ada, grace) == [CORROBORATED, CORROBORATED]
    assert tiers(registry, ada, robot) == [CORROBORATED, ATTESTED]
    # A maintainer reproduces what others measured, and is corroborated by them.
    assert tiers(registry, ada, robot, maintainer) == [REPRODUCED, REPRODUCED, CORROBORATED]
    assert tiers(Registry(), ada, robot, maintainer) == [CORROBORATED] * 3


def test_a_maintainer_who_disagrees_reproduces_nothing(maker: Maker) -> None:
    registry = Registry(maintainers=["maintainer"])
    forged, accomplice = (accepted(maker, name, slower=0.5) for name in ("mallory", "eve"))
    maintainer = accepted(maker, "maintainer")
    assert tiers(registry, forged, maintainer) == [SELF_REPORTED] * 2
    assert tiers(registry, forged, accomplice, maintainer)[0] == CORROBORATED


def test_whoever_is_suspended_vouches_for_nothing(maker: Maker) -> None:
    lost = dict.fromkeys(("ci-bot", "maintainer"), "the token was stolen")
    registry = Registry(lost, maintainers=["maintainer"], automation={"ci-bot": "CI"})
    pair = (accepted(maker, "ci-bot"), accepted(maker, "maintainer"))
    assert tiers(registry, *pair) == [CORROBORATED, CORROBORATED]


def registered(folder: Path, **registry: Any) -> None:
    path = folder / "registry" / "submitters.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(registry))


def test_a_release_says_whom_it_trusted_and_a_document_cannot(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document())
    registered(folder, maintainers=["maintainer"], automation={"ci-bot": "the CI of ORG/REPO"})
    release = folder / publish(LocalStore(folder)).path
    manifest = strict_json((release / "manifest.json").read_bytes())
    assert manifest["trusted"] == {
        "maintainers": ["maintainer"],
        "automation": {"ci-bot": "the CI of ORG/REPO"},
    }
    (row,) = strict_json((release / "submissions.json").read_bytes())
    assert row["trust"] == SELF_REPORTED
    claiming = {**maker.document(), "trust": REPRODUCED, "submitter": "maintainer"}
    assert not validate(canonical_bytes(claiming)).accepted


@uploads_large_files
def test_on_the_hub_the_author_of_the_pull_request_is_attested(hub: Hub, maker: Maker) -> None:
    place = Dataset(hub)
    data = canonical_bytes(maker.document())
    place.propose(f"{sha256_hex(data)}.json", data)  # by grace
    registry = {"automation": {"grace": "the CI of ORG/REPO"}}
    place.fill({"registry/submitters.json": json.dumps(registry).encode()})
    store = place.open()
    take_in(store)
    path = publish(store).path / "submissions.json"
    (row,) = strict_json(store.read(path, store.head()))
    assert (row["submitter"], row["trust"]) == ("grace", ATTESTED)


@pytest.mark.parametrize(
    "registry",
    [
        {"maintainers": ["local"]},
        {"automation": {"local": "a folder"}},
        {"automation": {"ci-bot": ""}},
        {"maintainers": "ada"},
    ],
)
def test_nobody_is_trusted_by_mistake(folder: Path, maker: Maker, registry: dict[str, Any]) -> None:
    store_with(folder, maker.document())
    registered(folder, **registry)
    with pytest.raises(StoreError, match=r"registry/submitters\.json, .*Mend the file"):
        publish(LocalStore(folder))
    assert not (folder / "releases").exists()
