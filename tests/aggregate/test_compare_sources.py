"""Where `compare` takes submissions from, what it makes of bad ones, and what is missing."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from tests.aggregate.conftest import (
    NEW,
    OLD,
    Document,
    Maker,
    environment,
    framed,
    process_run,
    propose,
)
from tests.aggregate.made_up_machines import (
    BOTH,
    SLOWER,
    call,
    compared,
    on_machine,
    verdicts,
    written,
)
from tests.aggregate.places import Dataset
from tests.hub import fixtures
from tests.hub.fixtures import RESULTS
from tests.hub.state import Hub

from hfbench_aggregate.intake import take_in
from hfbench_aggregate.stores.local import LocalStore
from hfbench_schema.canonical import canonical_bytes, sha256_hex
from hfbench_schema.suites import latest_suite
from hfbench_schema.timestamps import format_moment
from hfbench_submit.commands.run import run as submit
from hfbench_submit.planning.slots import select_cells

hub = fixtures.hub
hub_environment = fixtures.hub_environment


def test_a_store_a_folder_and_a_document_say_the_same_and_count_once(
    folder: Path, maker: Maker, tmp_path: Path
) -> None:
    documents = [maker.document(effects=SLOWER), maker.document(effects=SLOWER)]
    for document in documents:
        propose(folder, document)
    take_in(LocalStore(folder))
    plain = written(tmp_path / "plain" / "deeper", *documents).parent
    renamed = tmp_path / "mine.json"
    renamed.write_bytes(canonical_bytes(documents[0]))
    first, *others = (
        compared(*sources)
        for sources in ([folder], [plain], [folder, plain, renamed], [renamed, plain])
    )
    assert first["submissions"] == 2
    assert verdicts(first["machines"][0]["cells"])["gpt2"] == "slower"
    for other in others:
        assert other == first


def test_a_dataset_on_the_hub_is_a_source(
    hub: Hub, hub_environment: Mapping[str, str], maker: Maker
) -> None:
    place = Dataset(hub)
    data = canonical_bytes(maker.document(effects=SLOWER))
    place.propose(f"{sha256_hex(data)}.json", data)
    take_in(place.open())
    program = Path(sys.executable).with_name("hfbench-aggregate")
    asked = ["compare", f"hf://datasets/{RESULTS}", *BOTH, "--fail-on", "slower"]
    done = subprocess.run(
        [program, *asked, "--format", "json"],
        env={**hub_environment, "HF_TOKEN": "hf_maintainer"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    (machine,) = json.loads(done.stdout)["machines"]
    assert machine["submitters"] == ["grace"]
    assert verdicts(machine["cells"])["gpt2"] == "slower"


def test_a_document_that_an_intake_would_refuse_is_refused_with_its_rule(
    maker: Maker, tmp_path: Path
) -> None:
    bad = maker.document()
    for place in range(3):
        bad["process_runs"][place]["iterations_ns"][5] = -1
    written(tmp_path, maker.document(), bad)
    result = call("compare", tmp_path, *BOTH)
    assert result.exit_code == 2
    assert "1 of 2 documents would be refused by an intake" in result.output
    assert "HFB011 error at /process_runs/0/iterations_ns/5" in result.output
    assert "(and 2 more by HFB011)" in result.output


def test_an_edited_document_is_found_by_its_name(maker: Maker, tmp_path: Path) -> None:
    (path,) = written(tmp_path, maker.document()).iterdir()
    document = json.loads(path.read_bytes())
    document["process_runs"][0]["iterations_ns"][5] += 1
    path.write_bytes(canonical_bytes(document))
    result = call("compare", tmp_path, *BOTH)
    assert (result.exit_code, "HFB006" in result.output) == (2, True)


def other_json(tmp_path: Path) -> str:
    (tmp_path / "package.json").write_text('{"name": "left-pad"}')
    return "HFB010"


def no_json(tmp_path: Path) -> str:
    (tmp_path / "notes.txt").write_text("nothing")
    return "is not a store, and holds no document (*.json)"


def broken_json(tmp_path: Path) -> str:
    (tmp_path / "half.json").write_bytes(b'{"schema": "urn:hfb')
    return "HFB003"


def nothing(tmp_path: Path) -> str:
    tmp_path.rmdir()
    return "there is no store and no document at"


@pytest.mark.parametrize("make", [other_json, no_json, broken_json, nothing])
@pytest.mark.parametrize("command", ["compare", "history"])
def test_what_is_no_source_is_one_message(
    command: str, make: Callable[[Path], str], tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    said = make(place)
    result = call(command, place, *(BOTH if command == "compare" else ()))
    assert (result.exit_code, said in result.output) == (2, True), result.output
    assert "Traceback" not in result.output


def test_the_same_sitting_twice_is_refused_and_copied_times_are_set_aside(
    maker: Maker, tmp_path: Path
) -> None:
    document = maker.document()
    again = document | {"client": {"name": "hfbench", "version": "0.1.1"}}
    written(tmp_path / "twice", document, again)
    assert "HFB092" in call("compare", tmp_path / "twice", *BOTH).output
    copy = on_machine(json.loads(json.dumps(document)), 1)
    copy["sitting"]["id"] = "f" * 32
    report = compared(written(tmp_path / "copied", document, copy))
    assert report["submissions"] == 1
    assert [note.startswith("set aside: ") and "HFB104" in note for note in report["notes"]] == [
        True
    ]


def scaled(document: Document, maker: Maker, factor: float) -> Document:
    """Return a document whose clock counts in another unit, whole sitting and all."""
    moment = maker.started
    for run in document["process_runs"]:
        run["iterations_ns"] = [int(factor * time) for time in run["iterations_ns"]]
        run["wall_ns"] = sum(run["iterations_ns"]) + 10**9
        run["started_at"] = format_moment(moment)
        moment += timedelta(microseconds=run["wall_ns"] / 1000 + 10**6)
    document["sitting"]["finished_at"] = format_moment(moment)
    document["protocol"]["timeout_s"] = 60_000
    maker.started = moment
    return document


def test_a_unit_that_is_off_is_named_either_way(maker: Maker, tmp_path: Path) -> None:
    right = [maker.document() for _ in range(3)]
    slow = scaled(maker.document(), maker, 1000)
    (machine,) = compared(written(tmp_path / "slow", *right, slow))["machines"]
    odd = [warning for warning in machine["warnings"] if "is it the same machine?" in warning]
    assert len(odd) == 1
    assert "% slower than the others from this machine key" in odd[0]
    fast = scaled(maker.document(), maker, 1 / 1000)
    report = compared(written(tmp_path / "fast", *right, fast))
    assert "HFB100" in report["notes"][0]
    assert report["submissions"] == 3
    alone = call("compare", written(tmp_path / "alone", fast), *BOTH)
    assert (alone.exit_code, "nothing is left to compare" in alone.output) == (2, True)


def test_a_sitting_that_is_always_30_percent_off_is_named(maker: Maker, tmp_path: Path) -> None:
    documents = [maker.document(effects=SLOWER) for _ in range(3)]
    off = scaled(maker.document(effects=SLOWER), maker, 1.3)
    (machine,) = compared(written(tmp_path, *documents, off))["machines"]
    (odd,) = [warning for warning in machine["warnings"] if "same machine?" in warning]
    assert "% slower than the others" in odd
    assert verdicts(machine["cells"]) == {
        "bert-base": "equivalent", "gpt2": "slower", "vit-tiny": "equivalent",
    }  # fmt: skip


def without_gpt2_in_the_candidate(document: Document) -> Document:
    document["process_runs"] = [
        run
        for run in document["process_runs"]
        if not (run["environment"] == 1 and "/gpt2/" in run["cell"])
    ]
    return document


def test_a_cell_on_one_side_is_in_the_census_with_the_command_that_fills_it(
    maker: Maker, tmp_path: Path
) -> None:
    document = without_gpt2_in_the_candidate(maker.document())
    (machine,) = compared(written(tmp_path, document))["machines"]
    census = machine["census"]
    cell = "smoke/gpt2/torch-eager/cpu/fp32/b1-s64"
    assert census["matched"] == 2
    assert census["gaps"] == [{"cell": cell, "side": "candidate", "why": "never run", "detail": ""}]
    assert verdicts(machine["cells"])["gpt2"] == "insufficient"
    words = shlex.split(census["command"])
    assert words[:3] == ["hfbench-submit", "run", "smoke"]
    assert words[3:] == [
        "--with", f"transformers=={OLD} torch==2.13.0",
        "--with", f"transformers=={NEW} torch==2.13.0",
        "--cells", cell,
    ]  # fmt: skip
    context = submit.make_context("run", words[2:])
    assert context.params["layers"] == (words[4], words[6])
    suite = latest_suite("smoke")
    chosen = select_cells(suite, context.params["cells"], document["machine"])
    assert [one.id for one in chosen] == [cell]


def test_the_census_tells_failed_unsupported_and_too_few_apart(
    maker: Maker, tmp_path: Path
) -> None:
    document = maker.document()
    ends = {"bert-base": ("unsupported", "no such model"), "gpt2": ("timeout", "no result")}
    for run in document["process_runs"]:
        model = run["cell"].split("/")[1]
        if run["environment"] == 0 and (model in ends or run["block"] > 1):
            for name in ("iterations_ns", "warmup_iterations", "threads", "output_sha256"):
                del run[name]
            status, reason = ends.get(model, ("error", "made up"))
            run.update(status=status, reason=reason)
    (machine,) = compared(written(tmp_path, document))["machines"]
    gaps = {
        gap["cell"].split("/")[1]: (gap["why"], gap["detail"]) for gap in machine["census"]["gaps"]
    }
    assert gaps["bert-base"] == (
        "unsupported",
        "5 process runs failed: unsupported (no such model)",
    )
    assert gaps["gpt2"] == ("failed", "5 process runs failed: timeout (no result)")
    assert gaps["vit-tiny"][0] == "too few"
    assert gaps["vit-tiny"][1].startswith("2 of 3 process runs; 3 process runs failed: error")
    assert "/bert-base/" not in machine["census"]["command"]


@pytest.mark.parametrize("process_runs", [1, 2])
def test_too_few_process_runs_are_insufficient_everywhere(
    process_runs: int, maker: Maker, tmp_path: Path
) -> None:
    written(tmp_path, maker.document(process_runs=process_runs))
    report = compared(tmp_path)
    (machine,) = report["machines"]
    assert set(verdicts(machine["cells"]).values()) == {"insufficient"}
    assert machine["census"]["matched"] == 0
    assert {gap["why"] for gap in machine["census"]["gaps"]} == {"too few"}
    assert "--cells" not in machine["census"]["command"]
    assert machine["index"] is None
    assert call("compare", tmp_path, *BOTH, "--fail-on", "insufficient").exit_code == 1
    assert call("compare", tmp_path, *BOTH, "--fail-on", "slower").exit_code == 0


def test_no_process_run_that_ended_is_one_message(maker: Maker, tmp_path: Path) -> None:
    document = maker.document()
    for run in document["process_runs"]:
        for name in ("iterations_ns", "warmup_iterations", "threads", "output_sha256"):
            del run[name]
        run.update(status="unsupported", reason="made up")
    result = call("compare", written(tmp_path, document), *BOTH)
    assert result.exit_code == 2, result.output
    assert "there is no cell whose latency both sides have process runs of" in result.output


def test_where_all_was_set_aside_nothing_is_provisional(maker: Maker, tmp_path: Path) -> None:
    document = maker.document()
    for run in document["process_runs"]:
        run["contamination"] = {"foreign_cpu_ms": run["wall_ns"] // 10**6 * 4}
        run.update(status="contaminated", reason="foreign CPU time 400 % of a core")
    (machine,) = compared(written(tmp_path, document))["machines"]
    assert {gap["why"] for gap in machine["census"]["gaps"]} == {"set aside"}
    assert machine["provisional"] is None
    text = call("compare", tmp_path, *BOTH).output
    assert "design: no cell was measured in both versions" in text
    empty = call("history", tmp_path)
    assert (empty.exit_code, "no latency was measured in any" in empty.output) == (2, True)


def test_times_that_are_all_equal_are_never_certain(maker: Maker, tmp_path: Path) -> None:
    document = maker.document(process_runs=3)
    for place, run in enumerate(document["process_runs"]):
        run["iterations_ns"] = [9 * 10**7] * 22 + [9 * 10**7 + place]
        run["wall_ns"] = 4 * 10**9
    (machine,) = compared(written(tmp_path, document))["machines"]
    for row in machine["cells"]:
        assert (row["verdict"], row["q"], row["p"], row["low"]) == ("inconclusive", *[None] * 3)
        assert "all process runs took the same time: too smooth to be tested" in row["flags"]


def test_wildly_unequal_counts_give_a_verdict(maker: Maker, tmp_path: Path) -> None:
    document = maker.document(effects=SLOWER, process_runs=30, iterations=10)
    document["process_runs"] = [
        run for run in document["process_runs"] if run["environment"] == 0 or run["block"] < 3
    ]
    (machine,) = compared(written(tmp_path, document))["machines"]
    assert verdicts(machine["cells"])["gpt2"] == "slower"
    assert machine["cells"][0]["process_runs"] == [30, 3]


def test_a_process_run_that_is_stuck_is_flagged(maker: Maker, tmp_path: Path) -> None:
    document = maker.document()
    run = document["process_runs"][0]
    run["iterations_ns"] = [5 * time for time in run["iterations_ns"]]
    run["wall_ns"] = sum(run["iterations_ns"]) + 10**9
    (machine,) = compared(written(tmp_path, document))["machines"]
    assert "baseline: stuck in 1 of 5: 3 times off" in machine["cells"][0]["flags"]


def test_what_the_machine_key_leaves_out_is_a_warning(maker: Maker, tmp_path: Path) -> None:
    first, second = maker.document([OLD]), maker.document([NEW])
    first["machine"]["kernel"], second["machine"]["kernel"] = "6.1.0", "6.8.0"
    second["environments"][0]["python"] = "3.11.9"
    (machine,) = compared(written(tmp_path / "apart", first, second))["machines"]
    assert "the machine varies: kernel 6.1.0 / 6.8.0" in machine["warnings"]
    assert any("Python 3.11.4 / 3.11.9" in warning for warning in machine["warnings"])
    both = [maker.document() for _ in range(2)]
    both[0]["machine"]["memory_gib"] = 32
    (machine,) = compared(written(tmp_path / "both", *both))["machines"]
    assert "the machine varies: memory 16 GiB and 32 GiB in both" in machine["warnings"]


def test_a_sitting_in_which_all_cells_moved_is_a_warning(maker: Maker, tmp_path: Path) -> None:
    sides = [inference_document(maker, OLD, 1.0), inference_document(maker, NEW, 1.05)]
    (machine,) = compared(written(tmp_path, *sides))["machines"]
    assert machine["provisional"].startswith("one sitting per version")
    (said,) = [warning for warning in machine["warnings"] if "may be the sitting" in warning]
    assert said.startswith("the median of 12 cells is ")
    assert "% slower: " in said
    assert machine["index"]["low"] is None
    assert machine["census"]["untouched"] > 100


def inference_document(maker: Maker, version: str, factor: float) -> Document:
    """Return a sitting of one version in twelve cells of the suite inference."""
    suite, start = latest_suite("inference"), maker.started
    cells = [cell for cell in suite.cell_ids if "/bert-base/torch-eager/cpu/fp32/" in cell][:12]
    moment, runs = start, []
    for block in range(3):
        for place, cell in enumerate(cells):
            times = maker.times(factor * 400 * (place + 1), suite.iterations, 0.002)
            runs.append(process_run(cell, 0, block, moment, times))
            moment += timedelta(minutes=5)
    maker.started = moment
    protocol = {"process_runs": 3, "iterations": suite.iterations}
    parts = {"environments": [environment(version, 0)], "process_runs": runs}
    return framed(suite, maker.random, (start, moment), protocol) | parts
