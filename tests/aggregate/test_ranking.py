"""Ranks: of what the same sittings measured on one machine, and nothing else."""

from random import Random

import numpy as np
import pytest
from tests.aggregate.conftest import NEW, OLD, Document, Maker

from hfbench_aggregate.crossing import crossed
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.ranking import mode_boards, version_boards
from hfbench_aggregate.reduction import families
from hfbench_aggregate.release_tables import RankBoard
from hfbench_aggregate.statistics.ranks import rank_entries
from hfbench_aggregate.trust import CORROBORATED, SELF_REPORTED
from hfbench_schema.canonical import document_sha256

MIDDLE = "5.0.0"


def accepted(document: Document, submitter: str = "ada") -> Accepted:
    name = document_sha256(document)
    return Accepted(name, "2026-11-24T00:00:00Z", submitter, document)  # type: ignore[arg-type]


def boards_of(*submissions: Accepted, trust: str = SELF_REPORTED) -> list[RankBoard]:
    (family,) = families(submissions)
    return version_boards(family, {one.sha256: trust for one in submissions})


def of_many_cells(document: Document) -> Document:
    """Spread the process runs of the first model over eight cells, each with its own scatter."""
    runs, random = [], Random(7)
    for run in document["process_runs"]:
        if "bert-base" in run["cell"]:
            for length in range(1, 9):
                cell = run["cell"].replace("s64", f"s{8 * length}")
                factor = length * random.lognormvariate(0, 0.004)
                times = [int(factor * time) for time in run["iterations_ns"]]
                runs.append({**run, "cell": cell, "iterations_ns": times})
    return {**document, "process_runs": runs}


def test_versions_are_ranked_in_intervals_and_over_the_suite(maker: Maker) -> None:
    document = of_many_cells(
        maker.document([OLD, MIDDLE, NEW], effects={("bert-base", NEW): 1.1}, process_runs=10)
    )
    (board,) = boards_of(accepted(document))
    assert board["alike"] == "torch 2.13.0+cpu, Python 3.11"
    assert (board["device"], board["common_cells"], board["unranked"]) == ("cpu", 8, None)
    assert board["entries"][-1]["name"] == f"transformers {NEW}"
    places = {entry["name"]: (entry["low"], entry["high"]) for entry in board["entries"]}
    assert places[f"transformers {NEW}"] == (3, 3)
    assert [entry["tied_for_first"] for entry in board["entries"]] == [True, True, False]
    for cell in board["cells"]:
        assert (cell["low"][-1], cell["high"][-1]) == (3, 3)
        assert cell["process_runs"] == [10, 10, 10]
        assert cell["ms"][-1] == max(filter(None, cell["ms"]))


def test_below_six_common_cells_there_is_no_rank_of_the_whole(maker: Maker) -> None:
    (board,) = boards_of(accepted(maker.document()))
    assert board["unranked"] == "needs >= 6 cells that all entries measured, has 3"
    assert [(e["low"], e["high"], e["tied_for_first"]) for e in board["entries"]] == [
        (None, None, False)
    ] * 2
    assert len(board["cells"]) == 3


