"""Ranks: which version of transformers is fastest on a machine, and which way to run a model.

Only what the same sittings measured is ranked against each other, and only on one machine key: a
version that another machine ran faster may owe it to that machine. One board is made for each
largest set of entries that sittings measured together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from hfbench_aggregate.crossing import Crossed, crossed, known_mean
from hfbench_aggregate.environments import Environment
from hfbench_aggregate.reduction import Family, ReducedRun
from hfbench_aggregate.release_tables import RankBoard, RankedCell, RankedEntry
from hfbench_aggregate.rounding import published
from hfbench_aggregate.selection import TRANSFORMERS
from hfbench_aggregate.statistics.constants import LEAST_SUITE_CELLS
from hfbench_aggregate.statistics.moments import padded
from hfbench_aggregate.statistics.ranks import Ranks, rank_entries, rank_suite
from hfbench_aggregate.trust import TIERS
from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.submission import Machine

METRIC: Final = "latency"
CPU: Final = "cpu"


@dataclass(frozen=True)
class Entry:
    """What is ranked: an environment, in a board of modes one framework and mode of it."""

    environment: Environment
    name: str


@dataclass(frozen=True)
class _Place:
    """Where process runs belong: what must be alike, the entry's name, and the row."""

    device: str
    alike: tuple[str, ...]
    name: str
    row: str


Runs = dict[tuple[str, Entry], list[ReducedRun]]
"""The measured process runs of each row and entry."""


@dataclass(frozen=True, eq=False)
class _Field:
    """The entries of a board, its rows, and their process runs in arrays."""

    entries: Sequence[Entry]
    rows: Sequence[str]
    process_runs: Crossed
    ranks: Ranks

    def only(self, rows: Sequence[int]) -> "_Field":
        """Return the field of some of its rows; variances stay those learnt from all."""
        runs, ranks = self.process_runs, self.ranks
        names = ("mean", "low", "high", "ranked", "tied_for_first")
        part = Ranks(**{name: getattr(ranks, name)[rows] for name in names})
        names_of_rows = [self.rows[row] for row in rows]
        return _Field(self.entries, names_of_rows, Crossed(runs.x[rows], runs.used[rows]), part)


def version_boards(family: Family, trust: Mapping[str, str]) -> list[RankBoard]:
    """Return the boards of a family: versions of transformers, all else alike.

    Args:
        family: suite version on one machine.
        trust: the tier of each submission, by its sha256.
    """
    return [
        _board(family, field, trust, device, alike)
        for (device, alike), runs in _grouped(family, _version_place).items()
        for field in _fields(runs)
    ]


def mode_boards(family: Family, trust: Mapping[str, str]) -> list[RankBoard]:
    """Return a board for each model, precision and version of transformers on a machine."""
    boards: list[RankBoard] = []
    for (device, alike), runs in _grouped(family, _mode_place).items():
        for field in _fields(runs):
            for (model, precision), rows in _by_model(field.rows).items():
                part = field.only(rows)
                if part.ranks.ranked.sum(axis=1).max() > 1:
                    board = _board(family, part, trust, device, alike)
                    boards.append({**board, "model": model, "precision": precision})
    return boards


def _version_place(environment: Environment, cell: Cell) -> _Place:
    versions = dict(environment.versions)
    name = f"{TRANSFORMERS} {versions.pop(TRANSFORMERS, '')}"
    rest = [f"{package} {version}" for package, version in versions.items()]
    return _Place(cell.device, (*rest, f"Python {environment.python}"), name, cell.id)


def _mode_place(environment: Environment, cell: Cell) -> _Place:
    """One version has its frameworks in different environments: these are entries like modes."""
    versions = dict(environment.versions)
    alike = (f"{TRANSFORMERS} {versions.get(TRANSFORMERS)}", f"Python {environment.python}")
    framework = next((n for n in versions if n.startswith(cell.framework)), cell.framework)
    name = f"{framework} {versions.get(framework, '')}, {cell.mode}"
    shape = f"b{cell.batch_size}-s{cell.sequence_length}"
    return _Place(cell.device, alike, name, f"{cell.model}/{cell.precision}/{shape}")


def _grouped(
    family: Family, place_of: Callable[[Environment, Cell], _Place]
) -> dict[tuple[str, tuple[str, ...]], Runs]:
    """Divide measured process runs by device and what must be alike; replicas stay out."""
    found: dict[tuple[str, tuple[str, ...]], Runs] = {}
    for environment in family.environments:
        for cell in family.cells(environment) if not environment.replica else ():
            measured = [run for run in family.runs_of(environment, cell) if run.middle_ns]
            if measured:
                place = place_of(environment, parse_cell(cell))
                runs = found.setdefault((place.device, place.alike), {})
                runs[place.row, Entry(environment, place.name)] = measured
    return found


