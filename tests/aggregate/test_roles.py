"""Roles, attempts, launch methods and builds: what must never be mixed, and what it costs."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from tests.aggregate.conftest import NEW, OLD, Document, Maker, propose

from hfbench_aggregate.break_even import break_even_rows
from hfbench_aggregate.cli import main
from hfbench_aggregate.intake import take_in
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.reduction import families
from hfbench_aggregate.resources import energy_rows, memory_rows
from hfbench_aggregate.stores.local import LocalStore
from hfbench_aggregate.tables import BreakEvenRow
from hfbench_schema.canonical import strict_json

BERT = "smoke/bert-base/torch-eager/cpu/fp32/b1-s64"
COMPILED = BERT.replace("eager", "compile")
DEV = "5.24.0.dev0"
NOT_INTERLEAVED = "not interleaved: its interval allows for the sittings to differ"
BOTH = ("--baseline", f"transformers=={OLD}", "--candidate", f"transformers=={NEW}")


def store_with(folder: Path, *documents: Document) -> Path:
    for document in documents:
        propose(folder, document)
    moment = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    decisions = take_in(LocalStore(folder), lambda: moment).decisions
    assert {d.outcome for d in decisions} == {"accepted"}, decisions
    return folder


def compare(folder: Path, *arguments: str) -> Any:
    result = CliRunner().invoke(main, ["compare", str(folder), *arguments, "--format", "json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)["machines"]


def contaminate(run: Document) -> None:
    """Let another program take a core for as long as a process run lasted."""
    run["contamination"] = {"foreign_cpu_ms": run["wall_ns"] // 10**6 * 4}
    run.update(status="contaminated", reason="foreign CPU time 400 % of a core")


def of_place(document: Document, cell: str, environment: int) -> list[Document]:
    runs: list[Document] = document["process_runs"]
    return [run for run in runs if (run["cell"], run["environment"]) == (cell, environment)]


def test_a_place_measured_twice_counts_once(folder: Path, maker: Maker) -> None:
    document = maker.document()
    first = of_place(document, BERT, 0)[2]
    again = {**first, "attempt": 1, "iterations_ns": [t + 1 for t in first["iterations_ns"]]}
    first["iterations_ns"] = [9 * t for t in first["iterations_ns"]]
    first["wall_ns"] *= 9
    contaminate(first)
    document["process_runs"].append(again)
    (comparison,) = compare(store_with(folder, document), *BOTH)
    row = comparison["cells"][0]
    assert row["process_runs"] == [5, 5]
    assert row["baseline_ms"] == pytest.approx(35, rel=0.02)
    assert row["flags"] == [
        "baseline: 1 process run set aside: contaminated (foreign CPU time 400 % of a core)"
    ]


def test_a_cell_that_lost_a_side_does_not_spoil_the_others(folder: Path, maker: Maker) -> None:
    """Bert keeps the baseline of one sitting and the candidate of the other."""
    first, second = maker.document(), maker.document()
    for run in [*of_place(first, BERT, 0), *of_place(second, BERT, 1)]:
        contaminate(run)
    alone = maker.document([NEW, NEW])
    (comparison,) = compare(store_with(folder, first, second, alone), *BOTH)
    bert, *others = comparison["cells"]
    assert bert["process_runs"] == [5, 10]
    assert [row["process_runs"] for row in others] == [[10, 10], [10, 10]]
    assert bert["detectable"] > 1.02 > max(row["detectable"] for row in others)
    assert comparison["interleaved"] == [2, 3]
    assert comparison["provisional"].startswith("not interleaved in 1 of 3 cells, too few sittings")
    marked = [NOT_INTERLEAVED in row["flags"] for row in (bert, *others)]
    assert marked == [True, False, False]
    text = CliRunner().invoke(main, ["compare", str(folder), *BOTH]).output
    assert "design: interleaved in 2 of 3 cells; in the others: sittings" in text
    assert text.rstrip().endswith("of 3 cells (provisional in 1 of 3)")


def test_a_budget_may_end_a_sitting_in_any_block(folder: Path, maker: Maker) -> None:
    document = maker.document()
    document["protocol"]["budget_s"] = 300
    document["process_runs"] = document["process_runs"][:-7]
    (comparison,) = compare(store_with(folder, document), *BOTH)
    assert comparison["design"] == "interleaved"
    assert [row["process_runs"] for row in comparison["cells"]] == [[4, 4], [4, 4], [4, 3]]
    assert comparison["warnings"] == ["also differ: tokenizers 0.22.1 / 0.23.0"]


def test_launch_methods_are_never_pooled(folder: Path, maker: Maker) -> None:
    spawned, forked = maker.document(), maker.document()
    forked["protocol"]["launch"] = "fork_server"
    comparisons = compare(store_with(folder, spawned, forked), *BOTH)
    assert [c["suite"] for c in comparisons] == ["smoke-1", "smoke-1, fork server"]
    assert {tuple(row["process_runs"]) for c in comparisons for row in c["cells"]} == {(5, 5)}


def from_git(document: Document, environment: int, commit: str) -> None:
    facts = document["environments"][environment]
    facts["packages"]["transformers"] = DEV
    facts["sources"] = {"transformers": {"kind": "git", "content": commit * 5}}


def test_builds_of_one_version_are_told_apart(folder: Path, maker: Maker) -> None:
    document = maker.document([OLD, "a", "b"])
    from_git(document, 1, "1f2e3d4c")
    from_git(document, 2, "0a2e3d4c")
    store_with(folder, document)
    asked = ("--baseline", f"transformers=={OLD}", "--candidate")
    result = CliRunner().invoke(main, ["compare", str(folder), *asked, f"transformers=={DEV}"])
    assert result.exit_code == 2
    assert f"more than one build: transformers {DEV}@0a2e3d4c0a2e, transf" in result.output
    (comparison,) = compare(folder, *asked, "transformers @ 1f2e3d4c")
    assert comparison["candidate"].startswith(f"transformers {DEV}@1f2e3d4c1f2e, torch")
    CliRunner().invoke(main, ["release", str(folder)])
    table = strict_json((folder / "releases" / "2026.11.1" / "comparisons.json").read_bytes())
    newest = [c["candidate"].split(",")[0] for c in table]
    assert newest == [f"transformers {DEV}@{c}" for c in ("0a2e3d4c0a2e", "1f2e3d4c1f2e")]


def test_a_release_is_preferred_to_builds_of_its_version(folder: Path, maker: Maker) -> None:
    document = maker.document([OLD, "5.24.0", "a", "b"])
    for place, commit in ((2, "1f2e3d4c"), (3, "0a2e3d4c")):
        from_git(document, place, commit)
    document["environments"][2]["packages"]["transformers"] = "5.24.0"
    store_with(folder, document)
    asked = ("--baseline", f"transformers=={OLD}", "--candidate")
    (comparison,) = compare(folder, *asked, "transformers==5.24.0")
    assert comparison["candidate"].startswith("transformers 5.24.0, torch")
    (comparison,) = compare(folder, *asked, "transformers @ 1f2e")
    assert comparison["candidate"].startswith("transformers 5.24.0@1f2e3d4c1f2e, torch")
    assert [c["candidate"].split(",")[0].split()[1] for c in released(folder)] == [
        *(f"{DEV}@0a2e3d4c0a2e", "5.24.0", "5.24.0@1f2e3d4c1f2e"),
        *("5.24.0", "5.24.0@1f2e3d4c1f2e"),
    ]


def released(folder: Path) -> Any:
    """Return the comparisons of a store's first release."""
    assert CliRunner().invoke(main, ["release", str(folder)]).exit_code == 0
    return strict_json((folder / "releases" / "2026.11.1" / "comparisons.json").read_bytes())


