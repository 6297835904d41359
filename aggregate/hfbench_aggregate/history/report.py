"""Histories of cells and suites: on each machine, and over several where they can be pooled."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np

from hfbench_aggregate.comparing.studies import device_class
from hfbench_aggregate.environments import BUILD, Environment, version_key
from hfbench_aggregate.history.rows import INDEX, series_rows
from hfbench_aggregate.history.series import Series, index_series, levelled_series, pooled_series
from hfbench_aggregate.history.tables import HISTORY_SCHEMA, History, HistoryGroup
from hfbench_aggregate.machines import alias_remark
from hfbench_aggregate.reduction import Arm, Family
from hfbench_aggregate.selection import TRANSFORMERS, SelectionError
from hfbench_aggregate.sources import Gathered
from hfbench_aggregate.statistics.centre import centre
from hfbench_aggregate.statistics.moments import FloatArray, moments, ratio, winsorise
from hfbench_aggregate.wording import counted


class _Line(NamedTuple):
    """What all versions of a history share."""

    suite: str
    environment: str
    device_class: str


@dataclass(frozen=True, eq=False)
class _Measured:
    """One machine's series, those of `cells` over `versions`."""

    family: Family
    cells: list[str]
    versions: list[str]
    series: Series
    half_width: FloatArray
    """Of the 95 % interval of each centre, NaN where there is none."""
    sizes: list[int]
    """How many cells are in each series: more than one in a suite index."""
    builds: int
    """How many environments hold a build that is no release."""


def history(gathered: Gathered, patterns: Sequence[str]) -> History:
    """Return the histories of the cells that match a pattern; without one, of the suite index.

    Raises:
        SelectionError: no cell matches, or nothing was measured with transformers.
    """
    groups = history_groups(gathered.families(), patterns or ("*",), index=not patterns)
    if not groups:
        raise SelectionError(_nothing(gathered.families(), patterns))
    return {
        "schema": HISTORY_SCHEMA,
        "submissions": len(gathered.submissions),
        "notes": gathered.notes,
        "groups": groups,
    }


def history_rows(families: Sequence[Family]) -> list[HistoryGroup]:
    """Return what a release holds: the series of all cells, where any of a group is tested."""
    groups = history_groups(families, index=False)
    return [group for group in groups if any(one["p"] is not None for one in group["series"])]


def history_groups(
    families: Iterable[Family], patterns: Sequence[str] = ("*",), *, index: bool
) -> list[HistoryGroup]:
    """Return the histories of the cells that match, or of the suite index over them.

    Those over several machines come first.
    """
    lines: dict[_Line, list[_Measured]] = defaultdict(list)
    for family in families:
        for line, measured in _measured(family, patterns):
            lines[line].append(measured)
    groups = [group for each in lines.items() for group in _groups(*each, index=index)]
    return sorted(groups, key=lambda group: -len(group["machine_keys"]))


def _nothing(found: Iterable[Family], patterns: Sequence[str]) -> str:
    cells = sorted({cell for family in found for _, cell in family.runs})
    if not cells or not patterns:
        return "no latency was measured in any released version of transformers"
    named = " or ".join(map(repr, patterns))
    return f"no cell that was measured matches {named}; one is called {cells[0]}"


def _measured(family: Family, patterns: Sequence[str]) -> Iterator[tuple[_Line, _Measured]]:
    """Yield the centres of a family by environment and device class."""
    for rest, environments in _by_rest(family.environments).items():
        ordered = [each for each in environments if BUILD not in _version(each)]
        builds = len(environments) - len(ordered)
        for kind, cells in _by_class(family, ordered, patterns).items():
            arms = [family.arm(each, cells) for each in ordered]
            series = _levelled(arms, len(family.submissions))
            width = np.stack([centre(arm.x).half_width for arm in arms], axis=1)
            held = np.asarray(~np.isnan(series.x).all(axis=1))
            names = [cell for cell, keep in zip(cells, held.tolist(), strict=True) if keep]
            if names:
                versions, sizes = list(map(_version, ordered)), [1] * len(names)
                measured = _Measured(
                    family, names, versions, series.rows(held), width[held], sizes, builds
                )
                yield _Line(family.suite_title, rest, kind), measured


def _levelled(arms: Sequence[Arm], sittings: int) -> Series:
    """Return the series of an environment's cells on one machine, one version an arm.

    The error of the centre of a version in a sitting is learnt from all sittings and versions of
    the cell together: the variance of process runs within them, over how many there are.
    """
    shape = (sittings, len(arms[0].x), len(arms))
    x, counts, squares = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
    for version, arm in enumerate(arms):
        for sitting in np.unique(arm.sittings[arm.sittings >= 0]).tolist():
            own = moments(winsorise(np.where(arm.sittings == sitting, arm.x, np.nan)).x)
            x[sitting, :, version], counts[sitting, :, version] = own.mean, own.count
            squares[sitting, :, version] = np.nan_to_num(own.squares)
    df = np.maximum(counts - 1, 0).sum(axis=(0, 2))
    runs = ratio(counts.sum(axis=(0, 2)), (counts > 0).sum(axis=(0, 2)))
    return levelled_series(x, ratio(squares.sum(axis=(0, 2)), df * runs))


