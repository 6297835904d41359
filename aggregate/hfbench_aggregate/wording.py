"""Verdicts and figures as people read them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, TypedDict

from hfbench_aggregate.statistics.constants import (
    EQUIVALENCE_MARGIN,
    LEAST_CONTRIBUTORS,
    LEAST_PROCESS_RUNS,
)
from hfbench_aggregate.statistics.verdict import Verdict
from hfbench_aggregate.tables import Comparison

NOTHING: Final = "-"
"""Stands where there is no figure."""
TOO_SMOOTH: Final = "all process runs took the same time: too smooth to be tested"
"""Stands where nothing scatters, so that nobody knows the error."""


class Judgement(TypedDict):
    """What every row with a verdict has, on one machine or across contributors."""

    verdict: str
    ratio: float | None
    low: float | None
    high: float | None
    detectable: float | None


class Sides(TypedDict):
    """What every comparison has: the titles of two environments."""

    baseline: str
    candidate: str
    same_versions: bool


def percent(share: float) -> str:
    """Write a share: .032 is `3.2 %`, .02 is `2 %`, 1.234 is `123 %`."""
    size = abs(100 * share)
    return f"{size:.{0 if size >= 100 else 1}f}".removesuffix(".0") + " %"


def direction(ratio: float) -> str:
    """Write a ratio of times as a change: 1.032 is `3.2 % slower`, .9 is `10 % faster`."""
    return f"{percent(ratio - 1)} {'slower' if ratio >= 1 else 'faster'}"


def span(low: float, high: float) -> str:
    """Write an interval of a ratio: `2 % faster and 4 % slower`, `1.1 % and 5.4 % slower`."""
    if low < 1 <= high:
        return f"{direction(low)} and {direction(high)}"
    near, far = sorted((low, high), key=lambda ratio: abs(ratio - 1))
    return f"{percent(near - 1)} and {direction(far)}"


def runs_shortage(process_runs: Sequence[int]) -> str:
    """Say how many process runs each version has, [baseline, candidate], and how many it needs."""
    counts = "/".join(map(str, process_runs))
    return f"needs >= {LEAST_PROCESS_RUNS} process runs per version, has {counts}"


def contributors_shortage(contributors: int) -> str:
    """Say how many contributors measured both versions, and how many it takes."""
    return f"needs >= {LEAST_CONTRIBUTORS} contributors, has {contributors}"


def verdict_wording(row: Judgement, candidate: str, shortage: str) -> str:
    """Say the verdict of one cell in a sentence.

    `candidate` names what was compared, `shortage` says what an insufficient cell lacks.
    """
    ratio, low, high = row["ratio"], row["low"], row["high"]
    if row["verdict"] == Verdict.INSUFFICIENT:
        return shortage
    if ratio is None or low is None or high is None:
        return TOO_SMOOTH
    if row["verdict"] == Verdict.EQUIVALENT:
        ends = f"{direction(low)} to {direction(high)}"
        return f"within {percent(EQUIVALENCE_MARGIN)} of each other ({ends})"
    if row["verdict"] == Verdict.INCONCLUSIVE:
        return f"could be between {span(low, high)}{_seen(row['detectable'])}"
    near, far = sorted((low, high), key=lambda end: abs(end - 1))
    return f"{candidate} is {direction(ratio)} ({percent(near - 1)} to {percent(far - 1)})"


def difference(baseline: str, candidate: str) -> tuple[str, str]:
    """Return what two environment titles do not share: `transformers 4.57.6` and `... 5.23.0`."""
    a, b = baseline.split(", "), candidate.split(", ")
    only_a = [part for part in a if part not in b]
    only_b = [part for part in b if part not in a]
    if not only_a or not only_b:  # only a further replica says its number
        return ", ".join(only_a) or "replica 0", ", ".join(only_b) or "replica 0"
    return ", ".join(only_a), ", ".join(only_b)


def short_names(baseline: str, candidate: str) -> tuple[str, str]:
    """Return the difference as versions alone where one name differs: `4.57.6` and `5.23.0`."""
    a, b = difference(baseline, candidate)
    name_a, _, version_a = a.partition(" ")
    name_b, _, version_b = b.partition(" ")
    if name_a != name_b or name_a == "replica" or ", " in a + b:
        return a, b
    return version_a, version_b


def in_common(comparison: Sides) -> str:
    """Return what both environments share: `torch 2.13.0, Python 3.11`."""
    baseline, candidate = comparison["baseline"], comparison["candidate"]
    return ", ".join(part for part in baseline.split(", ") if part in candidate.split(", "))


def heading(comparison: Sides) -> str:
    """Name a comparison: `transformers 5.23.0 against 4.57.6`."""
    baseline, candidate = comparison["baseline"], comparison["candidate"]
    if comparison["same_versions"]:
        a, b = difference(baseline, candidate)
        return f"{baseline.split(', ')[0]}, {b} against {a}"
    return f"{difference(baseline, candidate)[1]} against {short_names(baseline, candidate)[0]}"


def summary(comparison: Comparison) -> str:
    """Say a comparison in a sentence: `transformers 5.23.0 against 4.57.6: 1 slower of 3 cells`."""
    verdicts = tally(row["verdict"] for row in comparison["cells"])
    return f"{heading(comparison)}: {verdicts}{_provisional(comparison)}"


def tally(verdicts: Iterable[str]) -> str:
    """Count verdicts, what changed first: `1 slower, 2 equivalent of 3 cells`."""
    found = Counter(verdicts)
    order = (Verdict.SLOWER, Verdict.FASTER, *list(Verdict)[2:])
    counts = ", ".join(f"{found[verdict]} {verdict}" for verdict in order if found[verdict])
    return f"{counts} of {counted(found.total(), 'cell')}"


def _provisional(comparison: Comparison) -> str:
    if not comparison["provisional"]:
        return ""
    interleaved, compared = comparison["interleaved"]
    where = f" in {compared - interleaved} of {compared}" if interleaved else ""
    return f" (provisional{where})"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: `1 cell`, `3 cells`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def figure(value: float | None, *, grouped: bool = True) -> str:
    """Write a figure to about four digits: `0.123`, `12.34`, `1,234`, or `1234` if not grouped."""
    if value is None:
        return NOTHING
    for limit, digits in ((9.9995, 3), (99.995, 2), (999.95, 1)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}" if grouped else f"{value:.0f}"


def change_figure(ratio: float | None, low: float | None, high: float | None) -> str:
    """Write a ratio as a change with its interval, for a table: `+3.2% [+1.1, +5.4]`."""
    if ratio is None:
        return NOTHING
    return f"{_signed(ratio)}% {interval_figure(low, high)}".rstrip()


def interval_figure(low: float | None, high: float | None) -> str:
    """Write an interval of ratios for a table: `[-1.1, +5.4]`; nothing where there is none."""
    return "" if low is None or high is None else f"[{_signed(low)}, {_signed(high)}]"


def size_figure(ratio: float) -> str:
    """Write how far a ratio is from 1, for a table: `3.2%`."""
    size = abs(100 * (ratio - 1))
    return f"{size:.{0 if size >= 99.95 else 1}f}%"


def _signed(ratio: float) -> str:
    """Write a ratio as a change with its sign, which what rounds to nothing has not."""
    size = size_figure(ratio).removesuffix("%")
    return size if size == "0.0" else ("+" if ratio >= 1 else "-") + size


def q_value(q: float | None) -> str:
    """Write a q value: `.012`, and never a zero that no data can show."""
    if q is None:
        return NOTHING
    return "<.001" if q < 0.001 else f"{q:.3f}".lstrip("0")


def _seen(detectable: float | None) -> str:
    if detectable is None:
        return ""
    return f"; a difference of {percent(detectable - 1)} would most likely have been seen"
