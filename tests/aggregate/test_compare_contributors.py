"""Comparisons across contributors, from documents to tables, pictures and exit status."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.aggregate.conftest import BASE_MS, NEW, OLD, Document, Maker
from tests.aggregate.made_up_machines import (
    BOTH,
    SLOWER,
    call,
    community,
    compared,
    on_machine,
    verdicts,
    written,
)

from hfbench_aggregate.comparing.forest import forest
from hfbench_aggregate.comparing.report import compare
from hfbench_aggregate.comparing.spreadsheet import as_csv
from hfbench_aggregate.comparing.views import views
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.printing import view_text
from hfbench_aggregate.selection import SelectionError
from hfbench_aggregate.sources import Gathered
from hfbench_aggregate.statistics.verdict import Verdict

SVG = b"<?xml"
PNG = b"\x89PNG"


def test_a_change_on_all_machines_is_pooled_and_decides(maker: Maker, tmp_path: Path) -> None:
    report = compared(written(tmp_path, *community(maker, 5)))
    (pooled,) = report["pooled"]
    assert verdicts(pooled["cells"])["gpt2"] == "slower"
    gpt2 = pooled["cells"][1]
    assert gpt2["low"] < 1.1 < gpt2["high"]
    assert gpt2["prediction_low"] <= gpt2["low"] < gpt2["high"] <= gpt2["prediction_high"]
    assert (gpt2["contributors"], gpt2["process_runs"]) == (5, [25, 25])
    assert gpt2["wording"].startswith("5.23.0 is ")
    assert "; on the next machine between " in gpt2["wording"]
    assert pooled["device_class"] == "CPU x86_64"
    assert [study["cells"] for study in pooled["studies"]] == [3] * 5
    assert {study["submitter"] for study in pooled["studies"]} == {None}
    assert len(report["machines"]) == 5
    assert [one["machine_key"] for one in report["deciding"]] == [None] * 3
    index = pooled["index"]
    assert index["cells"] == 3
    assert index["low"] < 1.1 ** (1 / 3) < index["high"]


def test_two_contributors_are_shown_and_decide_nothing(maker: Maker, tmp_path: Path) -> None:
    written(tmp_path, *community(maker, 2))
    report = compared(tmp_path)
    (pooled,) = report["pooled"]
    assert set(verdicts(pooled["cells"]).values()) == {"insufficient"}
    assert pooled["cells"][0]["wording"] == "needs >= 3 contributors, has 2"
    assert None not in [one["machine_key"] for one in report["deciding"]]
    assert call("compare", tmp_path, *BOTH, "--fail-on", "slower").exit_code == 1


def test_one_contributor_is_not_pooled(maker: Maker, tmp_path: Path) -> None:
    report = compared(written(tmp_path, *community(maker, 1), *community(maker, 1)))
    assert report["pooled"] == []
    assert report["machines"][0]["sittings"] == [2, 2]


def test_one_who_is_far_off_is_screened_out_and_named(maker: Maker, tmp_path: Path) -> None:
    wrong = {(model, NEW): 1.4 for model in BASE_MS}
    odd = on_machine(maker.document(effects=wrong), 9)
    (pooled,) = compared(written(tmp_path, *community(maker, 5), odd))["pooled"]
    assert verdicts(pooled["cells"])["gpt2"] == "slower"
    assert verdicts(pooled["cells"])["bert-base"] == "equivalent"
    for row in pooled["cells"]:
        assert row["contributors"] == 5
        (said,) = [flag for flag in row["flags"] if flag.startswith("screened out: ")]
        assert "Made Up 9009, 4 cores (m1-" in said
        assert said.endswith(", far slower than the others")


def test_noisy_machines_are_left_out_where_quiet_ones_suffice(maker: Maker, tmp_path: Path) -> None:
    noisy = on_machine(maker.document(effects=SLOWER, noise=0.08), 9)
    (pooled,) = compared(written(tmp_path, *community(maker, 5), noisy))["pooled"]
    grades = {study["machine"]: study["grade"] for study in pooled["studies"]}
    assert grades["Made Up 9009, 4 cores"] in "CD"
    said = "left out: 1 noisy machine (grade C or D), as enough are quiet"
    assert all(said in row["flags"] for row in pooled["cells"])


def test_contributors_who_disagree_are_said_to(maker: Maker, tmp_path: Path) -> None:
    documents = [
        on_machine(maker.document(effects={("gpt2", NEW): 1 + 0.02 * number}), number)
        for number in range(4)
    ]
    (pooled,) = compared(written(tmp_path, *documents))["pooled"]
    gpt2 = pooled["cells"][1]
    assert gpt2["q_heterogeneity"] < 0.05
    assert any(flag.startswith("contributors disagree (q ") for flag in gpt2["flags"])
    assert gpt2["prediction_low"] < gpt2["low"]


def test_a_contributor_who_is_always_off_counts_and_is_named(maker: Maker, tmp_path: Path) -> None:
    slow = {(model, version): 1.5 for model in BASE_MS for version in (OLD, NEW)}
    slow[("gpt2", NEW)] *= 1.1
    odd = on_machine(maker.document(effects=slow), 9)
    (pooled,) = compared(written(tmp_path, *community(maker, 5), odd))["pooled"]
    (said,) = [warning for warning in pooled["warnings"] if "in all cells" in warning]
    assert said.startswith("Made Up 9009, 4 cores (m1-")
    assert "% slower than the others in all cells, in both versions alike" in said
    assert pooled["cells"][1]["contributors"] == 6


def test_times_that_do_not_fit_a_contributors_other_cells_are_flagged(
    maker: Maker, tmp_path: Path
) -> None:
    slow = {("gpt2", version): 4.0 for version in (OLD, NEW)}
    odd = on_machine(maker.document(effects=slow), 9)
    (pooled,) = compared(written(tmp_path, *community(maker, 5, effects={}), odd))["pooled"]
    bert, gpt2, vit = [[f for f in row["flags"] if "misfit" in f] for row in pooled["cells"]]
    assert (bert, vit) == ([], [])
    assert gpt2[0].startswith("misfit: Made Up 9009, 4 cores (m1-")
    assert gpt2[0].endswith("% slower here than its other cells lead to expect")
    (held,) = [warning for warning in pooled["warnings"] if "does not fit the others" in warning]
    assert "in 33.3 % of its cells" in held


def test_who_did_not_interleave_is_counted(maker: Maker, tmp_path: Path) -> None:
    apart = [on_machine(maker.document([version]), 9) for version in (OLD, NEW)]
    report = compared(written(tmp_path, *community(maker, 3), *apart))
    (pooled,) = report["pooled"]
    said = "1 of 4 contributors did not interleave the versions: their sittings are taken to differ"
    assert f"{said} by 0.5 %" in pooled["warnings"]
    assert pooled["cells"][0]["contributors"] == 4
    assert any(machine["provisional"] for machine in report["machines"])


def test_whatever_process_runs_there_are_a_report_is_whole(maker: Maker) -> None:
    """Random subsets of random times, from several submitters and machines: no NaN, no p of 0."""
    random = maker.random
    for trial in range(12):
        submissions = []
        for number in range(random.randint(1, 7)):
            document = on_machine(maker.document(noise=random.choice([0, 0.003, 0.3])), number % 4)
            kept = random.uniform(0.1, 1)
            runs = [run for run in document["process_runs"] if random.random() < kept]
            for run in runs:
                if random.random() < 0.1:
                    run["iterations_ns"] = [10 ** random.randint(3, 12)] * 23
            document["process_runs"] = runs
            who = random.choice(["ada", "grace", "local"])
            submissions.append(accepted(document, who, f"{number}"))
        try:
            report = compare(Gathered(submissions), f"transformers=={OLD}", f"transformers=={NEW}")
        except SelectionError:
            continue
        json.dumps(report, allow_nan=False)
        if trial % 6 == 0:
            assert forest(report, "svg").startswith(SVG)
        assert all(view_text(view, 80) for view in views(report["pooled"], report["machines"]))
        tables: list[Any] = [*report["pooled"], *report["machines"]]
        for row in [row for table in tables for row in table["cells"]]:
            assert row["verdict"] in set(Verdict)
            assert row["wording"]
            assert all(row[name] is None or row[name] > 0 for name in ("p", "q", "ratio"))


def test_other_environments_and_devices_are_never_pooled(maker: Maker, tmp_path: Path) -> None:
    documents = community(maker, 6)
    for document in documents[:2]:
        for facts in document["environments"]:
            facts["packages"]["torch"] = "2.14.0"
    for document in documents[2:4]:
        document["machine"]["architecture"] = "aarch64"
    report = compared(written(tmp_path, *documents))
    groups = [
        (group["baseline"].split(", ")[1], group["device_class"]) for group in report["pooled"]
    ]
    assert sorted(groups) == [
        ("torch 2.13.0+cpu", "CPU aarch64"),
        ("torch 2.13.0+cpu", "CPU x86_64"),
        ("torch 2.14.0", "CPU x86_64"),
    ]


def accepted(document: Document, submitter: str, name: str) -> Accepted:
    return Accepted(name * 64, "2026-11-23T12:00:00Z", submitter, document)  # type: ignore[arg-type]


def test_submitters_on_one_kind_of_machine_are_contributors_of_their_own(maker: Maker) -> None:
    submissions = [
        accepted(maker.document(effects=SLOWER), who, name)
        for who, name in [("ada", "a"), ("ada", "b"), ("grace", "c"), ("mary", "d")]
    ]
    report = compare(Gathered(submissions), f"transformers=={OLD}", f"transformers=={NEW}")
    (pooled,) = report["pooled"]
    assert [study["submitter"] for study in pooled["studies"]] == ["ada", "grace", "mary"]
    assert pooled["cells"][1]["process_runs"] == [20, 20]
    (machine,) = report["machines"]
    assert machine["submitters"] == ["ada", "grace", "mary"]
    assert verdicts(pooled["cells"])["gpt2"] == "slower"


def test_replicas_are_pooled_as_well(maker: Maker, tmp_path: Path) -> None:
    documents = [on_machine(maker.document([NEW, NEW]), number) for number in range(3)]
    same = ("--baseline", f"transformers=={NEW}", "--candidate", f"transformers=={NEW}")
    result = call("compare", written(tmp_path, *documents), *same, "--format", "json")
    report = json.loads(result.stdout)
    assert report["pooled"][0]["same_versions"]
    assert set(verdicts(report["pooled"][0]["cells"]).values()) <= {"equivalent", "inconclusive"}
    assert all(machine["census"]["gaps"] == [] for machine in report["machines"])


@pytest.mark.parametrize(
    ("failing", "status"),
    [("slower", 1), ("faster", 0), ("insufficient", 0)],
)
def test_the_exit_status_for_continuous_integration(
    failing: str, status: int, maker: Maker, tmp_path: Path
) -> None:
    result = call("compare", written(tmp_path, *community(maker, 3)), *BOTH, "--fail-on", failing)
    assert result.exit_code == status
    assert ("--fail-on: 1 slower of 3 verdicts" in result.stderr) == bool(status)


def test_the_text_fits_80_columns_and_ends_with_what_decides(maker: Maker, tmp_path: Path) -> None:
    result = call("compare", written(tmp_path, *community(maker, 4)), *BOTH)
    lines = result.stdout.splitlines()
    assert lines[0] == f"transformers {NEW} against {OLD}, 4 contributors"
    place = lines.index("cell")
    assert lines[place + 1].split()[-3:] == ["next", "machine", "seen"]
    assert lines[place + 2 : place + 8 : 2] == [
        "bert-base/b1-s64",
        "gpt2/b1-s64",
        "vit-tiny/b1-s197",
    ]
    assert lines[place + 5].split()[0] == "slower"
    tables = [line for line in lines if line[:2] == "  " or line.startswith(tuple(BASE_MS))]
    assert max(map(len, tables)) <= 80
    assert lines[-1] == (
        "all together, pooled where three contributors or more measured a cell: "
        "1 slower, 2 equivalent of 3 cells"
    )


def test_markdown_is_safe_to_paste(maker: Maker, tmp_path: Path) -> None:
    documents = community(maker, 3)
    documents[0]["machine"]["cpu"]["name"] = "@torvalds <script>|x|"
    text = call("compare", written(tmp_path, *documents), *BOTH, "--format", "markdown").stdout
    assert text.startswith("### transformers 5.23.0 against 4.57.6, 3 contributors\n")
    assert "@torvalds" not in text
    assert "<script>" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count(" | ") for line in tables} == {6, 7}
    assert sum(line.startswith("| `gpt2/b1-s64` | slower |") for line in tables) == 4


def test_csv_has_a_row_a_verdict_and_no_formulas(maker: Maker, tmp_path: Path) -> None:
    documents = community(maker, 3)
    documents[0]["machine"]["cpu"]["name"] = '=HYPERLINK("https://example.org")'
    text = call("compare", written(tmp_path, *documents), *BOTH, "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 3 * (1 + 3)
    assert {row["scope"] for row in rows} == {"pooled", "machine"}
    assert any(row["machine"].startswith("'=HYPERLINK") for row in rows)
    first = {"a": "+1", "b": "-1", "c": "@x", "d": "\tx", "e": -1.5, "f": "a=b"}
    (read,) = csv.DictReader(io.StringIO(as_csv(list(first), [first])))
    assert list(read.values()) == ["'+1", "'-1", "'@x", "'\tx", "-1.5", "a=b"]


def test_the_same_report_gives_the_same_picture(maker: Maker, tmp_path: Path) -> None:
    written(tmp_path / "in", *community(maker, 3))
    pictures = [tmp_path / name for name in ("a.svg", "b.svg", "c.png", "d.png")]
    for picture in pictures:
        assert call("compare", tmp_path / "in", *BOTH, "--plot", picture).exit_code == 0
    first, second, third, fourth = [picture.read_bytes() for picture in pictures]
    assert first == second
    assert first.startswith(SVG)
    assert third == fourth
    assert third.startswith(PNG)
    text = first.decode()
    for words in ("3 contributors, CPU x86_64", "gpt2/b1-s64", "slower", "equivalent"):
        assert f">{words}<" in text
    assert "<dc:date>" not in text


def test_a_picture_that_cannot_be_drawn_is_one_message(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, *community(maker, 1))
    other = call("compare", tmp_path, *BOTH, "--plot", tmp_path / "a.pdf")
    assert (other.exit_code, "neither .svg nor .png" in other.output) == (2, True)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    missing = call("compare", tmp_path, *BOTH, "--plot", tmp_path / "a.svg")
    assert (missing.exit_code, "pip install 'hfbench[plot]'" in missing.output) == (2, True)
    assert not (tmp_path / "a.svg").exists()