def with_canary(document: Document) -> Document:
    """Let the last environment have process runs of bert alone."""
    last = len(document["environments"]) - 1
    document["process_runs"] = [
        run for run in document["process_runs"] if run["environment"] != last or run["cell"] == BERT
    ]
    return document


def test_a_replica_of_one_cell_is_compared_in_that_cell(folder: Path, maker: Maker) -> None:
    first, second = (with_canary(maker.document([OLD, NEW, OLD])) for _ in range(2))
    store_with(folder, first, maker.document(), second)
    check, versions = released(folder)
    assert [len(c["cells"]) for c in (versions, check)] == [3, 1]
    assert (versions["sittings"], check["sittings"]) == ([3, 3], [2, 2])
    assert check["same_versions"] is True
    assert check["warnings"] == []
    assert check["cells"][0]["cell"] == BERT
    assert check["cells"][0]["process_runs"] == [10, 10]
    assert check["cells"][0]["verdict"] in ("equivalent", "inconclusive")


def test_replicas_are_never_compared_across_what_else_they_differ_in(
    folder: Path, maker: Maker
) -> None:
    """Numbers of replicas mean nothing beyond their sitting."""
    document, other = maker.document([OLD, NEW, OLD, NEW]), maker.document([NEW, NEW])
    document["environments"][3]["packages"]["tokenizers"] = "0.99.0"
    other["environments"][1]["packages"]["tokenizers"] = "0.99.0"
    store_with(folder, document, other)
    found = [(c["baseline"], c["candidate"].partition(", replica")[2]) for c in released(folder)]
    title = f"transformers {OLD}, torch 2.13.0+cpu, Python 3.11"
    assert sorted(found) == [(title, ""), (title, " 1")]
    asked = ["--baseline", f"transformers=={NEW}", "--candidate", f"transformers=={NEW}"]
    result = CliRunner().invoke(main, ["compare", str(folder), *asked])
    assert result.exit_code == 2
    assert "no sitting with two replicas of it" in result.output


