"""Holds the verdicts of a simulated store against its truth.

    python -m benchmarks.simulated_store build/simulated/store
    python -m benchmarks.simulated_calls build/simulated/store

Prints, for each kind of comparison: how many verdicts there are, how many call a change, and which
share of these is false (no change is true, or the other way); the mean of that share over
comparisons, 0 where none is called, which is the false discovery rate that verdicts hold; in how
many comparisons false calls lie, and how many of them the comparison warns of ("it may be the
sitting"); how often the 95 % interval holds the truth; and which share of the changes of each size
is called. A cell that was not interleaved is counted by where its sitting term comes from, whatever
else its comparison holds. Cells of one sitting are moved by it together: false calls come in
clusters, and shares of one store vary much more than their counts suggest. Last come the
comparisons with most of them, with the sd between sittings that they were judged by: the true one
is HOST_SD of `simulated_store`.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import click

from hfbench_aggregate.comparison import NOT_INTERLEAVED
from hfbench_aggregate.published import Published, newest_release
from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.stores.local import LocalStore

CALLED: Final = ("slower", "faster")
SIZES: Final = (0.01, 0.055, 0.075, 0.10, math.inf)
"""Upper limits of |true log ratio|; the first class holds what is too small to be called."""
WORST: Final = 10
"""So many comparisons are named for their false calls."""
MAY_BE_SITTING: Final = "it may be the sitting"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """One verdict, its comparison, and the log ratio that is true.

    `kind` says how the two were measured, `warned` that the comparison takes a shift of most cells
    for one that may be the sitting's.
    """

    kind: str
    comparison: str
    warned: bool
    row: Row
    truth: float

    @property
    def called(self) -> bool:
        """Whether a change is claimed."""
        return self.row["verdict"] in CALLED

    @property
    def false(self) -> bool:
        """Whether a change is claimed that is none, or the other way round."""
        return self.called and self.truth * (1 if self.row["verdict"] == "slower" else -1) <= 0

    @property
    def covered(self) -> bool:
        """Whether the interval holds the truth."""
        low, high = (math.log(self.row[end]) for end in ("low", "high"))
        return low <= self.truth <= high


@dataclass(frozen=True)
class Truth:
    """The planted ratios to the oldest version, by machine title, cell and version."""

    ratios: Mapping[str, Mapping[str, Mapping[str, float]]]

    def between(self, title: str, cell: str, baseline: str, candidate: str) -> float:
        """Return the log ratio of two environments, by their titles."""
        by_version = self.ratios.get(title, {}).get(cell, {})
        old, new = (by_version.get(_version(side), 1.0) for side in (baseline, candidate))
        return math.log(new / old)


def _version(title: str) -> str:
    """Return the version of transformers in the title of an environment."""
    return title.split(",")[0].split()[1]


@dataclass(frozen=True)
class Simulated:
    """The newest release of a simulated store, beside the truth."""

    release: Published
    truth: Truth

    @classmethod
    def of(cls, store: Path) -> "Simulated":
        """Read a store, and the truth that was written beside it.

        Raises:
            UsageError: one of them is not there.
        """
        truth = store.parent / "truth.json"
        release = newest_release(newest(LocalStore(store)))
        if release is None or not truth.is_file():
            raise click.UsageError(f"{store} has no release, or no truth.json beside it")
        return cls(release, Truth(json.loads(truth.read_bytes())["ratios"]))

    @cached_property
    def titles(self) -> dict[str, str]:
        """The titles of machines by their keys."""
        return {row["machine_key"]: row["title"] for row in self.release.table("machines.json")}

    def verdicts(self) -> Iterator[Verdict]:
        """Yield every verdict that has an interval."""
        yield from self._compared()
        yield from self._pooled()

    def _compared(self) -> Iterator[Verdict]:
        for one in self.release.table("comparisons.json"):
            title = self.titles[one["machine_key"]]
            name = f"{title}, {_versions(one)}, {_sittings(one)}"
            warned = any(MAY_BE_SITTING in warning for warning in one["warnings"])
            for row in one["cells"]:
                if row["low"] is not None:
                    truth = self.truth.between(
                        title, row["cell"], one["baseline"], one["candidate"]
                    )
                    yield Verdict(_kind(one, row), name, warned, row, truth)

    def _pooled(self) -> Iterator[Verdict]:
        """Yield what contributors found together, where one truth holds for all their machines."""
        for one in self.release.table("pooled.json"):
            name = f"{one['device_class']}, {_versions(one)}"
            titles = {self.titles[study["machine_key"]] for study in one["studies"]}
            for row in one["cells"]:
                truths = {
                    self.truth.between(title, row["cell"], one["baseline"], one["candidate"])
                    for title in titles
                }
                if row["low"] is not None and len(truths) == 1:
                    yield Verdict("pooled", name, False, row, truths.pop())


def _versions(comparison: Row) -> str:
    return " / ".join(_version(comparison[side]) for side in ("baseline", "candidate"))


def _sittings(comparison: Row) -> str:
    """Say how many sittings there are of each version, and what their sd is taken for."""
    counts = " and ".join(map(str, comparison["sittings"]))
    return f"{counts} sittings, sd {100 * comparison['sitting_sd']:.2f} %"


def _kind(comparison: Row, row: Row) -> str:
    if comparison["same_versions"]:
        return "A/A"
    apart = comparison["design"] != "interleaved" and (
        NOT_INTERLEAVED in row["flags"] or not comparison["interleaved"][0]
    )
    return str(comparison["design"]) if apart else "interleaved"


def tables(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield the lines of two tables: false calls and coverage, and what is found by size."""
    ordered = sorted(verdicts, key=lambda one: (one.kind, one.comparison))
    kinds = {kind: list(found) for kind, found in groupby(ordered, key=lambda one: one.kind)}
    titles = ("verdicts", "calls", "false", "of calls", "mean", "comparisons", "warned", "coverage")
    yield _line("", titles)
    for kind, found in kinds.items():
        yield _line(kind, _false_calls(found))
    yield ""
    limits = [f"< {100 * limit:.3g} %" if limit < 1 else "more" for limit in SIZES]
    yield _line("called", ["no change", *limits])
    for kind, found in kinds.items():
        yield _line(kind, [_power(found, place) for place in range(-1, len(SIZES))])
    yield ""
    yield "most false calls"
    yield from _worst(ordered)


