"""Histories over versions: where changes were planted, on one machine and on several."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.aggregate.conftest import Maker
from tests.aggregate.made_up_machines import (
    VERSIONS,
    call,
    on_machine,
    versions_document,
    written,
)

from hfbench_aggregate.history.rows import series_rows
from hfbench_aggregate.history.series import Series, index_series, levelled_series, pooled_series
from hfbench_aggregate.statistics.constants import DEFAULT_SITTING_SD

GPT2 = ("--cell", "*/gpt2/*")
SINCE = "4.55.0"


def histories(*arguments: str | Path) -> list[dict[str, Any]]:
    result = call("history", *arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["groups"]
    return found


def test_a_planted_change_is_found_at_its_version(maker: Maker, tmp_path: Path) -> None:
    (group,) = histories(written(tmp_path, versions_document(maker, 0, SINCE)), "--cell", "*")
    bert, gpt2, vit = group["series"]
    assert (bert["verdict"], vit["verdict"]) == ("none_found", "none_found")
    assert gpt2["verdict"] == "changed"
    change = gpt2["changes"][0]
    assert (change["version"], change["previous"]) == (SINCE, "4.54.0")
    assert change["low"] < 1.1 < change["high"]
    assert change["p"] < 0.05
    assert [point["version"] for point in gpt2["points"]] == VERSIONS
    assert change["wording"].endswith("%)")
    assert " slower since 4.55.0 (" in change["wording"]


def test_several_machines_are_pooled_and_shown(maker: Maker, tmp_path: Path) -> None:
    documents = [versions_document(maker, number, SINCE) for number in range(3)]
    pooled, *each = histories(written(tmp_path, *documents), *GPT2)
    assert len(pooled["machine_keys"]) == 3
    assert [len(group["machine_keys"]) for group in each] == [1, 1, 1]
    (change,) = pooled["series"][0]["changes"]
    assert change["version"] == SINCE
    mean = 60 * (1.0 * 1.1 * 1.2) ** (1 / 3)
    assert pooled["series"][0]["points"][0]["ms"] == pytest.approx(mean, rel=0.02)


def test_without_a_cell_it_is_the_suite_index(maker: Maker, tmp_path: Path) -> None:
    document = versions_document(maker, 0, SINCE)
    lacking = [VERSIONS.index("4.51.0"), VERSIONS.index("5.1.0")]
    document["process_runs"] = [
        run
        for run in document["process_runs"]
        if not (run["environment"] == lacking[0] and "/vit-tiny/" in run["cell"])
        and not (run["environment"] == lacking[1] and "/bert-base/" not in run["cell"])
    ]
    (group,) = histories(written(tmp_path, document))
    (index,) = group["series"]
    assert (index["cell"], index["cells"]) == ("suite index", 2)
    times = {point["version"]: point["ms"] for point in index["points"]}
    assert times["4.50.0"] == pytest.approx((35 * 60) ** 0.5, rel=0.02)
    assert times["5.1.0"] is None
    assert index["changes"][0]["version"] == SINCE


def test_below_eight_versions_it_is_too_short(maker: Maker, tmp_path: Path) -> None:
    result = call("history", written(tmp_path, maker.document()))
    assert result.exit_code == 0
    assert "suite index (3 cells): too short: 2 versions, and it takes 8" in result.output
    picture = tmp_path / "h.png"
    assert call("history", tmp_path, "--plot", picture).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_other_environments_are_histories_of_their_own(maker: Maker, tmp_path: Path) -> None:
    first, second = (versions_document(maker, 0, SINCE) for _ in range(2))
    for facts in second["environments"]:
        facts["packages"]["torch"] = "2.14.0"
    groups = histories(written(tmp_path, first, second), *GPT2)
    assert [group["environment"] for group in groups] == [
        "torch 2.13.0+cpu, Python 3.11",
        "torch 2.14.0, Python 3.11",
    ]


def test_equal_times_are_too_smooth(maker: Maker, tmp_path: Path) -> None:
    document = versions_document(maker, 0, SINCE)
    for place, run in enumerate(document["process_runs"]):
        run["iterations_ns"] = [9 * 10**7] * 22 + [9 * 10**7 + place]
        run["wall_ns"] = 4 * 10**9
    (group,) = histories(written(tmp_path, document), *GPT2)
    assert group["series"][0]["verdict"] == "no_spread"
    assert group["series"][0]["p"] is None


def test_text_markdown_and_csv_say_the_same(maker: Maker, tmp_path: Path) -> None:
    written(tmp_path, versions_document(maker, 0, SINCE))
    text = call("history", tmp_path, *GPT2).stdout.splitlines()
    assert max(map(len, text)) <= 80
    (row,) = [line for line in text if line.startswith("gpt2/b1-s64  changed")]
    assert row.split()[2] == SINCE
    (mark,) = [line for line in text if line.startswith(f"{SINCE} ")]
    assert mark.split()[1] == "slower"
    markdown = call("history", tmp_path, *GPT2, "--format", "markdown").stdout
    assert f"| `gpt2/b1-s64` | changed | {SINCE} |" in markdown
    rows = csv.DictReader(io.StringIO(call("history", tmp_path, *GPT2, "--format", "csv").stdout))
    changes = {row["version"]: row["change"] for row in rows}
    assert list(changes) == VERSIONS
    assert [version for version, change in changes.items() if change] == [SINCE]


def test_the_same_history_gives_the_same_picture(maker: Maker, tmp_path: Path) -> None:
    written(tmp_path / "in", versions_document(maker, 0, SINCE))
    pictures = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for picture in pictures:
        assert call("history", tmp_path / "in", *GPT2, "--plot", picture).exit_code == 0
    first, second = (picture.read_bytes() for picture in pictures)
    assert first == second
    assert b">gpt2/b1-s64, Made Up 9000, 4 cores, torch 2.13.0+cpu, Python 3.11<" in first
    assert b">slower +" in first


def test_a_pattern_without_a_cell_says_what_cells_are_called(maker: Maker, tmp_path: Path) -> None:
    result = call("history", written(tmp_path, maker.document()), "--cell", "t5/*")
    assert result.exit_code == 2
    said = "no cell that was measured matches 't5/*'; one is called smoke/bert-base/"
    assert said in result.output


def test_a_machine_with_few_of_the_versions_is_left_out_of_the_pool(
    maker: Maker, tmp_path: Path
) -> None:
    documents = [versions_document(maker, number, SINCE) for number in range(2)]
    few = on_machine(maker.document(VERSIONS[:3]), 7)
    pooled, *_ = histories(written(tmp_path, *documents, few), *GPT2)
    assert len(pooled["machine_keys"]) == 2
    assert pooled["notes"] == ["1 machine left out: too few versions in common with the others"]


def test_what_a_fast_machine_did_not_measure_does_not_look_slow() -> None:
    """Two machines of different speed, no noise: the versions' effects come out exactly."""
    effect = np.linspace(0.0, 0.1, 8)
    x = np.stack([effect[None] - 1.0, effect[None] + 1.0])
    x[0, 0, 6] = np.nan
    x[1, 0, 1] = np.nan
    pooled, used = pooled_series([Series(one, np.zeros((1, 8, 8))) for one in x])
    np.testing.assert_allclose(pooled.x[0], effect, atol=1e-9)
    assert used.all()


