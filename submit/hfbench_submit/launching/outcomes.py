"""From a worker's outcome to the status and reason that the submission keeps."""

import re
import signal
from collections.abc import Mapping
from statistics import median
from typing import Any
from unicodedata import normalize

from hfbench_schema.privacy import scrub
from hfbench_submit.launching.listening import from_a_beginning
from hfbench_submit.launching.spawn import WorkerOutcome

LONGEST_REASON = 2000
_LONGEST_SCRUBBED = 6000  # scrubbing takes quadratic time on one long word
_GPU_GONE = (
    "GPU is lost",
    "fallen off the bus",
    "no CUDA-capable device",
    "CUDA-capable device(s) is/are busy or unavailable",
    "cudaErrorDevicesUnavailable",
    "CUDA_ERROR_NO_DEVICE",
)
"""What CUDA says when a device that was there no longer answers."""


def outcome_fields(
    outcome: WorkerOutcome, packages: Mapping[str, str], timeout_s: float
) -> dict[str, Any]:
    """Return status, and what goes with it: the measurement, or the reason there is none.

    Args:
        outcome: what came back.
        packages: what the environment was said to hold; a worker that loaded anything else
            measured something else.
        timeout_s: for how long the worker was allowed to be silent.
    """
    if not {"loaded", "measured"} <= outcome.messages.keys():
        status, reason = failure_of(outcome, timeout_s)
        return {"status": status, "reason": printable_reason(reason)}
    loaded: dict[str, str] = outcome.messages["loaded"]["packages"]
    differing = {name: v for name, v in loaded.items() if packages.get(name) != v}
    if differing:
        reason = f"the worker loaded {differing}, which is not what its environment holds"
        return {"status": "error", "reason": printable_reason(reason)}
    return _measured_fields(outcome.messages)


def _measured_fields(messages: dict[str, dict[str, Any]]) -> dict[str, Any]:
    fields = {name: value for name, value in messages["measured"].items() if name != "event"}
    if "reason" in fields:
        fields["reason"] = printable_reason(fields["reason"])
    loaded = messages["loaded"]
    fields |= {name: loaded[name] for name in ("threads", "placement") if name in loaded}
    if fields["status"] == "no_steady_state":
        fields["reason"] = _unsteadiness(fields["iterations_ns"], fields["warmup_iterations"])
    return fields


def _unsteadiness(iterations_ns: list[int], warmup: int) -> str:
    """Say by how much the two windows differ that should have agreed."""
    timed = len(iterations_ns) - warmup
    before, last = iterations_ns[-2 * timed : -timed], iterations_ns[-timed:]
    return (
        f"no steady state in {len(iterations_ns)} calls: the last {timed} have a median of "
        f"{median(last) / 1e6:.3f} ms, the {len(before)} before them {median(before) / 1e6:.3f} "
        "ms; still warming up, or disturbed"
    )


def failure_of(outcome: WorkerOutcome, timeout_s: float) -> tuple[str, str]:
    """Return status and reason of a worker that did not measure, the reason as it came."""
    if "failed" in outcome.messages:
        failed = outcome.messages["failed"]
        return failed["status"], failed["reason"]
    if outcome.timed_out:
        text = f"no answer after {timeout_s:g} s; the worker was killed"
        return "timeout", f"timeout in phase {outcome.phase}: {text}"
    if outcome.returncode == -signal.SIGKILL and outcome.oom_kills > 0:
        text = "the kernel's out-of-memory killer ended the worker"
        return "oom_host", f"{text} in phase {outcome.phase}"
    if outcome.returncode == -signal.SIGABRT and "std::bad_alloc" in outcome.tail:
        return "oom_host", f"the worker found no more memory (std::bad_alloc) in {outcome.phase}"
    end = f"the worker {_end(outcome.returncode)} in phase {outcome.phase}"
    return "error", _with_gpu_hint(f"{end}. It printed: {outcome.tail or 'nothing'}")


def _with_gpu_hint(reason: str) -> str:
    if any(mark in reason for mark in _GPU_GONE):
        return f"{reason} | the GPU vanished, or another process took it: look at nvidia-smi"
    return reason


def _end(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with exit code {returncode} before it answered"
    name = signal.Signals(-returncode).name
    hint = " (out of memory, or killed by hand)" if returncode == -signal.SIGKILL else ""
    return f"was ended by {name}{hint}"


def printable_reason(text: str) -> str:
    """Return a reason as one printable line without private names, its end kept if it is long."""
    if len(text) > _LONGEST_SCRUBBED:
        text = from_a_beginning(text[-_LONGEST_SCRUBBED:])
    clean = scrub(normalize("NFC", text))
    lines = [line.strip() for line in clean.splitlines()]
    line = " | ".join(line for line in lines if line)
    line = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in line)).strip()
    return line if len(line) <= LONGEST_REASON else "... " + line[4 - LONGEST_REASON :]
