"""How cells, durations and counts are written for people."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from hfbench_schema.submission import ProcessRun


def short_cell(cell_id: str) -> str:
    """Return a cell id without the suite, which one sitting has in common."""
    return cell_id.partition("/")[2]


def duration(seconds: float) -> str:
    """Write a duration, as in `2:05` or `1:02:05`."""
    text = str(timedelta(seconds=round(seconds)))
    return text.removeprefix("0:").removeprefix("0") if text.startswith("0:") else text


def counted(count: int, noun: str) -> str:
    """Write a count of something whose plural ends in s."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def roughly(count: int) -> str:
    """Write a count of which no more than two digits are known, as in `1,500`."""
    return f"{round(count, 2 - len(str(count))):,}"


def purpose(role: str, caches: str | None, attempt: int) -> str:
    """Write what a process run is for, empty for the usual: the first attempt at its suite's role.

    A training always begins with empty caches.
    """
    usual = role in ("latency", "training")
    parts = [
        "" if usual else role,
        f"{caches} caches" if caches and not usual else "",
        "second attempt" if attempt else "",
    ]
    return ", ".join(part for part in parts if part)


def tally(runs: Iterable[ProcessRun]) -> str:
    """Write how many process runs ended how, as in `9 ok, 1 timeout`."""
    counts = Counter(run["status"] for run in runs)
    return ", ".join(f"{count} {status}" for status, count in counts.most_common())
