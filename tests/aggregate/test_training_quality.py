"""What the report on training says of quality: scores over seeds, and what diverged."""

import json
from pathlib import Path
from random import Random

import pytest
from scipy import stats
from tests.aggregate.conftest import Document
from tests.aggregate.made_up_training import (
    AMP,
    COMPILE,
    FP32,
    MS,
    SUITE,
    Trainer,
    Truth,
    call,
    cell_id,
    confusion,
    diverge,
    named,
    of_cell,
    points,
    report,
)


def test_quality_is_welchs_on_the_scores(folder: Path) -> None:
    truths = {FP32: Truth(right=440), AMP: Truth(right=441), COMPILE: Truth(right=400)}
    document = Trainer().document(truths, seeds=5)
    (group,) = report(folder, document)
    base = points(document, FP32)
    tests = {"AMP bf16": AMP, "compile": COMPILE}
    p = [
        stats.ttest_ind(points(document, cell), base, equal_var=False).pvalue
        for cell in tests.values()
    ]
    q = stats.false_discovery_control(p)
    for place, (name, cell) in enumerate(tests.items()):
        row, scores = named(group["quality"], name), points(document, cell)
        assert row["p"] == pytest.approx(p[place], rel=1e-4)
        assert row["q"] == pytest.approx(q[place], rel=1e-4)
        assert row["difference"]["value"] == pytest.approx(scores.mean() - base.mean(), abs=1e-4)
        (score,) = named(group["arms"], name)["scores"]
        assert score["points"] == pytest.approx(scores, abs=1e-4)
    assert named(group["quality"], "compile")["verdict"] == "worse"
    assert "points worse than the baseline" in named(group["quality"], "compile")["wording"]
    assert named(group["quality"], "AMP bf16")["verdict"] != "worse"
    assert group["tested"] == 2


def test_the_false_discovery_rate_is_held_over_tasks(folder: Path) -> None:
    """MRPC has two metrics, the grammar one; both are one machine and environment."""
    mrpc = [cell_id(precision=p, task="mrpc") for p in ("fp32", "bf16-autocast")]
    truths = {FP32: Truth(), AMP: Truth()} | dict.fromkeys(mrpc, Truth(right=350))
    groups = report(folder, Trainer().document(truths))
    rows = [row for group in groups for row in group["quality"]]
    assert [row["metric"] for row in rows] == ["accuracy", "f1", "accuracy"]
    assert {group["tested"] for group in groups} == {3}
    wanted = stats.false_discovery_control([row["p"] for row in rows])
    assert [row["q"] for row in rows] == pytest.approx(wanted, rel=1e-4)
    assert [(g["data"]["task"], g["data"]["ranked"]) for g in groups] == [
        ("grammar", False),
        ("mrpc", True),
    ]


def test_two_seeds_are_insufficient_and_said_to_be(folder: Path) -> None:
    (group,) = report(folder, Trainer().document({FP32: Truth(), AMP: Truth()}, seeds=2))
    (row,) = group["quality"]
    assert (row["verdict"], row["q"]) == ("insufficient", None)
    assert row["wording"] == "needs >= 3 seeds in both, has 2/2"
    assert row["difference"]["value"] is not None
    assert group["warnings"] == [
        "fewer than 4 seeds show next to nothing about quality: fp32 (2), AMP bf16 (2)"
    ]


def test_seeds_that_all_agree_are_not_certainty(folder: Path) -> None:
    truths = {FP32: Truth(right=511, spread=0), AMP: Truth(right=511, spread=0)}
    (group,) = report(folder, Trainer().document(truths))
    (row,) = group["quality"]
    assert row["verdict"] == "equivalent"
    assert 0 < row["difference"]["high"] < 0.2
    assert any("more closely than one of 512" in note for note in group["notes"])


def contaminate(run: Document) -> None:
    run["contamination"] = {"foreign_cpu_ms": run["wall_ns"] // MS * 4}
    run.update(status="contaminated", reason="foreign CPU time 400 % of a core")


def test_a_contaminated_training_has_a_score_and_no_speed(folder: Path) -> None:
    """It was ten times as slow; its second attempt says how fast it is."""
    document = Trainer().document({FP32: Truth(), AMP: Truth()})
    first = of_cell(document, AMP)[1]
    again = json.loads(json.dumps(first)) | {"attempt": 1}
    (steps,), noise = again["training"]["steps_ns"], Random(2019)
    again["training"]["steps_ns"] = [[t - noise.randrange(t // 500) for t in steps]]
    # Another score, as nondeterminism may give: the first recorded one counts.
    again["training"]["epochs"][-1]["confusion"] = confusion(300, 512)
    record = first["training"]
    record["steps_ns"] = [[10 * t for t in steps] for steps in record["steps_ns"]]
    for epoch in record["epochs"]:
        epoch["training_ns"] *= 10
        record["end_to_end_ns"] += epoch["training_ns"]
        first["wall_ns"] += epoch["training_ns"]
    contaminate(first)
    document["process_runs"].append(again)
    before = points(document, AMP)[:4]
    (group,) = report(folder, document)
    row = named(group["arms"], "AMP bf16")
    assert (row["process_runs"], len(row["seeds"])) == (4, 4)
    assert row["scores"][0]["points"] == pytest.approx(before, abs=1e-4)
    assert row["step_ms"] == pytest.approx(20, rel=0.02)
    assert row["flags"] == [
        "1 process run set aside: contaminated (foreign CPU time 400 % of a core)"
    ]


def test_a_seed_counts_once_however_often_it_was_trained(folder: Path) -> None:
    trainer = Trainer()
    truths = {FP32: Truth(), AMP: Truth(step_ms=13)}
    (group,) = report(folder, trainer.document(truths), trainer.document(truths))
    row = named(group["arms"], "AMP bf16")
    assert (row["process_runs"], len(row["seeds"])) == (8, 4)
    assert len(row["scores"][0]["points"]) == 4
    assert named(group["quality"], "AMP bf16")["seeds"] == [4, 4]
    assert len(group["submissions"]) == 2


def test_diverged_trainings_are_listed_and_not_dropped(folder: Path) -> None:
    document = Trainer().document({FP32: Truth(), AMP: Truth()}, seeds=5)
    early, late, constant, *_ = of_cell(document, AMP)
    diverge(early, 30)
    diverge(late, 100)
    constant["training"]["epochs"][-1]["confusion"] = [0, 256, 0, 256]
    (group,) = report(folder, document)
    row, seed = named(group["arms"], "AMP bf16"), SUITE.seed
    (score,) = row["scores"]
    assert (row["diverged"], row["process_runs"]) == (3, 3)
    assert score["seeds"] == [seed + 1, seed + 2, seed + 3, seed + 4]
    assert score["points"][0] == pytest.approx(points(document, AMP)[1], abs=1e-4)
    assert score["points"][1] == 50
    assert [(d["seed"], d["reason"]) for d in group["diverged"]] == [
        (seed, "the loss is not finite in step 30 of 320 (epoch 1)"),
        (seed + 1, "the loss is not finite in step 100 of 320 (epoch 2)"),
        (
            seed + 2,
            "accuracy is 50.0, no more than by always answering with the more frequent label",
        ),
    ]
    assert any("last whole epoch" in note for note in group["notes"])
    text = call("training", folder)
    assert "AMP bf16, seed 2019: the loss is not finite in step 30" in text
    assert "div." in text
