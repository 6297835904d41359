"""What a release says of itself: what nobody has measured, and how often it is wrong."""

import shlex
from math import exp
from pathlib import Path
from random import Random
from typing import Any

from tests.aggregate.conftest import NEW, OLD, Document, Maker
from tests.aggregate.made_up_training import Trainer, factorial
from tests.aggregate.test_compare_and_release import SLOWER, call, store_with
from tests.aggregate.test_ranking import accepted

from hfbench_aggregate.audit import half_p
from hfbench_aggregate.coverage import coverage_rows
from hfbench_aggregate.reduction import families
from hfbench_aggregate.release_tables import CoverageRow
from hfbench_aggregate.statistics.self_audit import aa_rate
from hfbench_schema.canonical import strict_json
from hfbench_schema.suites import latest_suite


def rows_of(document: Document) -> list[CoverageRow]:
    (family,) = families([accepted(document)])
    return coverage_rows(family)


def failing(run: Document, status: str) -> Document:
    kept = ("cell", "environment", "block", "started_at", "wall_ns")
    return {**{name: run[name] for name in kept}, "status": status, "reason": "as planted"}


def test_every_cell_has_one_state_and_what_is_missing_a_command(maker: Maker) -> None:
    document = maker.document([NEW])
    bert, gpt2, vit = (cell.id for cell in latest_suite("smoke").cells if cell.device == "cpu")
    runs = {
        cell: [run for run in document["process_runs"] if run["cell"] == cell]
        for cell in (bert, gpt2, vit)
    }
    document["process_runs"] = [
        *runs[bert][:2],
        *(failing(run, "unsupported") for run in runs[gpt2]),
        *(failing(run, "timeout") for run in runs[vit][:1]),
        *(failing(run, "unsupported") for run in runs[vit][1:]),
    ]
    (row,) = rows_of(document)
    assert row["counts"] == {
        "measured": 0, "few": 1, "unsupported": 1, "failed": 1, "never_run": 0,
    }  # fmt: skip
    states = {group["group"].split("/")[0]: group for group in row["groups"]}
    assert states["bert-base"]["few"] == ["b1-s64"]
    assert states["gpt2"]["unsupported"] == ["b1-s64"]
    assert states["vit-tiny"]["failed"] == ["b1-s197"]
    assert shlex.split(row["command"] or "") == [
        "hfbench-submit", "run", "smoke", "--with", f"transformers=={NEW} torch==2.13.0",
        "--cells", "smoke/bert-base/torch-eager/cpu/fp32/*",
    ]  # fmt: skip


def test_what_was_never_run_is_named(maker: Maker) -> None:
    document = maker.document([OLD, NEW, NEW])
    document["process_runs"] = [run for run in document["process_runs"] if "vit" in run["cell"]]
    rows = rows_of(document)
    assert [row["environment"].split(",")[0] for row in rows] == [  # and none of the replica
        f"transformers {OLD}",
        f"transformers {NEW}",
    ]
    for row in rows:
        assert (row["counts"]["measured"], row["counts"]["never_run"]) == (1, 2)
        assert row["never_run"] == ["bert-base/torch-eager/cpu/fp32", "gpt2/torch-eager/cpu/fp32"]
    whole = rows_of(maker.document([NEW]))
    assert (whole[0]["counts"]["measured"], whole[0]["command"]) == (3, None)


def test_cells_of_devices_that_the_machine_lacks_are_not_missing(maker: Maker) -> None:
    document = maker.document([NEW])
    without = rows_of(document)[0]["counts"]
    gpu = {"vendor": "NVIDIA", "name": "H100", "memory_gib": 80}
    document["machine"]["accelerators"] = [gpu]
    (row,) = rows_of(document)
    assert sum(without.values()) == 3
    assert row["counts"]["never_run"] == 3
    assert all("/cuda/" in group for group in row["never_run"])


def released(folder: Path, *documents: Document) -> tuple[dict[str, Any], str]:
    store_with(folder, *documents)
    result = call("release", folder)
    assert result.exit_code == 0, result.output
    path = folder / "releases" / "2026.11.1"
    audit: dict[str, Any] = strict_json((path / "audit.json").read_bytes())
    return audit, (path / "NOTES.md").read_text()


def test_the_audit_counts_comparisons_of_what_is_the_same(folder: Path, maker: Maker) -> None:
    audit, notes = released(folder, maker.document([OLD, NEW, NEW], process_runs=8, effects=SLOWER))
    assert audit["replicas"]["tests"] == 3
    assert audit["halves"]["tests"] == 9
    for name in ("replicas", "halves"):
        assert audit[name]["low"] <= 0.05 <= audit[name]["high"]
    assert (audit["slower"]["found"], audit["slower"]["tests"]) == (1, 1)
    assert "5 % are expected." in notes
    assert "Findings: 1 slower, 0 faster (p 1 if both were as likely)." in notes
    assert "No earlier release" in notes


def test_the_audit_sees_a_machine_on_which_nothing_is_the_same_twice(
    folder: Path, maker: Maker
) -> None:
    document = maker.document([NEW, NEW], process_runs=8)
    for run in document["process_runs"]:
        if run["environment"] == 1 or run["block"] % 4 in (1, 2):
            run["iterations_ns"] = [time * 6 // 5 for time in run["iterations_ns"]]
    audit, notes = released(folder, document)
    assert audit["halves"]["share"] >= 0.5
    assert audit["halves"]["low"] > 0.05
    assert "verdicts of this release find more than there is" in notes


def test_halves_of_honest_sittings_differ_as_often_as_promised(maker: Maker) -> None:
    """Machines that drift within a sitting, and differ by 5 % from one to the next."""
    random, sittings = Random(2019), []
    for _ in range(3):
        document = maker.document([NEW], process_runs=5)
        (*model,) = (run for run in document["process_runs"] if "bert-base" in run["cell"])
        document["process_runs"] = []
        for length in range(1, 601):
            shift, cell = random.gauss(0, 0.05), model[0]["cell"].replace("s64", f"s{length}")
            for run in model:
                level = random.gauss(0, 0.01) + shift + 0.001 * run["block"]
                times = [int(1e9 * exp(level))] * len(run["iterations_ns"])
                document["process_runs"].append({**run, "cell": cell, "iterations_ns": times})
        sittings.append(accepted(document))
    (family,) = families(sittings)
    rate = aa_rate(list(half_p(family)))
    assert rate.tests == 600
    assert 0.03 < rate.share < 0.07


def test_a_release_of_trainings_alone_has_coverage_and_no_ranks(folder: Path) -> None:
    audit, notes = released(folder, Trainer().document(factorial()))
    assert audit["halves"] == audit["replicas"] == {
        "tests": 0, "found": 0, "share": None, "low": None, "high": None, "p": None,
    }  # fmt: skip
    rows = strict_json((folder / "releases" / "2026.11.1" / "coverage.json").read_bytes())
    assert all(row["counts"]["measured"] > 0 for row in rows)
    assert "No sitting has measured two versions that are alike else." in notes