def test_tensorflow_goes_by_either_name_and_its_distributions_stay_apart(
    folder: Path, maker: Maker
) -> None:
    document = maker.document([NEW, NEW, NEW])
    for facts, (name, version) in zip(
        document["environments"],
        (("tensorflow", "2.20.0"), ("tensorflow-cpu", "2.20.0"), ("tensorflow-cpu", "2.21.0")),
        strict=True,
    ):
        facts["packages"][name] = version
        facts["replica"] = 0
        del facts["packages"]["torch"]
    store_with(folder, document)
    for old in ("tensorflow", "tensorflow-cpu"):
        for new in ("tensorflow", "tensorflow-cpu"):
            asked = ("--baseline", f"{old}==2.20.0", "--candidate", f"{new}==2.21.0")
            comparisons = compare(folder, *asked)
            assert len(comparisons) == (2 if old == "tensorflow" else 1)
            assert comparisons[-1]["baseline"].startswith(f"transformers {NEW}, tensorflow")
            assert not any(c["same_versions"] for c in comparisons)
    asked = ("--baseline", "tensorflow==2.20.0", "--candidate", "tensorflow-cpu==2.20.0")
    (comparison,) = compare(folder, *asked)
    assert comparison["warnings"] == []
    assert "tensorflow-cpu 2.20.0" in comparison["candidate"]
    assert released(folder) == []


def test_environments_without_a_common_cell_are_not_compared(folder: Path, maker: Maker) -> None:
    document = maker.document()
    cells = {0: BERT, 1: BERT.replace("bert-base", "gpt2")}
    runs = document["process_runs"]
    document["process_runs"] = [run for run in runs if run["cell"] == cells[run["environment"]]]
    store_with(folder, document)
    result = CliRunner().invoke(main, ["compare", str(folder), *BOTH])
    assert result.exit_code == 2
    assert "there is no cell whose latency both sides have process runs of" in result.output
    assert released(folder) == []


