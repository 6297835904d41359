"""Since which version: the change points in the series of versions, on a machine and over all."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hfbench_aggregate.history.tables import ChangeRow, HistoryGroup, SeriesRow
from hfbench_leaderboard.index import Index, Place
from hfbench_leaderboard.words import counted

TABLE: Final = "history.json"
MOST: Final = 200
"""Change points that the page of changes lists; the table to download has all of them."""


@dataclass(frozen=True)
class Line:
    """The series of one cell, on one machine or over several."""

    group: HistoryGroup
    series: SeriesRow

    @property
    def where(self) -> str:
        """What it is of, for people."""
        machines = len(self.group["machine_keys"])
        if machines == 1:
            return self.group["machines"][0]
        return f"{self.group['device_class']}, {counted(machines, 'machine')}"

    @property
    def inputs(self) -> list[Any]:
        """What pages show of it, without the other series of the group."""
        return [self.where, len(self.group["machine_keys"]), self.group["environment"], self.series]

    @property
    def is_pooled(self) -> bool:
        """Whether it is over several machines."""
        return len(self.group["machine_keys"]) > 1

    @property
    def called(self) -> list[ChangeRow]:
        """The change points that are findings."""
        return [change for change in self.series["changes"] if change["called"]]

    def title_of(self, change: ChangeRow) -> str:
        """Return the environment since which it is so."""
        return f"transformers {change['version']}, {self.group['environment']}"


@dataclass(frozen=True)
class ChangePoint:
    """One change point that is a finding; `path` leads to the page of its cell."""

    line: Line
    change: ChangeRow
    path: str | None

    @property
    def verdict(self) -> str:
        """Which way it went."""
        return "slower" if (self.change["ratio"] or 1.0) > 1 else "faster"


def lines_by_place(index: Index) -> Mapping[Place, Sequence[Line]]:
    """Return the series of each cell on each machine, that of the machine alone first."""
    found: dict[Place, list[Line]] = defaultdict(list)
    for line in _lines(index):
        for machine_key in line.group["machine_keys"]:
            place = Place(machine_key, line.group["suite"], line.series["cell"])
            found[place].append(line)
    for lines in found.values():
        lines.sort(key=lambda line: line.is_pooled)
    return found


def called_changes(index: Index) -> list[ChangePoint]:
    """Return every change point that is a finding: the newest version first, then the largest.

    Of a version, those over several machines come before those of one.
    """
    found = [
        ChangePoint(line, change, _path(index, line))
        for line in _lines(index)
        for change in line.called
    ]
    return sorted(found, key=lambda one: _order(index, one))


def changed_titles(lines: Sequence[Line]) -> dict[str, str]:
    """Return what a machine's own series say of the environments since which they changed."""
    own = [line for line in lines if not line.is_pooled]
    return {line.title_of(change): change["wording"] for line in own for change in line.called}


def _lines(index: Index) -> Iterator[Line]:
    groups: list[HistoryGroup] = index.tables.get(TABLE, [])
    for group in groups:
        for series in group["series"]:
            yield Line(group, series)


def _path(index: Index, line: Line) -> str | None:
    places = (
        Place(key, line.group["suite"], line.series["cell"]) for key in line.group["machine_keys"]
    )
    return next((place.path for place in places if place in index.cells), None)


def _order(index: Index, one: ChangePoint) -> tuple[Any, ...]:
    age = index.ages.get(one.line.title_of(one.change), -1)
    size = abs(math.log(one.change["ratio"] or 1.0))
    return -age, not one.line.is_pooled, -size, one.line.series["cell"], one.line.where