def test_a_version_with_few_cells_does_not_choose_the_index() -> None:
    x = np.log(np.arange(1.0, 25.0).reshape(4, 6))
    x[1:, 5] = np.nan
    x[3, 0] = np.nan
    index, matched = index_series(Series(x, np.zeros((4, 6, 6))))
    assert matched.tolist() == [True, True, True, False]
    np.testing.assert_allclose(index.x[0, :5], x[:3, :5].mean(axis=0))
    assert np.isnan(index.x[0, 5])


def test_sittings_that_overlap_in_one_version_are_brought_to_one_level() -> None:
    """Three sittings of four versions, 5 % apart, no noise: only the true effects are left."""
    effect = np.array([[0.0, 0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]])
    x = np.full((3, 1, 10), np.nan)
    for sitting in range(3):
        own = slice(3 * sitting, 3 * sitting + 4)
        x[sitting, 0, own] = effect[0, own] + 0.05 * sitting
    series = levelled_series(x, np.array([1e-4]))
    np.testing.assert_allclose(np.diff(series.x), np.diff(effect), atol=1e-9)
    # The ends hang together by two versions that two sittings share each: each adds its error.
    ends = np.array([-1.0, *np.zeros(8), 1.0])
    assert ends @ series.covariance[0] @ ends == pytest.approx(6e-4)


def test_versions_that_no_sitting_ties_together_stay_as_they_were_measured() -> None:
    x = np.full((3, 1, 3), np.nan)
    x[range(3), 0, range(3)] = (0.0, 0.2, 0.1)
    series = levelled_series(x, np.array([1e-4]))
    np.testing.assert_allclose(series.x[0], (0.0, 0.2, 0.1))
    np.testing.assert_allclose(series.covariance[0], np.eye(3) * (1e-4 + DEFAULT_SITTING_SD**2))


def test_what_overlapping_sittings_make_look_like_a_change_is_not_called() -> None:
    """Four sittings in a row measure four versions each, and share one: no version differs."""
    rng = np.random.default_rng(20_261)
    x, cells, error = np.full((4, 300, 13), np.nan), 300, 0.01
    for sitting in range(4):
        own = slice(3 * sitting, 3 * sitting + 4)
        x[sitting, :, own] = rng.normal(0, error, (cells, 4)) + rng.normal(0, 0.02)
    series = levelled_series(x, np.full(cells, error**2))
    names = [f"5.{minor}.0" for minor in range(13)]
    nowhere = np.full(series.x.shape, np.nan)
    rows = series_rows([str(n) for n in range(cells)], [1] * cells, names, series, nowhere)
    changes = [change for row in rows for change in row["changes"]]
    assert len(changes) > 30
    assert not any(change["called"] for change in changes)
    series.x[:60, 6:] += 0.08
    rows = series_rows([str(n) for n in range(cells)], [1] * cells, names, series, nowhere)
    found = [any(change["called"] for change in row["changes"]) for row in rows]
    assert sum(found[:60]) > 50
    assert sum(found[60:]) <= 3
