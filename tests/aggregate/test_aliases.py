"""Aliases: two machine keys that are one machine, on record, and every change that follows told."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.aggregate.conftest import NEW, Document, Maker
from tests.aggregate.engine.made_up_store import from_documents, from_index, released, take
from tests.aggregate.made_up_machines import (
    BOTH,
    call,
    community,
    compared,
    versions_document,
    written,
)
from tests.aggregate.made_up_training import AMP, FP32, Trainer, Truth
from tests.aggregate.test_corroboration import accepted

from hfbench_aggregate.aliases import Aliases, read_aliases
from hfbench_aggregate.changes import EVERYWHERE, items
from hfbench_aggregate.history.report import history
from hfbench_aggregate.loading import Accepted, aliased
from hfbench_aggregate.machines import key_differences
from hfbench_aggregate.publication import publish
from hfbench_aggregate.published import read_published
from hfbench_aggregate.rebuilding import rebuild
from hfbench_aggregate.reduction import families
from hfbench_aggregate.release import tables_of
from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.sources import Gathered
from hfbench_aggregate.stores.local import LocalStore
from hfbench_aggregate.stores.store import StoreError
from hfbench_aggregate.training.report import training_rows
from hfbench_aggregate.trust import Trusted
from hfbench_schema.canonical import strict_json
from hfbench_schema.machine_key import machine_key

FIRST, SECOND, THIRD = "2026.12.1", "2026.12.2", "2026.12.3"
REASON = "client 0.1 kept (R) and the clock rate in the name"
PLAIN, MARKED = "Intel Xeon 8488C", "Intel(R) Xeon(R) 8488C @ 2.40GHz"
ONE, TWO, THREE = (f"m1-{digit * 16}" for digit in "abc")


def sitting(maker: Maker, cpu: str, slower: float = 1.1, **machine: Any) -> Document:
    """Return a sitting, gpt2 slower, of a machine whose processor was written so."""
    document = maker.document(effects={("gpt2", NEW): slower})
    document["machine"]["cpu"]["name"] = cpu
    document["machine"] |= machine
    return document


def key_of(document: Document) -> str:
    return machine_key(document["machine"])


def say(folder: Path, **aliases: str) -> None:
    """Write the registry: what each key is."""
    path = folder / "registry" / "hardware.json"
    path.parent.mkdir(exist_ok=True)
    listed = {
        key.replace("_", "-"): {"is": name, "reason": REASON} for key, name in aliases.items()
    }
    path.write_text(json.dumps({"aliases": listed}))


def diff(folder: Path, before: str, after: str) -> dict[str, Any]:
    result = call("diff", folder, before, after, "--format", "json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def causes(found: dict[str, Any], machine: str) -> set[tuple[str, ...]]:
    return {tuple(row["causes"]) for row in found["changes"] if row["key"][0] == machine}


def table(folder: Path, version: str, name: str) -> Any:
    return read_published(newest(LocalStore(folder)), version).table(name)


def rebuilt(folder: Path, *versions: str) -> None:
    for version in versions:
        result = rebuild(newest(LocalStore(folder)), version)
        assert (result.differing, result.reasons) == ({}, []), version


def test_sittings_under_an_alias_count_with_those_of_the_machine(
    folder: Path, maker: Maker, tmp_path: Path
) -> None:
    plain, marked = sitting(maker, PLAIN), sitting(maker, MARKED)
    take(folder, plain, marked)
    ((one, _), (two, _)) = ((study["machine_key"], study) for study in compared(folder)["machines"])
    assert {one, two} == {key_of(plain), key_of(marked)}
    say(folder, **{key_of(marked): key_of(plain)})
    # A document that nobody has taken in is of that machine, too, beside the store that says so.
    loose = written(tmp_path / "loose", sitting(maker, MARKED))
    (machine,) = compared(folder, loose)["machines"]
    assert (machine["machine_key"], machine["machine"]) == (key_of(plain), f"{PLAIN}, 4 cores")
    assert machine["sittings"] == [3, 3]
    (row,) = (text for text in machine["warnings"] if text.startswith("the machine varies"))
    assert row == f"the machine varies: processor {PLAIN} and {MARKED} in both"
    planned = call("plan", folder, "--detect", "5%", "--machine", key_of(marked), width=200)
    assert key_of(plain) in planned.output, planned.output


def test_an_alias_is_a_cause_and_is_shown_pinned_and_reversible(folder: Path, maker: Maker) -> None:
    plain = sitting(maker, PLAIN, 1.0)
    marked = sitting(maker, MARKED, 1.3, virtualised=None)
    aside = sitting(maker, "Ampere Altra")
    names = take(folder, plain, marked, aside)
    publish(LocalStore(folder))
    say(folder, **{key_of(marked): key_of(plain)})
    assert call("release", folder).exit_code == 0
    told = diff(folder, FIRST, SECOND)
    verdicts = [row for row in told["changes"] if row["kind"] == "verdict"]
    assert verdicts
    assert {tuple(row["causes"]) for row in told["changes"]} == {("alias",)}
    # Across contributors too: two machines are too few to pool.
    assert {row["key"][0] for row in verdicts} == {key_of(plain), key_of(marked), EVERYWHERE}
    assert told["aliases"] == [f"{key_of(marked)} none / {key_of(plain)}"]
    text = call("diff", folder, FIRST, SECOND, width=200).output
    assert f"aliases: {key_of(marked)} none / {key_of(plain)}" in text
    assert "(alias)" in text
    (row,) = (row for row in table(folder, SECOND, "machines.json") if "aliases" in row)
    (alias,) = row["aliases"]
    assert (row["machine_key"], sorted(row["submissions"])) == (key_of(plain), sorted(names[:2]))
    assert row["facts"] == plain["machine"]
    assert alias == {
        "machine_key": key_of(marked),
        "reason": REASON,
        "differing": [f"processor {MARKED} / {PLAIN}", "virtualised cannot be told / yes"],
        "facts": marked["machine"],
        "submissions": names[1:2],
    }
    own = {
        row["sha256"]: row.get("own_machine_key")
        for row in table(folder, SECOND, "submissions.json")
    }
    assert own == {names[0]: None, names[1]: key_of(marked), names[2]: None}
    manifest = strict_json((folder / "releases" / SECOND / "manifest.json").read_bytes())
    assert manifest["aliases"] == {key_of(marked): {"is": key_of(plain), "reason": REASON}}
    (folder / "registry" / "hardware.json").unlink()
    rebuilt(folder, FIRST, SECOND)
    assert call("release", folder).exit_code == 0
    back = diff(folder, SECOND, THIRD)
    assert {tuple(row["causes"]) for row in back["changes"]} == {("alias",)}
    assert back["aliases"] == [f"{key_of(marked)} {key_of(plain)} / none"]
    assert not diff(folder, FIRST, THIRD)["changes"]
    first, third = (folder / "releases" / version / "cells.json" for version in (FIRST, THIRD))
    assert first.read_bytes() == third.read_bytes()
    rebuilt(folder, THIRD)


def test_an_alias_is_told_from_new_data_and_retraction_machine_by_machine(
    folder: Path, maker: Maker
) -> None:
    plain, marked = sitting(maker, PLAIN), sitting(maker, MARKED, 1.0)
    aside, spare = sitting(maker, "Ampere Altra"), sitting(maker, "Apple M1")
    gone, *_ = take(folder, spare, sitting(maker, "Apple M1"), aside, plain, marked)
    publish(LocalStore(folder))
    take(folder, sitting(maker, "Ampere Altra"), sitting(maker, PLAIN, 2.0))
    reason = ("--by", "Ada", "--reason", "the fan had failed")
    assert call("ledger", "retract", folder, gone, *reason).exit_code == 0
    say(folder, **{key_of(marked): key_of(plain)})
    publish(LocalStore(folder))
    told = diff(folder, FIRST, SECOND)
    assert causes(told, key_of(aside)) == {("new data",)}
    assert causes(told, key_of(spare)) == {("retraction",)}
    assert causes(told, key_of(marked)) == {("alias",)}  # its rows are another's now
    assert ("new data", "alias") in causes(told, key_of(plain))
    assert ("retraction",) not in causes(told, key_of(plain))
    rebuilt(folder, SECOND)


def test_data_that_came_under_an_alias_takes_both_causes(folder: Path, maker: Maker) -> None:
    """Neither the sitting of the other key nor the alias changes anything by itself."""
    plain, marked = sitting(maker, PLAIN, 1.0), sitting(maker, MARKED, 2.0)
    take(folder, plain)
    publish(LocalStore(folder))
    take(folder, marked)
    say(folder, **{key_of(marked): key_of(plain)})
    publish(LocalStore(folder))
    told = diff(folder, FIRST, SECOND)
    verdicts = {tuple(row["causes"]) for row in told["changes"] if row["kind"] == "verdict"}
    assert verdicts == {("new data", "alias")}


def as_one(first: Document, second: Document) -> tuple[list[Accepted], str, str]:
    """Return sittings of two keys that are one machine, its key, and what is said of that."""
    second["machine"]["virtualised"] = None
    keys = [key_of(document) for document in (first, second)]
    held = [
        Accepted(document["sitting"]["id"], "", "ada", document)  # type: ignore[arg-type]
        for document in (first, second)
    ]
    told = f"{' and '.join(sorted(keys))} count as one machine: virtualised cannot be told and yes"
    return aliased(held, {keys[1]: {"is": keys[0], "reason": REASON}}), keys[0], told


def test_a_training_report_says_that_keys_count_as_one() -> None:
    trainer = Trainer()
    documents = [trainer.document({FP32: Truth(), AMP: Truth(step_ms=13)}) for _ in range(2)]
    held, key, told = as_one(*documents)
    (group,) = training_rows(held)
    assert group["machine_key"] == key
    assert any(text.startswith(told) for text in group["warnings"])
    assert len(training_rows(aliased(held, {}))) == 2


def test_a_history_says_that_keys_count_as_one(maker: Maker) -> None:
    held, key, told = as_one(*(versions_document(maker, 0, "5.0.0") for _ in range(2)))
    (group,) = history(Gathered(held), ())["groups"]
    assert group["machine_keys"] == [key]
    assert any(text.startswith(told) for text in group["notes"])


def test_a_finding_is_not_new_because_its_machine_has_another_key(
    folder: Path, maker: Maker
) -> None:
    plain, marked = maker.document(process_runs=2), sitting(maker, MARKED)
    plain["machine"]["cpu"]["name"] = PLAIN
    take(folder, plain, marked)
    publish(LocalStore(folder))
    say(folder, **{key_of(marked): key_of(plain)})
    publish(LocalStore(folder))
    ((old,), (now,)) = (table(folder, version, "findings.json") for version in (FIRST, SECOND))
    assert (old["machine_key"], now["machine_key"]) == (key_of(marked), key_of(plain))
    assert (now["since"], now["since_at"]) == (FIRST, old["since_at"])
    audit = strict_json((folder / "releases" / SECOND / "audit.json").read_bytes())
    assert (audit["kept"], audit["added"], audit["gone"]) == (1, 0, 0)


def test_another_submitter_of_an_alias_corroborates(maker: Maker) -> None:
    """Trust is told by the keys of the facts, which stay."""
    ada, grace = accepted(maker, "ada"), accepted(maker, "grace")
    grace.document["machine"] = {**grace.document["machine"], "usable_cores": 3}
    keys = [one.own_machine_key for one in (ada, grace)]
    assert len(families([ada, grace])) == 2
    aliases: Aliases = {keys[1]: {"is": keys[0], "reason": REASON}}
    (family,) = families(both := aliased([ada, grace], aliases))
    assert family.machine == ada.document["machine"]
    before, after = (items(tables_of(these, Trusted())) for these in ([ada, grace], both))
    trust = [(before[i], after[i]) for i in before.keys() & after.keys() if i.kind == "trust"]
    assert trust == [("self-reported", "corroborated")] * 2


def test_the_index_gives_the_same_bytes_whatever_the_aliases(folder: Path, maker: Maker) -> None:
    plain, marked = sitting(maker, PLAIN), sitting(maker, MARKED)
    take(folder, plain, marked)
    for aliases in ({}, {key_of(marked): key_of(plain)}, {}):
        say(folder, **aliases)
        held = read_aliases(newest(LocalStore(folder)))
        direct, indexed = from_documents(folder), from_index(folder)
        assert [one.aliases for one in indexed] == [held] * len(indexed)
        assert released(folder, indexed, held) == released(folder, direct, held)
        assert len(families(indexed)) == len({one.machine_key for one in indexed})
        take(folder, sitting(maker, MARKED))


@pytest.mark.parametrize(
    ("aliases", "told"),
    [
        ({ONE: TWO, TWO: THREE}, f"{ONE} is {TWO} is {THREE}: name {THREE}, the last of them"),
        ({ONE: TWO, TWO: ONE}, f"{ONE} is {TWO} is {ONE}, in a circle: take one of them out"),
        ({ONE: ONE}, f"{ONE} is {ONE}, in a circle"),
        ({THREE: ONE, ONE: TWO, TWO: ONE}, f"{THREE} is {ONE} is {TWO} is {ONE}, in a circle"),
        ({"m1-abc": ONE}, '"m1-abc"'),
        ({ONE: f"{TWO}\n"}, "aliases/"),
    ],
    ids=["chain", "circle", "itself", "into a circle", "no key", "a line more"],
)
def test_what_no_alias_may_say_is_refused(
    folder: Path, maker: Maker, aliases: dict[str, str], told: str
) -> None:
    take(folder, sitting(maker, PLAIN))
    say(folder, **aliases)
    for command, *more in (("release",), ("compare", *BOTH), ("plan", "--detect", "5%")):
        refused = call(command, folder, *more, width=400)
        assert refused.exit_code == 2, refused.output
        assert refused.output.startswith("Error: registry/hardware.json, aliases")
        assert told in refused.output
        assert "Mend the file" in refused.output
    assert not (folder / "releases").exists()


def test_a_key_of_another_version_may_be_named_and_a_reason_must_be(
    folder: Path, maker: Maker
) -> None:
    """Nothing has come yet under the key that counts: the alias alone tells of the machine."""
    plain, later = sitting(maker, PLAIN), "m2-0123456789abcdef"
    take(folder, plain)
    say(folder, **{key_of(plain): later})
    listed = call("machines", folder).output
    assert listed.startswith(f"{later}  {PLAIN}, 4 cores, 1 submission\n  alias {key_of(plain)}")
    assert "(its facts are those shown)" in listed
    path = folder / "registry" / "hardware.json"
    path.write_text(json.dumps({"aliases": {ONE: {"is": TWO, "reason": " "}}}))
    with pytest.raises(StoreError, match=f"aliases/{ONE}/reason: .*Mend the file"):
        read_aliases(newest(LocalStore(folder)))


@pytest.mark.parametrize(
    ("machine", "cpu"),
    [
        ({"architecture": "aarch64"}, {}),
        ({"usable_cores": 3}, {}),
        ({"virtualised": None}, {}),
        ({"accelerators": [{"vendor": "NVIDIA", "name": "L4", "memory_gib": 24}]}, {}),
        ({}, {"name": MARKED}),
        ({}, {"vendor": "AuthenticAMD"}),
        ({}, {"family": 6}),
        ({}, {"model": 143}),
        ({}, {"physical_cores": 2}),
        ({}, {"logical_cores": 4}),
    ],
)
def test_no_fact_of_the_key_differs_unseen(
    maker: Maker, machine: dict[str, Any], cpu: dict[str, Any]
) -> None:
    plain = maker.document()["machine"]
    other = {**plain, "cpu": {**plain["cpu"], **cpu}, **machine}
    assert machine_key(plain) != machine_key(other)  # type: ignore[arg-type]
    assert len(key_differences(plain, other)) == 1  # type: ignore[arg-type]


def test_machines_that_are_two_are_not_said_to_differ(tmp_path: Path, maker: Maker) -> None:
    """Their keys say so; what is said of contributors is what the keys do not."""
    report = compared(written(tmp_path / "documents", *community(maker, 3)))
    (pooled,) = report["pooled"]
    assert not any("processor" in text for text in pooled["warnings"])


def test_candidates_are_listed_until_they_are_aliases(folder: Path, maker: Maker) -> None:
    plain, marked = sitting(maker, PLAIN), sitting(maker, MARKED, virtualised=None)
    marked["machine"]["cpu"]["family"] = 6  # which nobody recorded of the plain one
    narrow, newer = sitting(maker, PLAIN, usable_cores=3), sitting(maker, MARKED)
    for document, model in ((marked, 143), (newer, 207)):
        document["machine"]["cpu"]["model"] = model
    take(folder, plain, marked, narrow, newer)
    listed = call("machines", folder).output.splitlines()
    found = [line.split(" may be one machine: ") for line in listed if " may be one " in line]
    plain_key, marked_key, newer_key = map(key_of, (plain, marked, newer))
    pairs = {frozenset(line[0].split(" and ")) for line in found}
    assert pairs == {frozenset((plain_key, marked_key)), frozenset((plain_key, newer_key))}
    assert all("processor" in differing for _, differing in found)
    say(folder, **{marked_key: plain_key})
    listed = call("machines", folder).output.splitlines()
    assert f"{plain_key}  {PLAIN}, 4 cores, 2 submissions" in listed
    assert any(
        line.startswith(f"  alias {marked_key}, 1 submission: {REASON} (") for line in listed
    )
    assert not any(line.startswith(marked_key) for line in listed)


def test_stores_that_contradict_each_other_are_not_compared(tmp_path: Path, maker: Maker) -> None:
    stores = [tmp_path / name for name in ("here", "there")]
    for store, name in zip(stores, (TWO, THREE), strict=True):
        (store / "proposals").mkdir(parents=True)
        take(store, sitting(maker, PLAIN))
        say(store, **{ONE: name})
    refused = call("compare", *stores, *BOTH, width=400)
    assert refused.exit_code == 2
    assert f"says that {ONE} is {THREE}, another store that it is {TWO}" in refused.output
    say(stores[1], **{TWO: THREE})
    chained = call("compare", *stores, *BOTH, width=400)
    assert chained.exit_code == 2
    assert f"and of another store make {ONE} is {TWO} is {THREE}" in chained.output
