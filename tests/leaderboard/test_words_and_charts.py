"""Sentences, numbers and places: what a wrong sign or a wrong end would turn into a lie."""

import re
from itertools import pairwise
from typing import Any

import pytest
from tests.leaderboard.made_up_release import full_tables

from hfbench_leaderboard import charts, words
from hfbench_leaderboard.claims import CANNOT_TELL, CLAIMS, CONTRADICTED, SUPPORTED, outcome
from hfbench_leaderboard.history import Column, history_chart

MARGIN = 0.03


def comparison(*verdicts: str, same_versions: bool = False) -> Any:
    row = full_tables().comparisons[1]
    cell = row["cells"][0]
    row["cells"] = [{**cell, "verdict": verdict} for verdict in verdicts]
    row["same_versions"] = same_versions
    return row


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        (["slower"], "transformers 5.23.0 is slower than 4.57.6 in the one cell measured."),
        (["faster"] * 2, "transformers 5.23.0 is faster than 4.57.6 in all 2 cells."),
        (
            ["slower", "faster", "faster", "inconclusive"],
            "transformers 5.23.0 is slower than 4.57.6 in 1 and faster in 2 of 4 cells; "
            "1 inconclusive.",
        ),
        (
            ["equivalent"] * 3,
            "transformers 5.23.0 is as fast as 4.57.6 in all 3 cells, to within 3 %.",
        ),
        (
            ["equivalent", "inconclusive"],
            "transformers 5.23.0 is as fast as 4.57.6 in 1 of 2 cells, to within 3 %; "
            "1 inconclusive.",
        ),
        (
            ["inconclusive"],
            "Cannot tell whether transformers 5.23.0 is faster than 4.57.6: 1 inconclusive.",
        ),
        (
            ["insufficient"],
            "Too few process runs to say whether transformers 5.23.0 is faster than 4.57.6.",
        ),
        ([], "No cell was measured under both transformers 5.23.0 and 4.57.6."),
    ],
)
def test_headline(verdicts: list[str], sentence: str) -> None:
    found = words.headline(comparison(*verdicts), MARGIN)
    assert found.replace("\N{NO-BREAK SPACE}", " ") == sentence


def test_headline_of_a_failed_check() -> None:
    row = comparison("slower", "equivalent", same_versions=True)
    found = words.headline(row, MARGIN)
    assert found == "A/A check failed: transformers 4.57.6 differs from itself in 1 of 2 cells."


def test_headline_of_a_check_leaves_out_cells_that_show_nothing() -> None:
    row = comparison("equivalent", "insufficient", "insufficient", same_versions=True)
    found = words.headline(row, MARGIN)
    assert found.endswith("shows no difference from itself in the one cell measured.")
    row = comparison("insufficient", same_versions=True)
    assert "too few process runs" in words.headline(row, MARGIN)


def test_numbers() -> None:
    assert words.change(1.063) == "+6.3\N{NO-BREAK SPACE}%"
    assert words.change(0.95) == "\N{MINUS SIGN}5.0\N{NO-BREAK SPACE}%"
    assert words.change(0.9999) == "0.0\N{NO-BREAK SPACE}%"
    assert words.change(3.2) == "+220\N{NO-BREAK SPACE}%"
    assert words.change(None) == words.NOTHING
    assert words.interval(0.97, None) == "no interval"
    assert [words.milliseconds(t) for t in (9.87149, 128.44, 1234.6)] == ["9.871", "128.4", "1,235"]
    assert [words.q_value(q) for q in (1e-9, 0.0345, None)] == ["<0.001", "0.035", words.NOTHING]
    assert words.duration("2026-11-23T23:30:00Z", "2026-11-24T01:06:10Z") == "1 h 36 min"


def test_forest_has_faster_left_and_slower_right() -> None:
    cells = full_tables().comparisons[1]["cells"]
    axis = charts.forest_axis(cells, MARGIN)
    places = [float(axis.place(ratio)[:-1]) for ratio in (1 / 1.06, 1 / 1.03, 1.0, 1.03, 1.06)]
    assert places == sorted(places)
    assert places[2] == 50
    assert float(axis.band[:-1]) == places[1]
    assert float(axis.band[:-1]) + float(axis.band_width[:-1]) == pytest.approx(places[3])
    assert {"0\N{NO-BREAK SPACE}%", "+5\N{NO-BREAK SPACE}%"} <= {t.label for t in axis.ticks}


@pytest.mark.parametrize("ratio", [1.01, 1.05, 1.13, 1.3, 1.7, 3.0, 40.0])
def test_labels_of_a_forest_keep_their_distance(ratio: float) -> None:
    cell: Any = full_tables().comparisons[1]["cells"][0]
    cell["ratio"] = ratio
    axis = charts.forest_axis([cell], MARGIN)
    places = [float(tick.at[:-1]) for tick in axis.ticks]
    assert min(b - a for a, b in pairwise(places)) > 13  # of 100: 37 pixels on a phone


def test_one_huge_interval_neither_squashes_the_others_nor_hides_its_length() -> None:
    cell: Any = full_tables().comparisons[1]["cells"][0]
    huge: Any = {**cell, "low": 0.001, "high": 1000.0}
    axis = charts.forest_axis([cell, huge], MARGIN)
    mark = charts.forest_mark(huge, axis)
    assert axis.limit < 1
    assert mark is not None
    assert mark.low_open
    assert mark.high_open
    cell["ratio"] = None
    assert charts.forest_mark(cell, axis) is None


def test_history_shows_every_process_run_from_left_to_right_and_slower_higher() -> None:
    rows: Any = full_tables().cells[:2]
    columns = [Column(rows[0], "4.57.6"), Column(rows[1], "5.23.0", "slower", 1.0678)]
    chart = history_chart(columns, "bert-base")
    places = [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", chart)]
    old, new = places[:10], places[10:]
    assert len(new) == 10
    assert places == sorted(places)
    assert max(y for _, y in new) < min(y for _, y in old)
    assert "+6.8\N{NO-BREAK SPACE}%" in chart
    assert "failed" not in chart


def test_history_has_a_line_before_the_version_since_which_it_is_so() -> None:
    rows: Any = full_tables().cells[:2]
    columns = [Column(rows[0], "4.57.6"), Column(rows[1], "5.23.0", since="<b>7 % slower</b>")]
    chart = history_chart(columns, "bert-base")
    (at, said) = re.findall(
        r'<line class="unity"[^>]* x1="([\d.]+)%".*?<title>(.*?)</title>', chart
    )[0]
    names = [float(x) for x in re.findall(r'<text class="environment[^"]*" x="([\d.]+)%"', chart)]
    assert float(at) == pytest.approx(sum(names) / 2)  # halfway between both environments
    assert said == "&lt;b&gt;7 % slower&lt;/b&gt;"
    assert "unity" not in history_chart(columns[:1], "bert-base")


def test_history_keeps_failed_process_runs_and_escapes_names() -> None:
    tables: Any = full_tables()
    chart = history_chart([Column(tables.cells[-1], "<b>5.23.0</b>")], "<i>gpt2</i>")
    assert chart.count("h0") == 5
    assert ">failed<" in chart
    assert "<b>" not in chart
    assert "<i>" not in chart


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.45, 1.55, SUPPORTED),
        (1.2, 1.39, CONTRADICTED),
        (1.3, 1.5, CANNOT_TELL),
        (None, None, CANNOT_TELL),
    ],
)
def test_claim_needs_the_whole_interval(low: float | None, high: float | None, said: str) -> None:
    assert outcome(CLAIMS[0], {"value": 1.5, "low": low, "high": high}) == said
