"""The report on training, from accepted submissions to figures, against planted truth."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats
from tests.aggregate.conftest import Document, Maker
from tests.aggregate.made_up_training import (
    AMP,
    BOTH,
    COMPILE,
    FP32,
    MS,
    SUITE,
    TWO,
    Trainer,
    Truth,
    call,
    cell_id,
    diverge,
    factorial,
    failed,
    named,
    of_cell,
    report,
    store_with,
)

from hfbench_aggregate.cli import main
from hfbench_leaderboard.build import build_site
from hfbench_schema.canonical import strict_json
from hfbench_schema.cells import parse_cell
from hfbench_schema.training_figures import speed

COMPARED = ("--baseline", "transformers==4.57.6", "--candidate", "transformers==5.23.0")


def log_steps(document: Document, cell: str) -> np.ndarray:
    found = [speed(run, parse_cell(cell)) for run in of_cell(document, cell)]  # type: ignore[arg-type]
    return np.log([each.step for each in found if each])


def test_speed_ups_are_welchs_on_the_logarithms(folder: Path) -> None:
    document = Trainer().document({FP32: Truth(), AMP: Truth(step_ms=13)}, seeds=3)
    (group,) = report(folder, document)
    a, b = log_steps(document, FP32), log_steps(document, AMP)
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    row = named(group["arms"], "AMP bf16")
    wanted = [a.mean() - b.mean(), interval.low, interval.high]
    assert [*row["throughput"].values()] == pytest.approx(np.exp(wanted), rel=1e-5)
    assert row["examples_per_s"] == pytest.approx(32e9 / math.exp(b.mean()), rel=1e-5)
    assert row["step_ms"] == pytest.approx(math.exp(b.mean()) / MS, rel=1e-5)
    assert row["tokens_per_s"] == pytest.approx(row["examples_per_s"] * 10, rel=1e-5)
    assert row["seeds"] == [SUITE.seed + block for block in range(3)]
    assert row["flags"] == []
    ends = [
        np.log([run["training"]["end_to_end_ns"] for run in of_cell(document, cell)])
        for cell in (FP32, AMP)
    ]
    assert row["end_to_end"]["value"] == pytest.approx(
        math.exp(ends[0].mean() - ends[1].mean()), rel=1e-5
    )
    assert named(group["arms"], "fp32")["throughput"] == {"value": 1, "low": 1, "high": 1}


def test_effects_find_what_was_planted(folder: Path) -> None:
    (group,) = report(folder, Trainer().document(factorial(), memory=True))
    found = {tuple(row["factors"]): row["throughput"] for row in group["effects"]}
    assert {tuple(row["design"]) for row in group["effects"]} == {
        ("AMP bf16", "compile", "2 devices")
    }
    wanted = {
        ("AMP bf16",): 1.5 * math.sqrt(1.1),
        ("compile",): 1.25 * math.sqrt(1.1),
        ("2 devices",): 1.6,
        ("AMP bf16", "compile"): 1.1,
        ("AMP bf16", "2 devices"): 1.0,
        ("compile", "2 devices"): 1.0,
        ("AMP bf16", "compile", "2 devices"): 1.0,
    }
    assert found.keys() == wanted.keys()
    for factors, ratio in wanted.items():
        assert found[factors]["low"] < ratio < found[factors]["high"], factors
        assert found[factors]["high"] / found[factors]["low"] < 1.05
    (sentence,) = (
        r["wording"] for r in group["effects"] if r["factors"] == ["AMP bf16", "compile"]
    )
    assert sentence == "the speed-up of AMP bf16 is 1.10 times as large with compile as without it"
    assert {row["peak_mib"] for row in group["arms"]} == {900}


def test_compiling_pays_after_the_steps_that_make_up_for_it(folder: Path) -> None:
    """3 s of compiling against 20 ms that become 16 ms: 750 steps, and 320 are trained."""
    (group,) = report(folder, Trainer().document(factorial()))
    row = named(group["break_even"], "compile")
    assert row["low"] < 750 < row["high"]
    assert row["steps"] == pytest.approx(750, rel=0.1)
    assert (row["trained_steps"], row["process_runs"]) == (320, [4, 4])
    assert row["end_to_end"]["high"] < 1
    assert [row["name"] for row in group["break_even"]] == [
        "compile",
        "AMP bf16 + compile",
        "compile, 2 devices",
        "AMP bf16 + compile, 2 devices",
    ]


def test_ranks_that_share_cores_are_no_more_hardware(folder: Path) -> None:
    (group,) = report(folder, Trainer().document(factorial()))
    row = named(group["scaling"], "AMP bf16, 2 devices")
    assert row["hardware"] == 1
    assert row["efficiency"] == row["speed_up"]
    assert row["speed_up"]["value"] == pytest.approx(1.6, rel=0.02)
    assert any("no more hardware" in note for note in group["notes"])


def test_gpus_are_hardware_and_so_are_machines(folder: Path) -> None:
    one, two = (cell_id(world_size=w, device="cuda") for w in (1, 2))
    trainer = Trainer()
    alone = trainer.document({one: Truth(), two: Truth(step_ms=22), FP32: Truth()})
    together = trainer.document({TWO: Truth(step_ms=22)}, nodes=2)
    groups = report(folder, alone, together)
    cpu, cuda = sorted(groups, key=lambda group: group["device"])
    (gpu,), (machine,) = cuda["scaling"], cpu["scaling"]
    assert (gpu["name"], gpu["hardware"]) == ("2 devices", 2)
    assert gpu["efficiency"]["value"] == pytest.approx(20 / 22, rel=0.02)
    assert (machine["name"], machine["hardware"]) == ("2 devices on 2 machines", 2)
    assert machine["efficiency"]["value"] == pytest.approx(20 / 22, rel=0.02)
    (flag,) = named(cpu["arms"], "2 devices on 2 machines")["flags"]
    assert flag.startswith("not interleaved with the baseline")
    call("release", folder)
    submissions = strict_json((folder / "releases/2026.11.1/submissions.json").read_bytes())
    titles = {row["suite"] for row in submissions}
    assert titles == {"training-1", "training-1, 2 machines"}


def test_what_a_platform_cannot_do_is_said_in_its_words(folder: Path) -> None:
    document = Trainer().document({FP32: Truth(), AMP: Truth()})
    moment, words = document["sitting"]["finished_at"], "XLA can't | do <this> here"
    runs = [failed(COMPILE, 0, "unsupported", words, moment)]
    runs += [failed(BOTH, block, "oom_host", "in step 3 of 320", moment) for block in range(2)]
    runs.append(failed(AMP, 4, "timeout", "step 1 took 600 s", moment))
    document["process_runs"] += runs
    document["protocol"]["process_runs"] = 5
    (group,) = report(folder, document)
    assert [(r["name"], r["status"], r["reason"], r["process_runs"]) for r in group["missing"]] == [
        ("compile", "unsupported", words, 1),
        ("AMP bf16 + compile", "oom_host", "in step 3 of 320", 2),
    ]
    assert named(group["arms"], "AMP bf16")["flags"] == [
        "1 process run failed: timeout (step 1 took 600 s)"
    ]
    assert "compile (1 process run): unsupported: XLA can't | do <this> here" in call(
        "training", folder
    )
    markdown = call("training", folder, "--format", "markdown")
    assert "XLA can't \\| do \\<this\\> here" in markdown


def test_without_the_baseline_nothing_is_compared_with_it(folder: Path) -> None:
    truths = {AMP: Truth(), BOTH: Truth(step_ms=16, compiling_s=3)}
    (group,) = report(folder, Trainer().document(truths))
    assert group["baseline"] is None
    assert group["quality"] == []
    assert {row["throughput"]["value"] for row in group["arms"]} == {None}
    assert "was not measured" in group["warnings"][0]
    assert [row["name"] for row in group["break_even"]] == ["AMP bf16 + compile"]
    assert "not measured" in call("training", folder)


def test_two_factors_without_their_combination_make_no_factorial(folder: Path) -> None:
    truths = {FP32: Truth(), AMP: Truth(), COMPILE: Truth(compiling_s=3)}
    (group,) = report(folder, Trainer().document(truths))
    assert group["effects"] == []
    assert len(group["arms"]) == 3
    assert group["notes"][0].startswith("no effects of factors: they take all four combinations")


def test_each_complete_part_of_a_factorial_is_used(folder: Path) -> None:
    """Without AMP + compile on 2 devices: AMP x compile, and each of them x devices."""
    truths = factorial()
    del truths[cell_id("compile", "bf16-autocast", 2)]
    (group,) = report(folder, Trainer().document(truths))
    designs = list(dict.fromkeys(tuple(row["design"]) for row in group["effects"]))
    assert designs == [
        ("compile", "2 devices"),
        ("AMP bf16", "2 devices"),
        ("AMP bf16", "compile"),
    ]


def test_other_data_are_never_pooled(folder: Path) -> None:
    trainer, cells = Trainer(), [cell_id(task="sst2"), cell_id("compile", task="sst2")]
    truths = dict.fromkeys(cells, Truth(right=300))
    own, other = (trainer.document(truths, source="local", examples=(640, 400)) for _ in range(2))
    other["tasks"]["sst2"]["sha256"] = "ee" * 32
    groups = report(folder, own, other)
    assert [len(group["submissions"]) for group in groups] == [1, 1]
    assert {row["process_runs"] for group in groups for row in group["arms"]} == {4}
    assert "what was trained on eeeeeeeeeeee stands apart" in groups[0]["warnings"][0]
    text = call("training", folder)
    assert text.count("sst2: a local copy, not the published data") == 2
    assert [group["data"]["ranked"] for group in groups] == [False, False]


def test_a_copy_of_the_published_data_is_the_published_data(folder: Path) -> None:
    trainer, cells = Trainer(), [cell_id(task="mrpc")]
    truths = dict.fromkeys(cells, Truth(right=350))
    hub, copy = trainer.document(truths), trainer.document(truths, source="local")
    copy["tasks"]["mrpc"]["tokenizers"]["bert-tiny"]["sha256"] = "11" * 32
    (group,) = report(folder, hub, copy)
    assert group["data"]["source"] == "hub"
    assert any("tokenizer" in warning for warning in group["warnings"])


def test_unwatched_process_runs_are_said(folder: Path) -> None:
    document = Trainer().document({FP32: Truth(), AMP: Truth()})
    for run in of_cell(document, FP32):
        del run["contamination"]
    (group,) = report(folder, document)
    assert any("4 of 8 process runs were not watched" in w for w in group["warnings"])
    assert "not watched in 4 of 4" in named(group["arms"], "fp32")["flags"]


def test_arms_of_sittings_of_their_own_are_compared_with_care(folder: Path) -> None:
    trainer, faster = Trainer(), Truth(step_ms=13)
    truths = {FP32: Truth(), AMP: faster}
    (together,) = report(folder, trainer.document(truths))
    other = folder.parent / "other"
    (other / "proposals").mkdir(parents=True)
    apart = [trainer.document({FP32: Truth()}), trainer.document({AMP: faster})]
    (group,) = report(other, *apart)
    row, close = named(group["arms"], "AMP bf16"), named(together["arms"], "AMP bf16")
    assert row["flags"][0].startswith("not interleaved with the baseline")
    assert row["throughput"]["low"] < 20 / 13 < row["throughput"]["high"]
    widths = [r["throughput"]["high"] / r["throughput"]["low"] for r in (row, close)]
    assert widths[0] > widths[1]


def test_a_second_sitting_at_half_the_speed_changes_no_speed_up(folder: Path) -> None:
    trainer = Trainer()
    slow = {FP32: Truth(step_ms=40), AMP: Truth(step_ms=26)}
    documents = [trainer.document({FP32: Truth(), AMP: Truth(step_ms=13)}), trainer.document(slow)]
    (group,) = report(folder, *documents)
    found = named(group["arms"], "AMP bf16")["throughput"]
    assert found["value"] == pytest.approx(20 / 13, rel=0.01)
    assert found["high"] / found["low"] < 1.05


def test_tensorflow_and_its_compiler_have_their_own_names(folder: Path) -> None:
    cells = [cell_id(mode, framework="tensorflow") for mode in ("graph", "xla")]
    truths = {cells[0]: Truth(compiling_s=1), cells[1]: Truth(step_ms=16, compiling_s=4)}
    (group,) = report(folder, Trainer().document(truths))
    assert [row["name"] for row in group["arms"]] == ["fp32", "XLA"]
    (row,) = group["break_even"]
    # Tracing the graph takes a second without XLA as well.
    assert row["compiling_s"] == pytest.approx(3, rel=0.02)
    assert row["steps"] == pytest.approx(750, rel=0.1)


def test_text_fits_a_hundred_columns_and_markdown_is_a_table(folder: Path) -> None:
    folder = store_with(folder, Trainer().document(factorial(), memory=True))
    text = call("training", folder)
    assert max(map(len, text.splitlines())) <= 100
    for said in (
        "bert-tiny on grammar, torch on cpu",
        "hfbench's own grammar: ranked with nothing",
        "trained from scratch",
        "Factors: AMP bf16 x compile x 2 devices",
        "pays after",
    ):
        assert said in text
    markdown = call("training", folder, "--format", "markdown")
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.count(" | ") for line in tables if "---" in line} <= {3, 5, 6, 2}
    assert "| AMP bf16 + compile, 2 devices |" in markdown
    assert "\\[" in markdown
    assert call("training", folder, columns=60)


def test_a_release_carries_the_report_and_nothing_else_changes(folder: Path, maker: Maker) -> None:
    trainer = Trainer()
    latency, training = maker.document(), trainer.document(factorial(), memory=True)
    of_latency = store_with(folder, latency)
    call("release", of_latency)
    first = folder / "releases" / "2026.11.1"
    assert not (first / "training.json").exists()
    store_with(folder, training)
    call("release", folder)
    second = folder / "releases" / "2026.11.2"
    for name in ("cells.json", "comparisons.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    table = strict_json((second / "training.json").read_bytes())
    assert table == json.loads(call("training", folder, "--format", "json"))
    assert "32 of role training" in (second / "NOTES.md").read_text()
    assert call("compare", folder, *COMPARED)
    assert call("verify", folder)
    page = build_site(folder, folder.parent / "site")
    costs = (page.parent / "costs.html").read_text()
    assert "2 devices, training on grammar" in costs
    assert (page.parent / "data/2026.11.2/training.json").is_file()


def test_a_site_of_trainings_alone_can_be_built(folder: Path) -> None:
    document = Trainer().document({FP32: Truth(), AMP: Truth()})
    diverge(of_cell(document, AMP)[0], 30)
    call("release", store_with(folder, document))
    tables = folder / "releases" / "2026.11.1"
    assert strict_json((tables / "cells.json").read_bytes()) == []
    assert build_site(folder, folder.parent / "site").is_file()


def test_a_store_without_trainings_says_how_to_measure_them(folder: Path, maker: Maker) -> None:
    result = CliRunner().invoke(main, ["training", str(folder)])
    assert (result.exit_code, "hfbench-aggregate intake" in result.output) == (2, True)
    store_with(folder, maker.document())
    for output in ("text", "markdown", "json"):
        result = CliRunner().invoke(main, ["training", str(folder), "--format", output])
        assert (result.exit_code, "hfbench-submit run training" in result.output) == (2, True)
