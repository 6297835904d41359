"""How fast the statistics are: every procedure, its growth, and comparisons against scipy.

Each procedure gets 100,000 cells. Seconds are CPU seconds and the best of three: all of it is one
thread, and other load does not count then. Memory is the most that a process of its own held beyond
what it started with. Growth is the seconds at the largest number of cells over those at 10,000,
divided by what linear growth would give.

Against scipy, in turn in one run: (a) complete rows, Welch's p by `ttest_ind(axis=1)` and
Benjamini-Hochberg, part of what `compare_versions` gives; (b) all of that which scipy has: p,
interval, two one-sided tests, Benjamini-Hochberg; (c) as (a), of rows in which one process run in
twenty is missing, as `nan_policy="omit"` handles them, on fewer pairs.

    python -m benchmarks.statistics
    python -m benchmarks.statistics --cells 10000 --pairs 100000      # a quick look
"""

import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import process_time
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from scipy import stats

from hfbench_aggregate import statistics as st
from hfbench_schema.power import Design

ROUNDS = 3
RAGGED_PAIRS = 5_000
GROWTH = (1_000, 10_000, 100_000, 1_000_000)
MARGIN = float(np.log(1.03))

Array = npt.NDArray[np.float64]
Way = Callable[[], object]


def draw(cells: int, width: int = 5, missing: float = 0.0) -> Array:
    """Draw process runs of cells that all take the same time, and scatter by 2 %."""
    rng = np.random.default_rng([cells, width])
    x = rng.normal(-4, 0.02, (cells, width))
    x[rng.random(x.shape) < missing] = np.nan
    return x


def changed(x: Array) -> Array:
    """Return the same process runs in other cells, and every tenth cell 10 % slower."""
    return np.roll(x, 1, axis=0) + np.where(np.arange(len(x)) % 10 == 0, 0.1, 0.0)[:, None]


def compare(x: Array) -> object:
    """Compare two versions."""
    return versions(x, changed(x))


def versions(a: Array, b: Array) -> object:
    """Compare two versions that were interleaved."""
    return st.compare_versions(a, b, sitting_sd=0, sittings_baseline=1, sittings_candidate=1)


def pool(x: Array) -> object:
    """Pool contributors whose effects have the same error."""
    return st.pool_contributors(x - x.mean(axis=1, keepdims=True), np.full(x.shape, 1e-4))


def level(x: Array) -> object:
    """Level two interleaved sittings."""
    sittings = np.tile(np.arange(x.shape[1]) // 3, (len(x), 1))
    return st.level_sittings(x, x, sittings, sittings)


# How many columns a procedure gets, and the procedure.
DESIGNS = [Design(process_runs) for process_runs in (3, 5, 10)]
PROCEDURES: dict[str, tuple[int, Callable[[Array], object]]] = {
    "centre": (5, st.centre),
    "compare_versions": (5, compare),
    "level_sittings": (6, level),
    "pool_contributors": (10, pool),
    "contributor_flags": (10, st.contributor_flags),
    "stuck_runs": (5, st.stuck_runs),
    "compare_quality": (4, lambda x: st.compare_quality(x, x, 1043)),
    "change_points": (12, st.change_points),
    "rank_entries": (5, lambda x: st.rank_entries(x.reshape(-1, 10, 5))),
    "split_half_p": (8, st.split_half_p),
    "least_effects": (1, lambda x: st.least_effects(DESIGNS, np.abs(x[:, 0] + 4), 0.005, 10.0)),
}


def best_seconds(ways: dict[str, Way], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the least CPU seconds of each way, all of them taken in turn."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            start = process_time()
            way()
            best[name] = min(best[name], process_time() - start)
    return best


def measure(name: str, cells: int, rounds: int) -> tuple[float, float]:
    """Return the best seconds of a procedure, and the MiB it held at most; in a fresh process."""
    width, procedure = PROCEDURES[name]
    procedure(draw(100, width))  # imports, tables
    x = draw(cells, width)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = best_seconds({name: lambda: procedure(x)}, rounds)[name]
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def apart(name: str, cells: int, rounds: int = ROUNDS) -> tuple[float, float]:
    """Return what `measure` does, from a process that ends afterwards."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(measure, name, cells, rounds).result()


def by_scipy(a: Array, b: Array, whole: bool, nan_policy: str) -> None:
    """Compute what scipy has of the same comparison: p and q, or the `whole` of it."""
    options: dict[str, Any] = {"axis": 1, "equal_var": False, "nan_policy": nan_policy}
    found = stats.ttest_ind(b, a, **options)
    stats.false_discovery_control(found.pvalue[np.isfinite(found.pvalue)])
    if whole:
        found.confidence_interval()
        stats.ttest_ind(b + MARGIN, a, alternative="greater", **options)
        stats.ttest_ind(b - MARGIN, a, alternative="less", **options)


def against_scipy(title: str, x: Array, whole: bool = False, nan_policy: str = "propagate") -> None:
    """Print the ratio for one kind of work."""
    other = changed(x)
    seconds = best_seconds(
        {
            "ours": lambda: versions(x, other),
            "scipy": lambda: by_scipy(x, other, whole, nan_policy),
        }
    )
    click.echo(
        f"{title:28} {len(x):>9,} pairs: compare_versions {seconds['ours']:6.2f} s, scipy "
        f"{seconds['scipy']:6.2f} s: {seconds['scipy'] / seconds['ours']:6.2f} times as fast"
    )


@click.command()
@click.option("--cells", default=100_000, help="Cells that every procedure gets.")
@click.option("--pairs", default=1_000_000, help="Pairs to compare against scipy.")
def main(cells: int, pairs: int) -> None:
    """Print seconds and memory, growth, and the ratios to scipy."""
    for name in PROCEDURES:
        seconds, memory = apart(name, cells)
        click.echo(f"{name:20} {cells:,} cells: {seconds:6.2f} s, {memory:5.0f} MiB")
    for name in ("centre", "compare_versions", "pool_contributors", "change_points"):
        sizes = [size for size in GROWTH if size <= pairs]
        found = [apart(name, size, rounds=1)[0] for size in sizes]
        listed = ", ".join(f"{size:,}: {s:.3f} s" for size, s in zip(sizes, found, strict=True))
        growth = found[-1] / found[1] / (sizes[-1] / sizes[1])
        click.echo(f"{name:20} {listed}; growth {growth:.2f}")
    against_scipy("p and q, complete rows", draw(pairs))
    against_scipy("p, q, interval, equivalence", draw(pairs), whole=True)
    ragged = draw(min(RAGGED_PAIRS, pairs), missing=0.05)
    against_scipy("p and q, ragged rows", ragged, nan_policy="omit")


if __name__ == "__main__":
    main()
