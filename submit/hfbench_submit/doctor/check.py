"""What a doctor's check says: a verdict, one line, and how to mend it."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Verdict = Literal["ok", "warning", "failed", "unknown"]
_SEVERITY: Sequence[Verdict] = ("failed", "warning", "unknown", "ok")


@dataclass(frozen=True)
class Check:
    """One check's outcome.

    `failed` means that measurements would be wrong or impossible; `warning` that they would be
    worse, or that something around them will not work; `unknown` that nobody could tell. `mend`
    is the command or setting that mends it, empty where there is none.
    """

    name: str
    verdict: Verdict
    detail: str
    mend: str = ""


def guarded(name: str, check: Callable[[], Iterable[Check]]) -> list[Check]:
    """Return what a check says; where it breaks, its reason is added as `unknown`."""
    found: list[Check] = []
    try:
        found.extend(check())
    except Exception as error:  # a doctor that crashes helps nobody
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        found.append(Check(name, "unknown", f"could not be checked: {reason}"))
    return found


def worst_first(checks: Iterable[Check]) -> list[Check]:
    """Return the checks that can be mended, the most severe first, else in their order."""
    mendable = [check for check in checks if check.mend and check.verdict != "ok"]
    return sorted(mendable, key=lambda check: _SEVERITY.index(check.verdict))


def words_in(file: Path) -> str | None:
    """Return the words that a small file of the kernel holds, None without it."""
    with contextlib.suppress(OSError):
        return file.read_text(encoding="utf-8").strip()
    return None
