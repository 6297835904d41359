"""The census of a comparison: which cells are missing on which side, why, and how to fill them."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from hfbench_aggregate.comparing.tables import Census, Gap, Why
from hfbench_aggregate.environments import BUILD, Environment
from hfbench_aggregate.pairs import Pair
from hfbench_aggregate.reduction import Family, ReducedRun, failure_flags
from hfbench_aggregate.statistics.constants import LEAST_PROCESS_RUNS
from hfbench_schema.cells import parse_cell
from hfbench_schema.submission import HOPELESS_STATUSES, SPAWN, package_of
from hfbench_schema.suites import Suite, find_suite, latest_suite

_COMPANIONS: Final = ("tf-keras",)
"""What a framework needs beside it, and nothing else would bring."""


def census(pair: Pair) -> Census:
    """Count the cells of a pair, and name those that have too few process runs for a verdict.

    A replica measures a part of the cells only, so that nothing is missing in an A/A comparison.
    """
    cells = pair.cells if pair.same_versions else pair.family.cells(pair.baseline, pair.candidate)
    gaps = [gap for cell in cells for gap in _gaps(pair, cell)]
    lacking = {gap["cell"] for gap in gaps}
    untouched = [] if pair.same_versions else _untouched(pair, cells)
    return {
        "matched": len(cells) - len(lacking),
        "untouched": len(untouched),
        "gaps": gaps,
        "command": _command(pair, _to_measure(gaps)),
    }


def _gaps(pair: Pair, cell: str) -> Iterator[Gap]:
    """Yield a gap for each side of a cell that has too few process runs."""
    for side, environment in (("baseline", pair.baseline), ("candidate", pair.candidate)):
        runs = pair.family.runs_of(environment, cell)
        measured = sum(run.middle_ns is not None for run in runs)
        if measured < LEAST_PROCESS_RUNS:
            why, detail = _why(runs, measured)
            yield {"cell": cell, "side": side, "why": why, "detail": detail}


def _why(runs: Sequence[ReducedRun], measured: int) -> tuple[Why, str]:
    if not runs:
        return "never run", ""
    failures = [(run.status, run.reason) for run in runs if run.middle_ns is None]
    detail = "; ".join(failure_flags(failures))
    if measured:
        counts = f"{measured} of {LEAST_PROCESS_RUNS} process runs"
        return "too few", f"{counts}; {detail}" if detail else counts
    statuses = {status for status, _ in failures}
    if statuses <= set(HOPELESS_STATUSES):
        return "unsupported", detail
    return ("set aside" if statuses == {"contaminated"} else "failed"), detail


def _to_measure(gaps: Sequence[Gap]) -> list[str]:
    """Return the cells that measuring could fill: those that no side is unable to run."""
    hopeless = {gap["cell"] for gap in gaps if gap["why"] == "unsupported"}
    return list(dict.fromkeys(gap["cell"] for gap in gaps if gap["cell"] not in hopeless))


def _untouched(pair: Pair, cells: Sequence[str]) -> list[str]:
    """Return the cells of the suite that neither side ran, though others like them were.

    That is, for the same devices, and in a framework that an environment holds.
    """
    suite = find_suite(pair.family.suite, pair.family.suite_version)
    devices = {parse_cell(cell).device for cell in cells}
    held = (*pair.baseline.versions, *pair.candidate.versions)
    frameworks = {package_of(name) for name, _ in held}
    return [
        cell.id
        for cell in (suite.cells if suite else ())
        if cell.device in devices and cell.framework in frameworks and cell.id not in cells
    ]


def _command(pair: Pair, cells: Sequence[str]) -> str | None:
    """Return the command that measures both versions in these cells, interleaved.

    None if there is nothing to measure, a build has no name for pip, or the suite a newer version.
    """
    suite = latest_suite(pair.family.suite)
    sides = [_requirements(pair.family, side) for side in (pair.baseline, pair.candidate)]
    if not cells or None in sides or suite.version != pair.family.suite_version:
        return None
    words = ["hfbench-submit", "run", suite.name]
    words += [word for side in sides for word in ("--with", str(side))]
    if set(cells) != _by_itself(pair.family, suite):
        words += [word for glob in globs(cells, suite) for word in ("--cells", glob)]
    if pair.family.launch != SPAWN:
        words += ["--launch", pair.family.launch]
    return shlex.join(words)


def _by_itself(family: Family, suite: Suite) -> set[str]:
    """Return the cells that the client would choose on such a machine."""
    accelerators = family.machine["accelerators"]
    devices = ("cpu", "cuda") if accelerators else ("cpu",)
    return {cell.id for cell in suite.cells if cell.device in devices}


def _requirements(family: Family, environment: Environment) -> str | None:
    """Return an environment as `--with` takes it; None if a build of it has no name for pip."""
    if any(BUILD in version for _, version in environment.versions):
        return None
    packages = family.facts[environment][-1]["packages"]
    held = [*environment.versions, *((n, packages[n]) for n in _COMPANIONS if n in packages)]
    # pip takes a version without its local part, as in 2.13.0+cpu, for any build of it.
    return " ".join(f"{name}=={version.partition('+')[0]}" for name, version in held)


def globs(cells: Sequence[str], suite: Suite) -> list[str]:
    """Return patterns that match these cells of the suite and no other ones: short prefixes."""
    there_are = Counter(prefix for cell in suite.cell_ids for prefix in _prefixes(cell))
    wanted = Counter(prefix for cell in cells for prefix in _prefixes(cell))
    whole = {prefix for prefix, count in wanted.items() if 1 < count == there_are[prefix]}
    found = [next((p for p in _prefixes(cell) if p in whole), cell) for cell in cells]
    return list(dict.fromkeys(found))


def _prefixes(cell: str) -> list[str]:
    """Return patterns for all cells that begin alike, the shortest first."""
    parts = cell.split("/")
    return ["/".join(parts[:count]) + "/*" for count in range(1, len(parts))]