def _by_class(
    family: Family, environments: Sequence[Environment], patterns: Sequence[str]
) -> dict[str, list[str]]:
    """Return the cells that match a pattern by device class."""
    machine = family.machine
    found: dict[str, list[str]] = defaultdict(list)
    for cell in family.cells(*environments):
        if any(fnmatchcase(cell, pattern) for pattern in patterns):
            found[device_class(cell, machine)].append(cell)
    return found


def _by_rest(environments: Sequence[Environment]) -> dict[str, list[Environment]]:
    """Group environments by all but the version of transformers, from old to new."""
    found: dict[str, list[Environment]] = defaultdict(list)
    for each in environments:
        if not each.replica and TRANSFORMERS in dict(each.versions):
            rest = tuple(pair for pair in each.versions if pair[0] != TRANSFORMERS)
            found[Environment(rest, each.python, 0).title].append(each)
    return found


def _version(environment: Environment) -> str:
    return dict(environment.versions)[TRANSFORMERS]


def _groups(line: _Line, machines: list[_Measured], *, index: bool) -> Iterator[HistoryGroup]:
    """Yield the history over all machines, if there are several, and that of each."""
    if index:
        machines = [_index_of(machine) for machine in machines]
    if len(machines) > 1 and (pooled := _pooled(line, machines)):
        yield pooled
    for one in machines:
        yield _group(line, [one], one)


def _index_of(machine: _Measured) -> _Measured:
    """Return the suite index of a machine as its only series."""
    series, matched = index_series(machine.series)
    width, size = np.full_like(series.x, np.nan), int(matched.sum())
    return replace(machine, cells=[INDEX], series=series, half_width=width, sizes=[size])


def _pooled(line: _Line, machines: list[_Measured]) -> HistoryGroup | None:
    """Return the history over machines; None if no two of them have enough versions in common."""
    cells = list(dict.fromkeys(cell for machine in machines for cell in machine.cells))
    found = {version for machine in machines for version in machine.versions}
    versions = sorted(found, key=version_key)
    series, used = pooled_series([_spread(one, cells, versions) for one in machines])
    several = used.sum(axis=0) > 1
    if not several.any():
        return None
    counting = [one for one, own in zip(machines, used[:, several], strict=True) if own.any()]
    sizes: dict[str, int] = {}
    for one in counting:
        sizes |= zip(one.cells, one.sizes, strict=True)
    names = [cell for cell, keep in zip(cells, several.tolist(), strict=True) if keep]
    whole = replace(
        counting[0],
        cells=names,
        versions=versions,
        series=series.rows(several),
        half_width=np.full_like(series.x[several], np.nan),
        sizes=[sizes[cell] for cell in names],
        builds=max(one.builds for one in machines),
    )
    return _group(line, counting, whole, len(machines) - len(counting))


def _spread(machine: _Measured, cells: list[str], versions: list[str]) -> Series:
    """Return a machine's series at the places of all cells and versions."""
    x = np.full((len(cells), len(versions)), np.nan)
    covariance = np.full((len(cells), len(versions), len(versions)), 0.0)
    places = {cell: row for row, cell in enumerate(cells)}
    rows = [places[cell] for cell in machine.cells]
    columns = [versions.index(version) for version in machine.versions]
    x[np.ix_(rows, columns)] = machine.series.x
    covariance[np.ix_(rows, columns, columns)] = machine.series.covariance
    return Series(x, covariance)


def _group(
    line: _Line, machines: Sequence[_Measured], measured: _Measured, left_out: int = 0
) -> HistoryGroup:
    return {
        "machine_keys": [machine.family.machine_key for machine in machines],
        "machines": [machine.family.machine_title for machine in machines],
        "device_class": line.device_class,
        "suite": line.suite,
        "environment": line.environment,
        "notes": list(_notes(machines, measured.builds, left_out)),
        "series": series_rows(
            measured.cells, measured.sizes, measured.versions, measured.series, measured.half_width
        ),
    }


def _notes(machines: Sequence[_Measured], builds: int, left_out: int) -> Iterator[str]:
    """Say what does not count, and what is not the same on all machines."""
    if left_out:
        yield f"{counted(left_out, 'machine')} left out: too few versions in common with the others"
    if builds:
        yield f"{counted(builds, 'build')} of no release left out: builds have no order"
    yield from filter(None, (alias_remark(machine.family.submissions) for machine in machines))
    sizes = {size for machine in machines for size in machine.sizes}
    if len(sizes) > 1:
        yield f"the index is over {min(sizes)} to {max(sizes)} cells, as machines measured others"
