"""Why ranks that train together ended: of all that failed, the one that failed first."""

import json
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from hfbench_worker.failures import MeasurementError, describe

_LOST_CONNECTION = (
    # gloo's words, those of the store by which ranks meet, and NCCL's.
    *("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Gloo connect"),
    *("Application timeout caused pair closure", "Timed out waiting", "failed to recv"),
    *("Connection was likely closed", "DistNetworkError", "DistStoreError", "Socket Timeout"),
    *("remote process exited or there was a network error", "ncclRemoteError"),
)
"""What a rank says when another one is gone."""


class _Kind(IntEnum):
    """What a failure says about its cause, the surest first."""

    KILLED = 0
    RAISED = 1
    CRASHED = 2
    TERMINATED = 3
    LOST_ANOTHER = 4


@dataclass(frozen=True)
class RankFailure:
    """How one rank failed.

    `place` is where it was, empty if it had not begun to train; `exitcode` is negative if a
    signal ended it; `status` and `reason` are what it noted before it ended, at `time_ns`, empty
    and 0 if it could not.
    """

    rank: int
    exitcode: int
    place: str = ""
    status: str = ""
    reason: str = ""
    time_ns: int = 0

    @property
    def kind(self) -> _Kind:
        """What the failure says about its cause."""
        if self.reason:
            lost = any(mark in self.reason for mark in _LOST_CONNECTION)
            return _Kind.LOST_ANOTHER if lost else _Kind.RAISED
        known = {-signal.SIGKILL: _Kind.KILLED, -signal.SIGTERM: _Kind.TERMINATED}
        return known.get(self.exitcode, _Kind.CRASHED)

    @property
    def where(self) -> str:
        """Say where the rank was."""
        return f"in {self.place}" if self.place else "before it began to train"


def note_failure(folder: Path, rank: int, error: BaseException) -> None:
    """Write down why a rank fails, before it ends: its exit code says nothing."""
    status, reason = describe(error)
    noted = {"status": status, "reason": reason, "time_ns": time.time_ns()}
    unfinished = _note(folder, rank).with_suffix(".part")
    unfinished.write_text(json.dumps(noted), encoding="utf-8")
    unfinished.rename(_note(folder, rank))  # whole, or not there


def progress_file(folder: Path, rank: int) -> Path:
    """Return where a rank notes its place."""
    return folder / f"progress-{rank}"


def read_failures(folder: Path, exitcodes: Mapping[int, int]) -> list[RankFailure]:
    """Return how ranks failed, by the folder's notes and the exit codes that are not 0."""
    noted = [int(path.stem.removeprefix("failure-")) for path in folder.glob("failure-*.json")]
    ranks = dict.fromkeys([*exitcodes, *sorted(noted)])
    return [_read(folder, rank, exitcodes.get(rank, 1)) for rank in ranks]


def first_cause(
    failures: list[RankFailure], machines: int, out_of_memory: bool
) -> MeasurementError:
    """Return the failure that the others follow from, with its status.

    A rank that was killed says so by its signal, one that failed by its note. Others lose their
    connection to it, or the launcher terminates them, which comes first only where no other
    machine can be the cause.

    Args:
        failures: at least one, in the order in which they were seen.
        machines: how many ranks are on; the cause may be on another.
        out_of_memory: the kernel killed something for memory meanwhile.
    """
    others = [f for f in failures if f.kind != _Kind.TERMINATED]
    known = others if others and machines > 1 else failures
    cause = min(known, key=lambda failure: (failure.kind, failure.time_ns))
    if cause.reason:
        return MeasurementError(cause.status, _told(cause, machines))
    if cause.exitcode >= 0:
        how = f"rank {cause.rank} ended with exit code {cause.exitcode} {cause.where}"
        return MeasurementError("error", how)
    if cause.kind == _Kind.KILLED and out_of_memory:
        how = f"the kernel's out-of-memory killer ended rank {cause.rank} {cause.where}"
        return MeasurementError("oom_host", how)
    how = f"rank {cause.rank} was ended by {signal.Signals(-cause.exitcode).name} {cause.where}"
    return MeasurementError("error", how)


def _told(cause: RankFailure, machines: int) -> str:
    if cause.kind != _Kind.LOST_ANOTHER or machines == 1:
        return cause.reason
    said = cause.reason.strip().rpartition("\n")[2].partition(". ")[0]
    lost = "a rank on another machine ended or lost its connection"
    return f"{lost}: rank {cause.rank} noticed it {cause.where}: {said}"


def _read(folder: Path, rank: int, exitcode: int) -> RankFailure:
    notes, progress = _note(folder, rank), progress_file(folder, rank)
    noted = json.loads(notes.read_text(encoding="utf-8")) if notes.exists() else {}
    place = progress.read_text(encoding="utf-8").strip() if progress.exists() else ""
    return RankFailure(rank, exitcode, place, **noted)


def _note(folder: Path, rank: int) -> Path:
    return folder / f"failure-{rank}.json"
