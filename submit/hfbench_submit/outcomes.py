"""From a worker's outcome to the status and reason that the submission keeps."""

import re
import signal
from collections.abc import Mapping
from typing import Any
from unicodedata import normalize

from hfbench_schema.privacy import scrub
from hfbench_submit.launching import WorkerOutcome

LONGEST_REASON = 2000
_LONGEST_SCRUBBED = 6000  # scrubbing takes quadratic time on one long word


def outcome_fields(
    outcome: WorkerOutcome, packages: Mapping[str, str], timeout_s: float
) -> dict[str, Any]:
    """Return status, and what goes with it: the measurement, or the reason there is none.

    `packages` are what the environment was said to hold: a worker that loaded anything else
    measured something else.
    """
    if not {"loaded", "measured"} <= outcome.messages.keys():
        status, reason = _failure(outcome, timeout_s)
        return {"status": status, "reason": printable_reason(reason)}
    loaded: dict[str, str] = outcome.messages["loaded"]["packages"]
    differing = {name: v for name, v in loaded.items() if packages.get(name) != v}
    if differing:
        reason = f"the worker loaded {differing}, which is not what its environment holds"
        return {"status": "error", "reason": printable_reason(reason)}
    return _measured_fields(outcome.messages)


def _measured_fields(messages: dict[str, dict[str, Any]]) -> dict[str, Any]:
    measured = {name: value for name, value in messages["measured"].items() if name != "event"}
    fields = measured | {"threads": messages["loaded"]["threads"]}
    if measured["status"] != "ok":
        fields["reason"] = (
            "the halves of the last iterations differ: still warming up, or disturbed"
        )
    return fields


def _failure(outcome: WorkerOutcome, timeout_s: float) -> tuple[str, str]:
    if "failed" in outcome.messages:
        failed = outcome.messages["failed"]
        return failed["status"], failed["reason"]
    if outcome.timed_out:
        return "timeout", f"no answer after {timeout_s:g} s; the worker was killed"
    if outcome.returncode == -signal.SIGKILL and outcome.oom_kills > 0:
        return "oom_host", "the kernel's out-of-memory killer ended the worker"
    return (
        "error",
        f"the worker {_end(outcome.returncode)}. It printed: {outcome.tail or 'nothing'}",
    )


def _end(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with exit code {returncode} before it answered"
    name = signal.Signals(-returncode).name
    hint = " (out of memory, or killed by hand)" if returncode == -signal.SIGKILL else ""
    return f"was ended by {name}{hint}"


def printable_reason(text: str) -> str:
    """Return a reason as one printable line without private names, its end kept if it is long."""
    clean = scrub(normalize("NFC", text[-_LONGEST_SCRUBBED:]))
    lines = [line.strip() for line in clean.splitlines()]
    line = " | ".join(line for line in lines if line)
    line = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in line)).strip()
    return line if len(line) <= LONGEST_REASON else "... " + line[4 - LONGEST_REASON :]