def test_a_slow_sitting_is_not_taken_for_a_slow_version(maker: Maker) -> None:
    """The second sitting takes half as long again; what only it measured would look slow."""
    first, second = maker.document([OLD, MIDDLE]), maker.document([OLD, MIDDLE, NEW])
    for run in second["process_runs"]:
        run["iterations_ns"] = [time * 3 // 2 for time in run["iterations_ns"]]
    (board,) = boards_of(accepted(first), accepted(second))
    assert len(board["submissions"]) == 1
    pair = boards_of(accepted(first), accepted({**second, "process_runs": _but(second, 2)}))
    assert [cell["process_runs"] for cell in pair[0]["cells"]] == [[10, 10]] * 3
    assert all(cell["high"] == [2, 2] for cell in pair[0]["cells"])
    apart = boards_of(accepted(maker.document([OLD, MIDDLE])), accepted(maker.document([OLD, NEW])))
    names = [{entry["name"].split()[1] for entry in board["entries"]} for board in apart]
    assert names == [{OLD, MIDDLE}, {OLD, NEW}]
    assert boards_of(accepted(maker.document([OLD])), accepted(maker.document([NEW]))) == []


def _but(document: Document, environment: int) -> list[Document]:
    return [run for run in document["process_runs"] if run["environment"] != environment]


def test_an_entry_says_who_stands_behind_it(maker: Maker) -> None:
    submissions = [
        accepted(maker.document([OLD, NEW, NEW]), who) for who in ("ada", "grace", "ada")
    ]
    (family,) = families(submissions)
    trust = {one.sha256: CORROBORATED for one in submissions}
    (board,) = version_boards(family, trust)
    assert [(e["contributors"], e["trust"]) for e in board["entries"]] == [(2, CORROBORATED)] * 2
    assert [entry["process_runs"] for entry in board["entries"]] == [45, 45]  # no replica's
    (board,) = version_boards(family, {**trust, submissions[1].sha256: SELF_REPORTED})
    assert {entry["trust"] for entry in board["entries"]} == {SELF_REPORTED}


def test_modes_of_a_model_are_ranked_on_their_own(maker: Maker) -> None:
    document = of_many_cells(maker.document([NEW], process_runs=8))
    compiled, random = [], Random(8)
    for run in document["process_runs"]:
        factor = random.lognormvariate(-0.2, 0.004)
        times = [int(factor * time) for time in run["iterations_ns"]]
        cell = run["cell"].replace("eager", "compile")
        compiled.append({**run, "cell": cell, "iterations_ns": times})
    document["process_runs"] += compiled
    (family,) = families([accepted(document)])
    (board,) = mode_boards(family, {family.submissions[0].sha256: SELF_REPORTED})
    assert (board["model"], board["precision"]) == ("bert-base", "fp32")
    assert board["alike"] == f"transformers {NEW}, Python 3.11"
    assert [(entry["name"], entry["low"], entry["high"]) for entry in board["entries"]] == [
        ("torch 2.13.0+cpu, compile", 1, 1),
        ("torch 2.13.0+cpu, eager", 2, 2),
    ]
    assert boards_of(accepted(document)) == []


@pytest.mark.parametrize("sittings", [1, 2, 4])
def test_equal_entries_are_told_apart_no_more_often_than_promised(sittings: int) -> None:
    """Shifts of sittings of 20 % are taken out, and what that costs is paid."""
    rng = np.random.default_rng(20_191_125)
    cells, entries, runs = 2000, 3, 4
    x = rng.normal(0, 0.01, (cells, entries, sittings * runs))
    place = np.broadcast_to(np.repeat(np.arange(sittings), runs), x.shape)
    x = x + np.take_along_axis(rng.normal(0, 0.2, (cells, 1, sittings)), place[:, :1], axis=2)
    ranks = rank_entries(crossed(x, place).x)
    wrong = ((ranks.low != 1) | (ranks.high != entries)).any(axis=1)
    assert 0.02 < wrong.mean() < 0.06


def test_a_cell_uses_the_sittings_that_all_its_entries_share() -> None:
    x = np.zeros((2, 2, 4))
    place = np.array(
        [
            [[0, 0, 1, 1], [0, 0, -1, -1]],  # the second entry failed in sitting 1
            [[0, 0, 1, 1], [1, 1, -1, -1]],
        ]
    )
    x = np.where(place == 1, 5.0, x)
    x[place < 0] = np.nan
    found = crossed(x, place)
    assert found.used[:, :, :].tolist() == [
        [[True, False], [True, False]],
        [[False, True], [False, True]],
    ]
    assert np.nanmean(found.x, axis=2).tolist() == [[0.0, 0.0], [5.0, 5.0]]
