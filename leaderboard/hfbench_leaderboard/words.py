"""Numbers, moments and verdicts as people read them."""

import math
from collections import Counter
from datetime import timedelta

from hfbench_aggregate.comparing.tables import Pooled
from hfbench_aggregate.environments import environment_of
from hfbench_aggregate.tables import Comparison
from hfbench_aggregate.wording import difference, short_names
from hfbench_schema.cells import parse_cell
from hfbench_schema.submission import EnvironmentFacts
from hfbench_schema.timestamps import parse_moment

NOTHING = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_SPACE = "\N{NO-BREAK SPACE}"

_STATUSES = {
    "oom_device": "out of device memory",
    "oom_host": "out of memory",
    "skipped_dominated": "not tried, as too large",
    "contaminated": "set aside as disturbed",
    "timeout": "timed out",
}

STATUS_EXPLANATIONS = {
    "ok": "The calls became steady and were timed.",
    "no_steady_state": "The times never became steady. They count, and are flagged.",
    "contaminated": "Something else took the machine's processor, memory or GPU meanwhile: so say "
    "counts, never the times. It may be measured once more; what was set aside stays on record.",
    "wrong_output": "The output is not that of the same network in eager mode and fp32, to within "
    "what rounding explains. How fast a wrong result comes is of no interest.",
    "diverged": "The loss of a training stopped being a finite number. It is listed, and counts "
    "with the score after its last whole epoch.",
    "oom_host": "The network needs more memory than the machine has.",
    "oom_device": "The network needs more memory than the device has.",
    "skipped_dominated": "A cell of the same network that is no larger had run out of memory in "
    "this environment, so this one was not tried.",
    "unsupported": "The framework, its version or the machine cannot do it; the reason says which.",
    "timeout": "One phase took longer than the time it was given.",
    "error": "It failed otherwise; the reason is the end of what it said.",
}
"""Every status of a process run, explained, in the order of the method page."""

TRUST_EXPLANATIONS = {
    "self-reported": "Nobody else has measured the same yet, or too little agreed. What stands "
    "here is the word of its submitter.",
    "corroborated": "Another submitter, on a machine with the same machine key, took the same time "
    "in more than half of the cells that both measured.",
    "attested": "It came from an account of automation, whose provenance the maintainers know.",
    "reproduced": "A maintainer has measured it again, and took the same time in more than half of "
    "the cells that both measured.",
}
"""Every tier of trust, explained, from the least to the most."""

VERDICT_SYMBOLS = {
    "slower": "\N{BLACK UP-POINTING TRIANGLE}",
    "faster": "\N{BLACK DOWN-POINTING TRIANGLE}",
    "inconclusive": "?",
    "equivalent": "\N{ALMOST EQUAL TO}",
    "insufficient": "\N{WHITE CIRCLE}",
}
"""Each verdict with a sign, in the order of the tables: what needs a look comes first."""


def signed(change: float, digits: int = 1) -> str:
    """Write a change in percent with its sign and without the unit: `+6.3`."""
    text = f"{abs(change):,.{0 if abs(change) >= 100 else digits}f}"
    if not float(text.replace(",", "")):
        return text
    return f"{'+' if change > 0 else _MINUS}{text}"


def change(ratio: float | None) -> str:
    """Write a ratio as a change of time: 1.063 is `+6.3 %`."""
    return NOTHING if ratio is None else f"{signed(100 * (ratio - 1))}{_SPACE}%"


def interval(low: float | None, high: float | None) -> str:
    """Write the ends of an interval of a ratio: `+4.1 to +8.6 %`."""
    if low is None or high is None:
        return "no interval"
    return f"{signed(100 * (low - 1))} to {signed(100 * (high - 1))}{_SPACE}%"


def times(factor: float | None, low: float | None = None, high: float | None = None) -> str:
    """Write a speed-up with its interval, if there is one: `1.59 (1.58 to 1.61)`."""
    if factor is None:
        return NOTHING
    ends = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    return f"{factor:.2f}{ends}"


def detectable(ratio: float | None) -> str:
    """Write the smallest detectable difference: 1.021 is `2.1 %`, 1.02 is `2.0 %`."""
    return NOTHING if ratio is None else f"{100 * (ratio - 1):,.1f}{_SPACE}%"


def percent(share: float) -> str:
    """Write a share: .03 is `3 %`, .021 is `2.1 %`."""
    return f"{100 * share:,.1f}".removesuffix(".0") + f"{_SPACE}%"


def milliseconds(value: float | None) -> str:
    """Write milliseconds to four significant digits, without the unit."""
    if value is None:
        return NOTHING
    size = math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:,.{min(max(3 - size, 0), 6)}f}"


def figure(value: float | None) -> str:
    """Write a number of any unit to four significant digits; it may be below 0."""
    if value is None or value >= 0:
        return milliseconds(value)
    return _MINUS + milliseconds(-value)


def points(value: float | None) -> str:
    """Write a score or a difference of two, in points: to what four seeds could ever tell."""
    if value is None:
        return NOTHING
    return f"{value:.2f}".replace("-", _MINUS)


def seconds(value: float | None) -> str:
    """Write seconds: 0.001 is `0.0`, 37.54 is `37.5`."""
    return NOTHING if value is None else f"{value:,.1f}"


