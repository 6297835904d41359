"""What earlier sittings in the output folder say of this machine's noise, cell by cell.

It goes into the journal's header when a sitting begins, so that whatever happens to the folder
meanwhile, the same journal gives the same choices.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hfbench_schema.canonical import strict_json
from hfbench_schema.machine_key import machine_key
from hfbench_schema.submission import Submission
from hfbench_schema.validation import validate
from hfbench_submit.planning.detection import Spread, spread_of
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.reporting.precision import log_medians


def past_spreads(folder: Path, plan: SittingPlan) -> dict[str, Spread]:
    """Return the spread of latency between process runs of each of the plan's cells.

    Within environments of sittings of the same suite, launched in the same way on a machine with
    the same key; what a version changes of the noise is left to this sitting to see.
    """
    groups: dict[str, list[list[float]]] = defaultdict(list)
    for submission in _alike(folder, plan):
        for (cell, _), logs in log_medians(submission["process_runs"]).items():
            groups[cell].append(logs)
    spreads = {cell.id: spread_of(groups[cell.id]) for cell in plan.cells}
    return {cell: spread for cell, spread in spreads.items() if spread.degrees}


def to_header(spreads: Mapping[str, Spread]) -> dict[str, list[float]]:
    """Return spreads as a journal's header holds them."""
    return {cell: [spread.squares, spread.degrees] for cell, spread in spreads.items()}


def from_header(header: Mapping[str, Any]) -> dict[str, Spread]:
    """Return the spreads that a journal's header holds, none if it holds none."""
    found: dict[str, list[float]] = header.get("past", {})
    return {cell: Spread(squares, int(degrees)) for cell, (squares, degrees) in found.items()}


def _alike(folder: Path, plan: SittingPlan) -> Iterator[Submission]:
    """Yield the valid submissions in the folder that are comparable with what the plan measures."""
    key = machine_key(plan.machine)
    for path in sorted(folder.glob("*.json")):
        data = _bytes(path)
        if not validate(data, name=path.name).accepted:
            continue
        submission: Submission = strict_json(data)
        if (
            machine_key(submission["machine"]) == key
            and submission["suite"]["sha256"] == plan.suite.sha256
            and submission["protocol"]["launch"] == plan.launch
        ):
            yield submission


def _bytes(path: Path) -> bytes:
    """Return what a file holds; nothing if it cannot be read, which is no reason not to measure."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
