"""The journal: an append-only file of one sitting, one durable line per process run.

`kill -9` at any moment loses at most the process run in flight. The first line says what is being
measured; a journal is only taken up again by a command that asks for exactly that.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hfbench_schema.files import append_durably
from hfbench_schema.submission import Anchor, ProcessRun
from hfbench_submit.errors import SubmitError

_FINISHED = "finished-"


@dataclass
class Journal:
    """An open journal: its header, the moments measuring began, and what was measured so far."""

    path: Path
    header: dict[str, Any]
    invocations: list[str] = field(default_factory=list)
    process_runs: list[ProcessRun] = field(default_factory=list)
    anchors: list[Anchor] = field(default_factory=list)

    def add_invocation(self, moment: str) -> None:
        """Record that measuring began, or went on."""
        self._append({"invocation": moment})
        self.invocations.append(moment)

    def add_process_run(self, run: ProcessRun) -> None:
        """Record one process run; it is on the disk when this returns.

        Raises:
            SubmitError: the disk is full, or the file cannot be written.
        """
        self._append({"process_run": run})
        self.process_runs.append(run)

    def add_anchor(self, anchor: Anchor) -> None:
        """Record one measurement of the anchor workload."""
        self._append({"anchor": anchor})
        self.anchors.append(anchor)

    def last_moment(self) -> str | None:
        """Return the latest moment in the journal, None if it has none."""
        moments = [entry["started_at"] for entry in (*self.process_runs, *self.anchors)]
        return max([*self.invocations, *moments], default=None)

    def _append(self, entry: dict[str, Any]) -> None:
        try:
            append_durably(self.path, json.dumps(entry).encode() + b"\n")
        except OSError as error:
            raise SubmitError(
                f"cannot write the journal {self.path}: {error.strerror}. Nothing before this "
                "process run is lost: make room, and repeat the same command"
            ) from error


def journal_path(folder: Path, identity: str) -> Path:
    """Return where the journal of a sitting with this identity lies, under the output folder."""
    return folder / "journals" / f"{identity[:16]}.jsonl"


def caches_folder(journal: Journal) -> Path:
    """Return where the compile caches of a sitting lie while it lasts."""
    return journal.path.with_suffix(".caches")


def examples_folder(folder: Path) -> Path:
    """Return where the examples of trainings lie while sittings last, under the output folder."""
    return folder / "journals" / "examples"


def forget_examples(folder: Path) -> None:
    """Remove the examples, unless a sitting is left that is not finished."""
    if not unfinished_journals(folder):
        shutil.rmtree(examples_folder(folder), ignore_errors=True)


def finish_journal(journal: Journal, sha256: str) -> None:
    """Put a journal to rest under the name of the submission that was made from it."""
    shutil.rmtree(caches_folder(journal), ignore_errors=True)
    journal.path.rename(journal.path.with_name(f"{_FINISHED}{sha256}.jsonl"))


def unfinished_journals(folder: Path) -> list[Path]:
    """Return the journals under the output folder that were never finished."""
    journals = sorted((folder / "journals").glob("*.jsonl"))
    return [path for path in journals if not path.name.startswith(_FINISHED)]


def create_journal(path: Path, header: dict[str, Any]) -> Journal:
    """Start a journal with its header.

    Raises:
        SubmitError: the disk is full, or the file cannot be written.
    """
    journal = Journal(path, header)
    journal._append({"header": header})
    return journal


def open_journal(path: Path) -> Journal | None:
    """Read a journal that an earlier invocation left, cutting off a line that never got whole.

    Returns None if there is none, or none whose header got whole.

    Raises:
        SubmitError: a whole line is unreadable: somebody changed the file.
    """
    data = path.read_bytes() if path.exists() else b""
    torn = data.rpartition(b"\n")[2]
    if torn:
        _truncate(path, len(data) - len(torn))
    lines = data.splitlines()[:-1] if torn else data.splitlines()
    entries = [_parse_line(path, number, line) for number, line in enumerate(lines, 1)]
    if not entries:
        return None
    if "header" not in entries[0]:
        raise SubmitError(f"{path} has no journal's header; move it away to measure anew")
    return Journal(
        path,
        entries[0]["header"],
        [entry["invocation"] for entry in entries if "invocation" in entry],
        [entry["process_run"] for entry in entries if "process_run" in entry],
        [entry["anchor"] for entry in entries if "anchor" in entry],
    )


def _truncate(path: Path, size: int) -> None:
    with path.open("r+b") as stream:
        stream.truncate(size)


def _parse_line(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        raise SubmitError(
            f"{path}, line {number} is damaged; move the file away to measure anew, "
            "or delete that line to measure only its process run again"
        )
    return entry
