"""Copies of a store that was killed at its first file operation, at its second, and so on.

    python -m tests.aggregate.killed_store BEFORE TARGET

copies the folder BEFORE to TARGET/001, TARGET/002, ..., and does the same work in each. All but
the last are killed, each at a later operation.
"""

import itertools
import os
import shutil
import signal
import sys
from pathlib import Path, PurePosixPath
from typing import Final

from hfbench_aggregate.stores.local import LocalStore
from hfbench_aggregate.stores.store import Change, Revision

FIRST: Final = Revision("0")
_OPERATIONS: Final = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
_CHANGE: Final = Change(
    "two documents",
    {
        PurePosixPath("ledger/2026-11.jsonl"): b"1\n2\n",
        PurePosixPath("submissions/2026-11/aa/a.json"): b"a",
        PurePosixPath("submissions/2026-11/bb/b.json"): b"b",
    },
    frozenset({PurePosixPath("registry/old.json")}),
)


def work(root: Path) -> None:
    """Commit several files, then settle all proposals; again, go on with what is not done."""
    store = LocalStore(root)
    if store.head() == FIRST:
        store.commit(FIRST, _CHANGE)
    for name in store.proposals():
        store.settle(store.proposal(name), accepted=name == "good.json", note="so it is")


def _work_killed_at(step: int, root: Path) -> None:
    def count(event: str, _: object) -> None:
        nonlocal step
        if event in _OPERATIONS:
            step -= 1
            if not step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    work(root)
    os._exit(0)


def main(before: Path, target: Path) -> None:
    """Make the copies."""
    shutil.copytree(before, target / "whole")
    work(target / "whole")  # so that nothing is imported for the first time below
    for step in itertools.count(1):
        root = target / f"{step:03}"
        shutil.copytree(before, root)
        if not (child := os.fork()):
            _work_killed_at(step, root)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            return


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