def mebibytes(value: float | None) -> str:
    """Write whole MiB: 2010.4 is `2,010`."""
    return NOTHING if value is None else f"{value:,.0f}"


def q_value(q: float | None) -> str:
    """Write a q value: three decimals, and never a zero that no data can show."""
    if q is None:
        return NOTHING
    return "<0.001" if q < 0.001 else f"{q:.3f}"


def places(low: int, high: int) -> str:
    """Write an interval of ranks: `1`, `2 to 4`."""
    return f"{low}" if low == high else f"{low} to {high}"


def moment(text: str) -> str:
    """Write `2026-11-23T13:05:09Z` as `2026-11-23 13:05 UTC`."""
    return f"{parse_moment(text):%Y-%m-%d %H:%M} UTC"


def duration(start: str, end: str) -> str:
    """Write the time between two moments: `1 h 36 min`, or `42 s` below a minute."""
    passed = parse_moment(end) - parse_moment(start)
    if passed < timedelta(minutes=1):
        return f"{passed.seconds} s"
    hours, minutes = divmod(round(passed.total_seconds() / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: `1 cell`, `3 cells`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def status_words(status: str) -> str:
    """Write the status of a process run: `oom_device` is `out of device memory`."""
    return _STATUSES.get(status, status.replace("_", " "))


def sentence(wording: str) -> str:
    """Write a wording of the aggregator's as a sentence of its own."""
    return f"{wording[:1].upper()}{wording[1:]}."


def environment_title(facts: EnvironmentFacts) -> str:
    """Return the title under which an environment is compared."""
    return environment_of(facts).title


def cell_name(cell_id: str) -> tuple[str, str]:
    """Return a cell's model, and the rest of what names it, both for people."""
    try:
        cell = parse_cell(cell_id)
    except ValueError:
        return cell_id, ""  # of a suite that this version does not know how to name
    rest = [
        f"{cell.framework} {cell.mode}",
        cell.device,
        cell.precision,
        f"batch {cell.batch_size}",
        f"length {cell.sequence_length}",
    ]
    if cell.task:
        rest += [counted(cell.world_size, "device"), f"training on {cell.task}"]
    return cell.model, ", ".join(rest)


def headline(comparison: Comparison | Pooled, margin: float, lacking: str = "process runs") -> str:
    """Answer in one sentence: is the candidate faster? `lacking` is what a cell has too few of."""
    candidate = difference(comparison["baseline"], comparison["candidate"])[1]
    baseline = short_names(comparison["baseline"], comparison["candidate"])[0]
    tally = Counter(cell["verdict"] for cell in comparison["cells"])
    if comparison["same_versions"]:
        return _check_sentence(comparison["baseline"].split(", ")[0], tally, lacking)
    if not tally:
        return f"No cell was measured under both {candidate} and {baseline}."
    if tally["slower"] or tally["faster"]:
        return _change_sentence(baseline, candidate, tally)
    if tally["insufficient"] == tally.total():
        return f"Too few {lacking} to say whether {candidate} is faster than {baseline}."
    return _no_change_sentence(baseline, candidate, tally, margin)


def _change_sentence(baseline: str, candidate: str, tally: Counter[str]) -> str:
    slower, faster, total = tally["slower"], tally["faster"], tally.total()
    if slower and faster:
        what = f"slower than {baseline} in {slower} and faster in {faster} of {total} cells"
    else:
        verdict = "slower" if slower else "faster"
        what = f"{verdict} than {baseline} {_in_cells(slower or faster, total)}"
    return f"{candidate} is {what}{_rest(tally, '; ')}."


def _no_change_sentence(baseline: str, candidate: str, tally: Counter[str], margin: float) -> str:
    """Claim equivalence where it is proven, and no more than that."""
    total = tally.total()
    if not tally["equivalent"]:
        return f"Cannot tell whether {candidate} is faster than {baseline}{_rest(tally, ': ')}."
    where = _in_cells(tally["equivalent"], total)
    rest = _rest(tally - Counter(equivalent=tally["equivalent"]), "; ")
    return f"{candidate} is as fast as {baseline} {where}, to within {percent(margin)}{rest}."


def _check_sentence(environment: str, tally: Counter[str], lacking: str) -> str:
    # A cell without enough of them shows nothing, neither a difference nor its absence.
    total, differing = tally.total() - tally["insufficient"], tally["slower"] + tally["faster"]
    if not total:
        return f"A/A check: too few {lacking} to compare {environment} with itself."
    if differing:
        cells = counted(total, "cell")
        return f"A/A check failed: {environment} differs from itself in {differing} of {cells}."
    where = f"any of {total} cells" if total > 1 else "the one cell measured"
    return f"A/A check passed: {environment} shows no difference from itself in {where}."


def _in_cells(number: int, total: int) -> str:
    if total == 1:
        return "in the one cell measured"
    return f"in all {total} cells" if number == total else f"in {number} of {total} cells"


def _rest(tally: Counter[str], lead: str) -> str:
    """Count the verdicts that say neither faster nor slower."""
    verdicts = ("equivalent", "inconclusive", "insufficient")
    counts = [f"{tally[verdict]} {verdict}" for verdict in verdicts if tally[verdict]]
    return lead + ", ".join(counts) if counts else ""