def test_cells_unsupported_on_both_sides_are_one_line(folder: Path, maker: Maker) -> None:
    document = maker.document()
    unsupported = {"status": "unsupported", "reason": "no such thing", "wall_ns": 0}
    kept = ("cell", "environment", "block", "started_at")
    document["process_runs"] = [
        {name: run[name] for name in kept} | unsupported if run["cell"] == BERT else run
        for run in document["process_runs"]
    ]
    (comparison,) = compare(store_with(folder, document), *BOTH)
    assert [row["cell"].split("/")[1] for row in comparison["cells"]] == ["gpt2", "vit-tiny"]
    assert comparison["warnings"][0] == "1 cell unsupported in both"


def test_what_nobody_watched_is_flagged(folder: Path, maker: Maker) -> None:
    document = maker.document()
    for run in of_place(document, BERT, 1)[:2]:
        del run["contamination"]
    (comparison,) = compare(store_with(folder, document), *BOTH)
    assert comparison["cells"][0]["flags"] == ["candidate: not watched in 2 of 5"]
    other = with_memory_and_energy(maker)
    for run in other["process_runs"]:
        run.pop("contamination", None)
    (family,) = families(accepted(other))
    assert energy_rows(family)[0]["flags"][0] == "not watched in 1 of 1"
    assert not any("watched" in flag for row in memory_rows(family) for flag in row["flags"])


def accepted(document: Document) -> list[Accepted]:
    """Return a submission as if taken in: its cells need not be those of a published suite."""
    return [Accepted("0" * 64, "2026-11-23T12:00:00Z", "ada", document)]  # type: ignore[arg-type]


def costly(maker: Maker, cell: str, role: str, **fields: Any) -> Document:
    moment = f"{maker.started + timedelta(minutes=9):%Y-%m-%dT%H:%M:%SZ}"
    common = {"cell": cell, "environment": 0, "started_at": moment, "wall_ns": 9 * 10**9}
    watched = {"contamination": {"foreign_cpu_ms": 0}}
    return {**common, **watched, "block": 0, "status": "ok", "role": role, **fields}


def compiled(maker: Maker, mode_ms: float, runs: int, noise: float = 0.002) -> Document:
    """Return a sitting in which bert takes 35 ms, compiled `mode_ms` after 7 s of compiling."""
    document, random = maker.document([NEW], process_runs=runs, noise=noise), Random(7)
    for run in of_place(document, BERT, 0):
        times = maker.times(mode_ms, 20, noise)
        document["process_runs"].append({**run, "cell": COMPILED, "iterations_ns": times})
    for block in range(runs):
        first = [int(4e9 * random.lognormvariate(0, 0.01)), 30 * 10**6]
        phases = {"import": 10**9, "build": 10**9, "prepare": 3 * 10**9}
        fields = {"block": block, "iterations_ns": first, "phases_ns": phases, "caches": "empty"}
        document["process_runs"].append(costly(maker, COMPILED, "cold", **fields))
    return document


def break_even(document: Document) -> BreakEvenRow:
    (family,) = families(accepted(document))
    (row,) = break_even_rows(family)
    return row


def test_compiling_pays_after_what_was_planted(maker: Maker) -> None:
    row = break_even(compiled(maker, 28.0, 5))
    assert (row["cell"], row["caches"], row["process_runs"]) == (COMPILED, "empty", [5, 5, 5])
    assert row["calls"] == pytest.approx(1000, rel=0.05)
    assert row["low"] is not None
    assert row["high"] is not None
    assert 900 < row["low"] < 1000 < row["high"] < 1150
    assert row["wording"].startswith("pays after ")


