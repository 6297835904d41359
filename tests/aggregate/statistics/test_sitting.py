"""The sitting term: when it is zero, estimated or assumed."""

import numpy as np
import pytest

from hfbench_aggregate.statistics import SittingSd, SittingSource, sitting_sd


def _simulate(cells: int, sd: float, sittings: np.ndarray, seed: int) -> np.ndarray:
    """Draw process runs (sd 1 %) with a shift of each cell in each sitting."""
    rng = np.random.default_rng(seed)
    shift = rng.normal(0, sd, (cells, int(sittings.max()) + 1))
    return shift[:, sittings] + rng.normal(0, 0.01, (cells, sittings.size))


def _compare(cells: int, sd: float, first: list[int], second: list[int]) -> SittingSd:
    a, b = np.array(first), np.array(second)
    return sitting_sd(
        _simulate(cells, sd, a, 1),
        _simulate(cells, sd, b, 2),
        np.tile(a, (cells, 1)),
        np.tile(b, (cells, 1)),
    )


@pytest.mark.parametrize("sittings", [[0] * 5, [0, 0, 0, 1, 1]])
def test_interleaved_versions_need_no_term(sittings: list[int]) -> None:
    found = _compare(30, 0.02, sittings, sittings)
    assert found.source is SittingSource.INTERLEAVED
    assert not found.sd.any()
    assert found.sittings_baseline.tolist() == [len(set(sittings))] * 30


def test_replicate_sittings_give_an_estimate() -> None:
    found = _compare(4000, 0.02, [0, 0, 0, 1, 1], [2, 2, 2, 2, 2])
    assert found.source is SittingSource.ESTIMATED
    assert found.sd[0] == pytest.approx(0.02, rel=0.05)
    assert (found.sittings_baseline[0], found.sittings_candidate[0]) == (2, 1)


def test_the_estimate_takes_out_what_process_runs_explain() -> None:
    first = [number for number in range(6) for _ in range(2)]
    found = _compare(4000, 0.0, first, [6 + number for number in first])
    assert found.source is SittingSource.ESTIMATED
    assert found.sd[0] < 0.002


def test_few_sittings_that_agree_do_not_lower_what_is_assumed() -> None:
    found = _compare(4000, 0.0, [0, 0, 0, 1, 1], [2, 2, 3, 3, 3])
    assert found.source is SittingSource.DEFAULT
    assert found.sd[0] == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize("cells", [9, 40])
def test_without_replicates_the_larger_of_default_and_process_sd(cells: int) -> None:
    first = [0, 0, 0, 1, 1] if cells < 10 else [0] * 5  # too few cells to estimate from
    second = [0, 0, 0, 0, 0] if cells < 10 else [1] * 5
    found = _compare(cells, 0.0, first, second)
    assert found.source is SittingSource.DEFAULT
    assert found.sd[0] == pytest.approx(0.01, rel=0.3)
    quiet = sitting_sd([[1.0, 1.001]], [[1.0, 1.001]], [[0, 0]], [[1, 1]])
    assert quiet.sd.tolist() == [0.005]


def test_one_run_per_sitting_cannot_tell_sitting_from_run() -> None:
    assert _compare(40, 0.0, [0, 1, 2], [3, 4, 5]).source is SittingSource.DEFAULT


def test_only_the_cells_that_are_not_interleaved_get_the_term() -> None:
    x = np.array([[1.0, 1.02], [1.0, 1.02], [1.0, 1.02]])
    x[2] = np.nan
    found = sitting_sd(x, x[:, ::-1], [[0, 0], [0, 0], [-1, -1]], [[0, 0], [1, 1], [-1, -1]])
    assert found.interleaved.tolist() == [True, False, False]
    assert found.sd[0] == 0
    assert found.sd[1] > 0
    assert found.sittings_baseline.tolist() == [1, 1, 0]


def test_no_cells_and_no_runs() -> None:
    none, padding = np.empty((0, 3)), np.empty((0, 3), dtype=int)
    assert sitting_sd(none, none, padding, padding).sd.shape == (0,)
    nan, minus = np.full((2, 3), np.nan), np.full((2, 3), -1)
    assert sitting_sd(nan, nan, minus, minus).source is SittingSource.DEFAULT


def test_bad_sittings_are_refused() -> None:
    with pytest.raises(ValueError, match="has no sitting"):
        sitting_sd([[1.0]], [[1.0]], [[-1]], [[0]])
    with pytest.raises(ValueError, match="shape"):
        sitting_sd([[1.0]], [[1.0]], [[0, 0]], [[0]])
    with pytest.raises(ValueError, match="cells"):
        sitting_sd([[1.0]], [[1.0], [2.0]], [[0]], [[0], [0]])