def _fields(runs: Runs) -> list[_Field]:
    """Return a field for each largest set of at least two entries that sittings share."""
    by_sitting: dict[int, set[Entry]] = {}
    for (_, entry), measured in runs.items():
        for run in measured:
            by_sitting.setdefault(run.sitting, set()).add(entry)
    sets = {frozenset(entries) for entries in by_sitting.values() if len(entries) > 1}
    largest = [one for one in sets if not any(one < other for other in sets)]
    places = {entry: place for place, entry in enumerate(dict.fromkeys(e for _, e in runs))}
    fields = [sorted(one, key=places.__getitem__) for one in largest]
    fields.sort(key=lambda entries: [places[entry] for entry in entries])
    return [_field(runs, entries, by_sitting) for entries in fields]


def _field(runs: Runs, entries: Sequence[Entry], by_sitting: Mapping[int, set[Entry]]) -> _Field:
    """Return the process runs of entries in the sittings that measured all of them."""
    together = {number for number, held in by_sitting.items() if held >= set(entries)}
    rows = list(dict.fromkeys(row for row, entry in runs if entry in entries))
    arms = [
        [run for run in runs.get((row, entry), ()) if run.sitting in together]
        for row, entry in product(rows, entries)
    ]
    shape = (len(rows), len(entries), -1)
    x = padded([[run.x for run in arm] for arm in arms])
    sittings = padded([[run.sitting for run in arm] for arm in arms], -1)
    kept = crossed(x.reshape(shape), sittings.reshape(shape))
    return _Field(entries, rows, kept, rank_entries(kept.x))


def _by_model(rows: Sequence[str]) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        model, precision, _ = row.split("/")
        found.setdefault((model, precision), []).append(place)
    return found


def _board(
    family: Family, field: _Field, trust: Mapping[str, str], device: str, alike: Iterable[str]
) -> RankBoard:
    times = np.where(field.ranks.ranked, field.ranks.mean, np.nan)
    taking_part = np.flatnonzero(field.ranks.ranked.any(axis=0))
    common = times[~np.isnan(times[:, taking_part]).any(axis=1)]
    means = known_mean(common if len(common) else times, axis=0)[taking_part]
    order = taking_part[np.argsort(means, kind="stable")].tolist()
    whole = rank_suite(times)
    numbers = np.flatnonzero(field.process_runs.used.any(axis=(0, 1)))
    return {
        "machine_key": family.machine_key,
        "machine": family.machine_title,
        "suite": family.suite_title,
        "device": device_class(family.machine, device),
        "model": None,
        "precision": None,
        "metric": METRIC,
        "alike": ", ".join(alike),
        "submissions": [family.submissions[number].sha256 for number in numbers],
        "common_cells": len(common),
        "unranked": _unranked(len(common)),
        "entries": [_entry(family, field, whole, trust, place) for place in order],
        "cells": [_cell(field, row, order) for row in range(len(field.rows))],
    }


def device_class(machine: Machine, device: str) -> str:
    """Name what cells of `device` ran on: `cpu`, or the accelerators of the machine."""
    names = dict.fromkeys(accelerator["name"] for accelerator in machine["accelerators"])
    return " and ".join(names) if names and device != CPU else device


def _unranked(common: int) -> str | None:
    if common >= LEAST_SUITE_CELLS:
        return None
    return f"needs >= {LEAST_SUITE_CELLS} cells that all entries measured, has {common}"


def _entry(
    family: Family, field: _Field, whole: Ranks, trust: Mapping[str, str], place: int
) -> RankedEntry:
    entry, runs = field.entries[place], field.process_runs
    numbers = np.flatnonzero(runs.used[:, place].any(axis=0))
    behind = [family.submissions[number] for number in numbers]
    ranked = bool(whole.ranked[0, place])
    return {
        "name": entry.name,
        "environment": entry.environment.title,
        "low": int(whole.low[0, place]) if ranked else None,
        "high": int(whole.high[0, place]) if ranked else None,
        "tied_for_first": ranked and bool(whole.tied_for_first[0, place]),
        "process_runs": int((~np.isnan(runs.x[:, place])).sum()),
        "contributors": len({one.submitter for one in behind}),
        "trust": min((trust[one.sha256] for one in behind), key=TIERS.index, default=TIERS[0]),
    }


def _cell(field: _Field, row: int, order: Sequence[int]) -> RankedCell:
    ranks, counts = field.ranks, (~np.isnan(field.process_runs.x[row])).sum(axis=1)
    held = [(place, bool(ranks.ranked[row, place])) for place in order]
    with np.errstate(over="ignore"):
        ms = np.exp(ranks.mean[row]) * 1000
    return {
        "cell": field.rows[row],
        "ms": [published(ms[place]) for place in order],
        "low": [int(ranks.low[row, place]) if ranked else None for place, ranked in held],
        "high": [int(ranks.high[row, place]) if ranked else None for place, ranked in held],
        "process_runs": [int(counts[place]) for place in order],
    }
