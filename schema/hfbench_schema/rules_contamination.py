"""Rules on what disturbed process runs: none is passed off as clean, none set aside for nothing.

What nobody watched is accepted, and said.
"""

from collections.abc import Iterator
from typing import Final

from hfbench_schema.contamination import contamination_causes, was_watched
from hfbench_schema.reports import Finding, finding
from hfbench_schema.rules_places import cell_of
from hfbench_schema.submission import RESULTS, Submission, role_of

_MEASURES: Final = {
    "latency": "iterations_ns",
    "cold": "iterations_ns",
    "memory": "memory",
    "energy": "energy",
    "training": "training",
}


def check_contamination(document: Submission) -> Iterator[Finding]:
    """HFB044, HFB045, HFB046: contaminated is what was disturbed, and keeps what it measured."""
    cores = document["machine"]["usable_cores"]
    for index, run in enumerate(document["process_runs"]):
        contaminated = run["status"] == "contaminated"
        measured = run["status"] in RESULTS
        if not (contaminated or measured) or cell_of(run) is None:
            continue
        pointer, causes = f"/process_runs/{index}", contamination_causes(run, cores)
        if contaminated and not causes:
            yield finding("HFB044", pointer)
        if measured and causes:
            yield finding("HFB045", pointer, status=run["status"], causes=", ".join(causes))
        # Whoever reads the document can then see whether slow ones were set aside.
        if contaminated and (field := _MEASURES[role_of(run)]) not in run:
            yield finding("HFB046", pointer, field=field)


def check_watched(document: Submission) -> Iterator[Finding]:
    """HFB048: other programs' CPU time was counted, which any Linux allows."""
    if document["machine"]["os"] != "Linux":
        return
    measured = [r for r in document["process_runs"] if r["status"] in RESULTS]
    # Bytes do not depend on who else has the CPU.
    concerned = [run for run in measured if role_of(run) != "memory"]
    if unwatched := sum(not was_watched(run) for run in concerned):
        yield finding("HFB048", count=unwatched, total=len(concerned))