def _worst(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield the comparisons with most false calls, of verdicts sorted by kind and comparison."""
    found = groupby(verdicts, key=lambda one: (one.kind, one.comparison))
    tally = [
        (sum(one.false for one in own), sum(one.called for one in own), kind, name)
        for (kind, name), verdicts_of in found
        for own in [list(verdicts_of)]
    ]
    for false, calls, kind, name in sorted(tally, reverse=True)[:WORST]:
        if false:
            yield f"{kind:12}{false:5} of {calls:5} calls: {name}"


def _line(kind: str, values: Iterable[object]) -> str:
    return f"{kind:12}" + "".join(f"{value!s:>17}" for value in values)


def _false_calls(found: Sequence[Verdict]) -> Iterator[object]:
    """Yield the figures of one kind, of verdicts sorted by comparison."""
    calls, false = [one for one in found if one.called], [one for one in found if one.false]
    by_comparison = [list(own) for _, own in groupby(found, key=lambda one: one.comparison)]
    shares = [
        sum(one.false for one in own) / max(sum(one.called for one in own), 1)
        for own in by_comparison
    ]
    yield len(found)
    yield len(calls)
    yield len(false)
    yield _percent(len(false), len(calls))
    yield f"{100 * fmean(shares):.1f} %"
    yield f"{len({one.comparison for one in false})} of {len(by_comparison)}"
    yield sum(one.warned for one in false)
    yield _percent(sum(one.covered for one in found), len(found))


def _power(found: Iterable[Verdict], place: int) -> str:
    """Say how many changes of a class are called, of how many; -1 is no change at all."""
    own = [one for one in found if _class(abs(one.truth)) == place]
    return f"{_percent(sum(one.called for one in own), len(own))} of {len(own)}"


def _class(size: float) -> int:
    if size == 0:
        return -1
    return next(place for place, limit in enumerate(SIZES) if size < math.log1p(limit))


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} %" if total else "-"


@click.command(help=__doc__)
@click.argument("store", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(store: Path) -> None:
    """Print the tables of a store."""
    for line in tables(Simulated.of(store).verdicts()):
        click.echo(line)


if __name__ == "__main__":
    main()
