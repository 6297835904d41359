"""From submissions in a store to verdicts and releases, with planted truth."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.aggregate.conftest import NEW, OLD, Maker, environment, propose

from hfbench_aggregate.cli import main
from hfbench_aggregate.intake import take_in
from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.stores.local import LocalStore
from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json

SLOWER = {("gpt2", NEW): 1.10}
BOTH = ("--baseline", f"transformers=={OLD}", "--candidate", f"transformers=={NEW}")


def store_with(folder: Path, *documents: Mapping[str, Any]) -> Path:
    moment = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    for document in documents:
        propose(folder, dict(document))
        result = take_in(LocalStore(folder), lambda: moment)
        assert [d.outcome for d in result.decisions] == ["accepted"]
    return folder


def call(*arguments: str | Path, width: int = 80) -> Result:
    environ = {"COLUMNS": str(width)}
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environ)


def compared(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    result = call("compare", folder, *arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.output)["machines"]
    return found


def verdicts(comparison: Mapping[str, Any]) -> dict[str, str]:
    return {row["cell"].split("/")[1]: row["verdict"] for row in comparison["cells"]}


def test_a_planted_slowdown_is_found_and_nothing_else(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document(effects=SLOWER, process_runs=10))
    (comparison,) = compared(folder, *BOTH)
    same = "equivalent"
    assert verdicts(comparison) == {"bert-base": same, "gpt2": "slower", "vit-tiny": same}
    gpt2 = comparison["cells"][1]
    assert gpt2["low"] < 1.10 < gpt2["high"]
    assert gpt2["wording"].startswith("5.23.0 is ")
    assert gpt2["ratio"] == pytest.approx(gpt2["candidate_ms"] / gpt2["baseline_ms"], rel=1e-4)
    assert gpt2["process_runs"] == [10, 10]
    assert (comparison["design"], comparison["sittings"]) == ("interleaved", [1, 1])
    assert comparison["provisional"] is None
    assert comparison["warnings"] == ["also differ: tokenizers 0.22.1 / 0.23.0"]


def test_the_text_table_fits_80_columns_whole(folder: Path, maker: Maker) -> None:
    document = maker.document(effects=SLOWER, process_runs=10)
    run = document["process_runs"][0]
    for name in ("iterations_ns", "warmup_iterations", "threads", "output_sha256"):
        del run[name]
    run.update(status="timeout", reason="no result within 600 s")
    store_with(folder, document)
    output = call("compare", folder, *BOTH).output
    table = output.split("\n\n")[1].splitlines()
    assert max(map(len, table)) <= 80
    assert [line.split()[:2] for line in table[1:]] == [
        ["bert-base/b1-s64", "equivalent"],
        ["gpt2/b1-s64", "slower"],
        ["vit-tiny/b1-s197", "equivalent"],
    ]
    assert "\x1b" not in output
    assert "baseline: 1 process run failed: timeout (no result within 600 s)" in output
    last = output.splitlines()[-1]
    assert last == f"transformers {NEW} against {OLD}: 1 slower, 2 equivalent of 3 cells"
    narrow = call("compare", folder, *BOTH, width=50).output
    assert all(word in narrow for line in table for word in line.split())


def test_replicas_are_compared_with_each_other(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document([NEW, NEW], process_runs=10))
    selector = f"transformers=={NEW}"
    (comparison,) = compared(folder, "--baseline", selector, "--candidate", selector)
    assert comparison["same_versions"] is True
    assert comparison["candidate"] == f"{comparison['baseline']}, replica 1"
    assert set(verdicts(comparison).values()) <= {"equivalent", "inconclusive"}


def test_two_process_runs_are_insufficient(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document(process_runs=2, iterations=5))
    (comparison,) = compared(folder, *BOTH)
    assert set(verdicts(comparison).values()) == {"insufficient"}
    row = comparison["cells"][0]
    assert row["wording"] == "needs >= 3 process runs per version, has 2/2"
    assert row["flags"][0] == "baseline: few_iterations in 2 of 2"
    assert row["ratio"] is not None
    assert row["q"] is None


def test_one_sitting_a_version_is_provisional(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document([OLD]), maker.document([NEW]))
    (comparison,) = compared(folder, *BOTH)
    assert comparison["design"] == "default"
    assert comparison["sitting_sd"] >= 0.005
    assert comparison["provisional"].startswith("one sitting per version")
    assert set(verdicts(comparison).values()) <= {"equivalent", "inconclusive"}


def test_a_sitting_of_one_side_does_not_spoil_an_interleaved_one(
    folder: Path, maker: Maker
) -> None:
    store_with(folder, maker.document(effects=SLOWER), maker.document([NEW, NEW]))
    (comparison,) = compared(folder, *BOTH)
    assert (comparison["design"], comparison["sittings"]) == ("interleaved", [1, 1])
    assert comparison["cells"][0]["process_runs"] == [5, 5]
    assert "1 sitting measured only one of the two and is left out" in comparison["warnings"]


def test_sittings_of_one_side_count_where_the_shared_ones_are_too_small(
    folder: Path, maker: Maker
) -> None:
    store_with(folder, maker.document(process_runs=2), maker.document([OLD]), maker.document([NEW]))
    (comparison,) = compared(folder, *BOTH)
    assert (comparison["design"], comparison["sittings"]) == ("default", [2, 2])
    assert comparison["cells"][0]["process_runs"] == [7, 7]


def test_other_differences_are_never_pooled(folder: Path, maker: Maker) -> None:
    first, second = maker.document(), maker.document()
    for facts in second["environments"]:
        facts["packages"]["torch"] = "2.14.0"
    store_with(folder, first, second)
    comparisons = compared(folder, *BOTH)
    assert [c["baseline"].split(", ")[1] for c in comparisons] == [
        "torch 2.13.0+cpu",
        "torch 2.14.0",
    ]
    assert [c["sittings"] for c in comparisons] == [[1, 1], [1, 1]]
    torch = compared(folder, "--baseline", "torch==2.13.0", "--candidate", "torch==2.14.0")
    assert [c["same_versions"] for c in torch] == [False, False]
    (both,) = compared(
        folder, "--baseline", f"transformers=={OLD},torch==2.13.0",
        "--candidate", f"transformers=={NEW},torch==2.14.0",
    )  # fmt: skip
    assert both["design"] == "default"


def test_hidden_differences_are_counted_beyond_six(folder: Path, maker: Maker) -> None:
    document = maker.document()
    for place, facts in enumerate(document["environments"]):
        facts["packages"] |= {f"package-{letter}": f"1.{place}" for letter in "abcdefgh"}
    document["environments"][1]["packages"]["newcomer"] = "1.0"
    for run in document["process_runs"]:
        run["threads"] = {"intra_op": 4 + run["environment"], "inter_op": 1}
    store_with(folder, document)
    packages, threads = compared(folder, *BOTH)[0]["warnings"]
    assert packages.startswith("also differ: tokenizers 0.22.1 / 0.23.0, package-a 1.0 / 1.1, ")
    assert packages.endswith(", 3 more packages, 1 package in one of them only")
    assert threads == "threads differ: 4 intra-op, 1 inter-op / 5 intra-op, 1 inter-op"


@pytest.mark.parametrize(
    ("baseline", "candidate", "said"),
    [
        (f"transformers=={OLD}", "transformers==9", "there are: transformers 4.57.6, transformers"),
        (f"transformers=={OLD}", "jax==1", "none with jax"),
        (f"transformers=={OLD}", f"transformers=={OLD}", "--with transformers==4.57.6 --with"),
        ("transformers", "=", "write package==version"),
        (f"transformers=={OLD},tokenizers==0.23.0", f"transformers=={NEW}", "has all of"),
        ("transformers", f"torch[a,b],transformers=={NEW}", "'torch[a,b]' has extras"),
        ("transformers", "transformers; python_version > '3.10'", "has a marker: environments"),
        ("transformers @ https://example.org/a,b.whl", "transformers", "has a URL: environments"),
    ],
)
def test_a_selection_that_is_not_there_says_what_is(
    folder: Path, maker: Maker, baseline: str, candidate: str, said: str
) -> None:
    store_with(folder, maker.document())
    result = call("compare", folder, "--baseline", baseline, "--candidate", candidate)
    assert result.exit_code == 2
    assert said in result.output


def test_package_names_are_read_as_pip_reads_them(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document(effects=SLOWER), maker.document([NEW, NEW]))
    written = ("--baseline", f"Transformers=={OLD}", "--candidate", f"TRANSFORMERS == {NEW}")
    assert compared(folder, *written) == compared(folder, *BOTH)
    same = ("--baseline", f"Transformers=={NEW}", "--candidate", f"transformers=={NEW}")
    assert [c["same_versions"] for c in compared(folder, *same)] == [True]


def test_several_sittings_are_compared_within_each(folder: Path, maker: Maker) -> None:
    """The second sitting runs at half the speed, in both versions."""
    slow = maker.document(effects=SLOWER)
    for run in slow["process_runs"]:
        run["iterations_ns"] = [2 * time for time in run["iterations_ns"]]
        run["wall_ns"] *= 2
    store_with(folder, maker.document(effects=SLOWER), slow)
    (comparison,) = compared(folder, *BOTH)
    assert (comparison["design"], comparison["sittings"]) == ("interleaved", [2, 2])
    assert verdicts(comparison)["gpt2"] == "slower"
    for row in comparison["cells"]:
        assert row["process_runs"] == [10, 10]
        assert row["detectable"] < 1.03
        assert row["ratio"] == pytest.approx(row["candidate_ms"] / row["baseline_ms"], rel=1e-4)
        assert not row["flags"]
    assert comparison["cells"][0]["baseline_ms"] == pytest.approx(35 * 2**0.5, rel=0.02)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_releases_rebuild_byte_for_byte_and_are_not_made_twice(
    folder: Path, maker: Maker, tmp_path: Path
) -> None:
    documents = [maker.document(effects=SLOWER), maker.document([NEW, NEW])]
    store_with(folder, *documents)
    first = call("release", folder)
    assert first.exit_code == 0, first.output
    path = folder / "releases" / "2026.11.1"
    again = call("release", folder)
    assert again.exit_code == 0
    assert again.stdout.strip() == first.stdout.strip() == str(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["2026.11.1"]
    other = tmp_path / "other"
    (other / "proposals").mkdir(parents=True)
    call("release", store_with(other, *documents))
    assert files_of(path) == files_of(other / "releases" / "2026.11.1")
    assert call("verify", folder).exit_code == 0


def test_a_release_holds_what_the_tables_promise(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document(effects=SLOWER), maker.document([NEW, NEW]))
    call("release", folder)
    files = files_of(folder / "releases" / "2026.11.1")
    manifest = strict_json(files.pop("manifest.json"))
    assert manifest["tables"] == {name: sha256_hex(data) for name, data in files.items()}
    assert manifest["as_of"] == "2026-11-23T12:00:00Z"
    tables = {name: strict_json(data) for name, data in files.items() if name.endswith(".json")}
    rest = ", torch 2.13.0+cpu, Python 3.11"
    pairs = [(c["baseline"], c["candidate"]) for c in tables["comparisons.json"]]
    assert pairs == [
        (f"transformers {OLD}{rest}", f"transformers {NEW}{rest}"),
        (f"transformers {NEW}{rest}", f"transformers {NEW}{rest}, replica 1"),
    ]
    (machine,) = tables["machines.json"]
    assert len(machine["submissions"]) == 2
    assert tables["submissions.json"][0]["statuses"] == {"ok": 30}
    pooled = [row for row in tables["cells.json"] if row["sittings"] == 2]
    assert {(row["environment"], row["measured"]) for row in pooled} == {
        (f"transformers {NEW}, torch 2.13.0+cpu, Python 3.11", 10)
    }
    notes = files["NOTES.md"].decode()
    assert "1 slower" in notes
    assert "`smoke/gpt2/torch-eager/cpu/fp32/b1-s64`: 5.23.0 is " in notes


def test_a_process_run_counts_by_the_median_of_its_timed_iterations(
    folder: Path, maker: Maker
) -> None:
    document = maker.document()
    call("release", store_with(folder, document))
    cells = strict_json((folder / "releases" / "2026.11.1" / "cells.json").read_bytes())
    rows = [row for cell in cells for row in cell["process_runs"]]
    for row in rows:
        timed = document["process_runs"][row["order"]]["iterations_ns"][3:]
        assert row["median_ms"] == pytest.approx(median(timed) / 1e6, rel=1e-5)
        assert (row["iterations"], row["warmup_iterations"]) == (20, 3)
    assert sorted(row["order"] for row in rows) == list(range(30))


def test_a_new_submission_makes_the_next_release(folder: Path, maker: Maker) -> None:
    call("release", store_with(folder, maker.document()))
    call("release", store_with(folder, maker.document()))
    path = folder / "releases" / "2026.11.2"
    assert strict_json((path / "manifest.json").read_bytes())["previous"] == "2026.11.1"
    assert "Since 2026.11.1: 1 submission more." in (path / "NOTES.md").read_text()


def test_verify_names_what_was_changed(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document(process_runs=2), maker.document(process_runs=2))
    call("release", folder)
    first, second = sorted(newest(LocalStore(folder)).submissions().values())
    (folder / first).write_bytes(b"{}")
    (folder / second).unlink()
    (folder / "releases" / "2026.11.1" / "cells.json").write_bytes(b"[]")
    result = call("verify", folder)
    assert result.exit_code == 1
    for said in (
        f"{first} was changed",
        f"{second.stem} was accepted and is missing",
        "cells.json",
    ):
        assert said in result.output
    compare = call("compare", folder, *BOTH)
    assert compare.exit_code == 2
    assert "To mend it" in compare.output


def test_verify_sees_a_ledger_cut_short_by_its_release(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document(process_runs=2), maker.document(process_runs=2))
    call("release", folder)
    ledger = folder / "ledger" / "2026-11.jsonl"
    ledger.write_bytes(ledger.read_bytes().splitlines(keepends=True)[0])
    assert "is not in the ledger any more" in call("verify", folder).output


def test_stores_that_are_none_are_explained(tmp_path: Path, folder: Path) -> None:
    for command in (["intake"], ["release"], ["verify"], ["compare", *BOTH]):
        missing = call(command[0], tmp_path / "nowhere", *command[1:])
        assert (missing.exit_code, "there is no store" in missing.output) == (2, True)
        empty = call(command[0], tmp_path, *command[1:])
        assert (empty.exit_code, "is not a store" in empty.output) == (2, True)
    for command in (["release"], ["compare", *BOTH]):
        result = call(command[0], folder, *command[1:])
        assert (result.exit_code, "hfbench-aggregate intake" in result.output) == (2, True)
    assert call("intake", folder).output == "0 accepted, 0 refused, 0 already in the store\n"


def test_strangers_text_is_plain_in_the_notes(folder: Path, maker: Maker) -> None:
    document = maker.document()
    document["machine"]["cpu"]["name"] = "<script>[x](javascript:1)"
    call("release", store_with(folder, document))
    notes = (folder / "releases" / "2026.11.1" / "NOTES.md").read_text()
    assert "\\<script\\>\\[x\\](javascript:1)" in notes
    assert "<script>" not in notes


def test_absurd_times_give_a_release(folder: Path, maker: Maker) -> None:
    document = maker.document()
    for place, run in enumerate(document["process_runs"]):
        size = 10 ** (7 + run["block"] // 2)  # from what the machine can do to 1 s
        run["iterations_ns"] = [size + place] * len(run["iterations_ns"])
        run["wall_ns"] = sum(run["iterations_ns"])
    document["environments"][0] = environment("no version at all", 0)
    call("release", store_with(folder, document))
    table = strict_json((folder / "releases" / "2026.11.1" / "comparisons.json").read_bytes())
    assert canonical_bytes(table)
