"""Masked moments and winsorising against their definitions, row by row."""

import numpy as np
import pytest

from hfbench_aggregate.statistics import moments, winsorise

RAGGED = np.array(
    [
        [0.1, np.nan, 0.4, 0.2],
        [np.nan, 5.0, np.nan, np.nan],
        [np.nan, np.nan, np.nan, np.nan],
        [1.0, 2.0, 4.0, 8.0],
    ]
)


def test_moments_of_ragged_rows() -> None:
    found = moments(RAGGED)
    assert found.count.tolist() == [3, 1, 0, 4]
    rows = [row[~np.isnan(row)] for row in RAGGED]
    np.testing.assert_allclose(found.mean[[0, 1, 3]], [rows[i].mean() for i in (0, 1, 3)])
    np.testing.assert_allclose(found.variance[[0, 3]], [rows[i].var(ddof=1) for i in (0, 3)])
    assert np.isnan(found.mean[2])
    assert np.isnan(found.variance[[1, 2]]).all()


def test_rounding_is_not_spread() -> None:
    equal = np.full((1, 7), np.log(0.1)) + np.array([0, 1, 2, 3, 0, 1, 2]) * 1e-16
    assert moments(equal).variance[0] == 0
    assert moments(equal + np.arange(7) * 1e-5).variance[0] > 0


def test_an_outlier_is_pulled_to_four_mads_of_the_family() -> None:
    quiet = np.array([0.0, 0.01, 0.02, 0.03, 0.50])
    even = np.arange(5) * 0.01
    x = np.vstack([quiet, even, even])
    found = winsorise(x)
    mad = 1.482602218505602 * np.sqrt(5 / 4) * 0.01
    assert found.x[0, 4] == pytest.approx(0.02 + 4 * mad)
    assert found.clips.tolist() == [1, 0, 0]
    np.testing.assert_array_equal(found.x[:, :4], x[:, :4])


def test_a_row_quieter_than_its_family_keeps_its_runs() -> None:
    loud = np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    x = np.vstack([loud, loud, [0.0, 0.0, 0.0, 0.0, 0.3]])
    assert winsorise(x).clips.tolist() == [0, 0, 0]


def test_short_rows_and_rows_without_scale_are_left_alone() -> None:
    x = np.array([[0.0, 0.0, 9.0, np.nan, np.nan], [1.0, 1.0, 1.0, 1.0, 1.5]])
    found = winsorise(x)
    np.testing.assert_array_equal(found.x, x)
    assert not found.clips.any()


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (3, 0)])
def test_nothing_in_nothing_out(shape: tuple[int, int]) -> None:
    assert winsorise(np.empty(shape)).x.shape == shape
    assert moments(np.empty(shape)).count.tolist() == [0] * shape[0]


def test_what_is_not_process_runs_is_refused() -> None:
    with pytest.raises(ValueError, match="dimensions"):
        moments([1.0, 2.0])
    with pytest.raises(ValueError, match="infinity"):
        winsorise([[1.0, -np.inf]])