def test_what_saves_nothing_never_pays(maker: Maker) -> None:
    slower = break_even(compiled(maker, 40.0, 5))
    assert (slower["calls"], slower["low"], slower["high"]) == (None, None, None)
    assert slower["wording"] == "never: it saves nothing"
    doubtful = break_even(compiled(maker, 34.9, 5, noise=0.03))
    assert doubtful["high"] is None
    assert doubtful["low"] is not None
    few = break_even(compiled(maker, 28.0, 2))
    assert few["calls"] is not None
    assert (few["low"], few["high"]) == (None, None)


def with_memory_and_energy(maker: Maker) -> Document:
    document = maker.document()
    document["protocol"]["roles"] = ["latency", "memory", "energy"]
    for block, peak in enumerate((2000, 2030, 2010)):
        sizes = {"host_imported": 500, "host_built": 1000, "host_peak": peak}
        memory = {name: mib * 2**20 for name, mib in sizes.items()}
        document["process_runs"].append(
            costly(maker, BERT, "memory", block=block, memory=memory, wall_ns=10**9 + block)
        )
    busy = {"duration_ns": 2 * 10**9, "millijoules": 90_000, "calls": 60}
    idle = {"duration_ns": 10**9, "millijoules": 15_000, "calls": 0}
    energy = {"source": "rapl", "busy": [busy, busy], "idle": [idle]}
    failed = {"status": "error", "reason": "the counter went away", "block": 1}
    document["process_runs"] += [
        costly(maker, BERT, "energy", energy=energy),
        costly(maker, BERT, "energy", **failed),
    ]
    return document


def test_memory_and_energy_are_centred_over_process_runs(maker: Maker) -> None:
    (family,) = families(accepted(with_memory_and_energy(maker)))
    (memory,), (energy,) = memory_rows(family), energy_rows(family)
    assert (memory["host_imported"], memory["host_peak"]) == (500, 2010)
    assert memory["device_peak"] is None
    assert memory["flags"] == ["host_peak differs by 1.5 % between process runs"]
    assert (energy["joules"], energy["net_joules"]) == (1.5, 1.0)
    assert (energy["busy_watts"], energy["idle_watts"]) == (45, 15)
    assert (energy["measured"], energy["spread"]) == (1, None)
    assert energy["flags"] == ["1 process run failed: error (the counter went away)"]


def test_energy_that_nobody_could_measure_has_a_row_that_says_so(maker: Maker) -> None:
    document = maker.document()
    without = {"status": "unsupported", "reason": "no counter here"}
    document["process_runs"].append(costly(maker, BERT, "energy", **without))
    (family,) = families(accepted(document))
    (row,) = energy_rows(family)
    assert (row["measured"], row["source"], row["joules"]) == (0, None, None)
    assert row["flags"] == ["1 process run failed: unsupported (no counter here)"]


def test_other_roles_never_change_a_comparison_and_get_tables_of_their_own(
    tmp_path: Path,
) -> None:
    def tables_of(name: str, document: Document) -> dict[str, Any]:
        store = tmp_path / name
        (store / "proposals").mkdir(parents=True)
        store_with(store, document)
        assert CliRunner().invoke(main, ["release", str(store)]).exit_code == 0
        files = (store / "releases" / "2026.11.1").glob("*.json")
        return {path.name: strict_json(path.read_bytes()) for path in files}

    plain = tables_of("plain", Maker().document())
    full = tables_of("full", with_memory_and_energy(Maker()))
    notes = (tmp_path / "full" / "releases" / "2026.11.1" / "NOTES.md").read_text()
    assert (
        "Measured process runs: 30 of role latency, 3 of role memory, "
        "1 of role energy (1 more failed or were set aside)."
    ) in notes
    assert full.keys() - plain.keys() == {"memory.json", "energy.json"}
    assert full["comparisons.json"] == plain["comparisons.json"]
    assert len(full["cells.json"]) == len(plain["cells.json"])
    assert all(row["suite"] == "smoke-1" for row in full["cells.json"])
