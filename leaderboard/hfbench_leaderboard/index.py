"""The rows of a release by what names them, so that no page searches a large release."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from hfbench_aggregate.comparing.tables import Pooled
from hfbench_aggregate.environments import environment_of
from hfbench_aggregate.tables import CellRow, Comparison, MachineRow, SubmissionRow
from hfbench_leaderboard.release_reader import Release, ReleaseError, table
from hfbench_schema.canonical import sha256_hex
from hfbench_schema.cells import parse_cell
from hfbench_schema.submission import Machine

CPU: Final = "CPU"
FURTHER: Final = (
    "audit.json",
    "coverage.json",
    "diff.json",
    "findings.json",
    "history.json",
    "mode_ranks.json",
    "pooled.json",
    "ranks.json",
    "training.json",
)
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_DIGITS: Final = 12


@dataclass(frozen=True, order=True)
class Place:
    """One cell of a suite on one machine: what a cell page is about."""

    machine_key: str
    suite: str
    cell: str

    @cached_property
    def path(self) -> str:
        """The page's path, readable where the names are; it stays when others come and go."""
        parts = (self.machine_key, self.suite, self.cell.replace("/", "_"))
        if all(_PLAIN.fullmatch(part) for part in parts):
            return f"cell/{'/'.join(parts)}.html"
        return f"cell/{digest(*parts)}.html"


def digest(*names: str) -> str:
    """Return a short name for what several names stand for together."""
    return sha256_hex("\n".join(names).encode())[:_DIGITS]


def comparison_path(comparison: Comparison, page: int = 1) -> str:
    """Return the path of a comparison's page; further pages are numbered."""
    names = (comparison["machine_key"], comparison["suite"])
    name = digest(*names, comparison["baseline"], comparison["candidate"])
    return f"compare/{name}{f'-{page}' if page > 1 else ''}.html"


def pooled_path(pooled: Pooled, page: int = 1) -> str:
    """Return the path of the page of a comparison across contributors, as of one machine."""
    names = (pooled["device_class"], pooled["suite"], pooled["baseline"], pooled["candidate"])
    return f"pooled/{digest(*names)}{f'-{page}' if page > 1 else ''}.html"


def device_class(cell_id: str, machine: Machine) -> str:
    """Return what kind of device a cell ran on: `CPU`, or the name of the accelerator."""
    try:
        on_cpu = parse_cell(cell_id).device == "cpu"
    except ValueError:
        on_cpu = not machine["accelerators"]
    if on_cpu or not machine["accelerators"]:
        return CPU
    return machine["accelerators"][0]["name"]


def further_tables(release: Release) -> dict[str, Any]:
    """Return the tables of a release that this package knows and not every release has.

    Raises:
        ReleaseError: one of them is no list of rows.
    """
    found: dict[str, Any] = {}
    for name in FURTHER:
        if name in release.files:
            found[name] = table(release.files[name], name)
            if not isinstance(found[name], list | dict):
                raise ReleaseError(f"{name} is no table")
    return found


class Index:
    """A release's rows by name; environments from old to new.

    `tables` holds the tables that not every release has, by file name; the others are fields of the
    release.
    """

    def __init__(self, release: Release) -> None:
        self.release = release
        self.machines: dict[str, MachineRow] = {row["machine_key"]: row for row in release.machines}
        # In the order of the sittings, not that of their arrival.
        ordered = sorted(release.submissions, key=lambda row: (row["started_at"], row["sha256"]))
        self.submissions: dict[str, SubmissionRow] = {row["sha256"]: row for row in ordered}
        self._in_order = list(self.submissions.values())
        self.tables = further_tables(release)
        self.numbers = {sha256: number for number, sha256 in enumerate(self.submissions)}

    @cached_property
    def environments(self) -> list[str]:
        """The titles of all environments, from old to new, replicas beside what they repeat."""
        rows = self.release.submissions
        found = {environment_of(facts) for row in rows for facts in row["environments"]}
        known = [one.title for one in sorted(found, key=lambda one: one.sort_key)]
        others = {row["environment"] for row in self.release.cells} - set(known)
        return [*known, *sorted(others)]

    @cached_property
    def ages(self) -> dict[str, int]:
        """The place of each environment among all, the oldest first."""
        return {title: place for place, title in enumerate(self.environments)}

    @cached_property
    def cells(self) -> dict[Place, list[CellRow]]:
        """The rows of each cell on each machine, by environment from old to new."""
        found: dict[Place, list[CellRow]] = defaultdict(list)
        for row in self.release.cells:
            found[Place(row["machine_key"], row["suite"], row["cell"])].append(row)
        for rows in found.values():
            rows.sort(key=lambda row: self.ages[row["environment"]])
        return dict(found)

    @cached_property
    def _rows(self) -> dict[tuple[str, str, str, str], CellRow]:
        return {
            (row["machine_key"], row["suite"], row["cell"], row["environment"]): row
            for row in self.release.cells
        }

    def row(self, place: Place, environment: str) -> CellRow | None:
        """Return the row of a cell in an environment."""
        return self._rows.get((place.machine_key, place.suite, place.cell, environment))

    def device_class(self, place: Place) -> str:
        """Return the kind of device of a cell on a machine."""
        return device_class(place.cell, self.machines[place.machine_key]["facts"])

    @cached_property
    def neighbours(self) -> list[Comparison]:
        """The comparisons of two versions between which the machine has measured no other.

        They tell where a change came in; all others span several of them.
        """
        return self._neighbours(self.release.comparisons, "machine_key")

    @cached_property
    def pooled(self) -> list[Pooled]:
        """The comparisons across contributors: the newest versions first, A/A last."""
        found: list[Pooled] = self.tables.get("pooled.json", [])
        return sorted(found, key=self.newest_first(self._neighbours(found, "device_class")))

    @cached_property
    def pooled_neighbours(self) -> list[Pooled]:
        """Those of them between whose versions contributors have compared no other."""
        return self._neighbours(self.pooled, "device_class")

    @cached_property
    def pooled_by_machine(self) -> dict[tuple[str, str, str, str], list[Pooled]]:
        """The comparisons across contributors by machine, suite, baseline and candidate."""
        found: dict[tuple[str, str, str, str], list[Pooled]] = defaultdict(list)
        for one in self.pooled:
            for machine_key in sorted({study["machine_key"] for study in one["studies"]}):
                found[machine_key, one["suite"], one["baseline"], one["candidate"]].append(one)
        return dict(found)

    @cached_property
    def by_pair(self) -> dict[tuple[str, str, str, str], Comparison]:
        """The comparisons of single machines by machine, suite, baseline and candidate."""
        return {
            (one["machine_key"], one["suite"], one["baseline"], one["candidate"]): one
            for one in self.release.comparisons
        }

    def across(self, comparison: Comparison) -> list[Pooled]:
        """Return what contributors found together of the pair that a machine compared."""
        sides = comparison["suite"], comparison["baseline"], comparison["candidate"]
        return self.pooled_by_machine.get((comparison["machine_key"], *sides), [])

    def newest_first(self, neighbours: Iterable[Any]) -> Callable[[Any], tuple[Any, ...]]:
        """Return what orders comparisons: A/A last, then the newest versions, neighbours first."""
        near, ages = {id(one) for one in neighbours}, self.ages
        return lambda one: (
            one["same_versions"],
            -ages.get(one["candidate"], -1),
            id(one) not in near,
            -ages.get(one["baseline"], -1),
            -len(one["cells"]),
        )

    def _neighbours(self, comparisons: Iterable[Any], where: str) -> list[Any]:
        """Return the comparisons of adjacent versions, of those that share `where` and all else."""
        versions = [one for one in comparisons if not one["same_versions"]]
        held: dict[tuple[str, str, frozenset[str]], set[str]] = defaultdict(set)
        for one in versions:
            held[_alike(one, where)] |= {one["baseline"], one["candidate"]}
        orders = {key: sorted(titles, key=self._age) for key, titles in held.items()}
        return [one for one in versions if _adjacent(one, orders[_alike(one, where)])]

    def _age(self, title: str) -> int:
        return self.ages.get(title, -1)

    def submissions_of(self, rows: Iterable[CellRow]) -> list[SubmissionRow]:
        """Return the submissions behind some rows, by the start of their sittings."""
        used = {run["submission"] for row in rows for run in row["process_runs"]}
        known = sorted(self.numbers[sha256] for sha256 in used if sha256 in self.numbers)
        return [self._in_order[number] for number in known]


def _adjacent(comparison: Any, order: list[str]) -> bool:
    return order.index(comparison["candidate"]) - order.index(comparison["baseline"]) == 1


def _alike(comparison: Any, where: str) -> tuple[str, str, frozenset[str]]:
    """Return where it was measured, the suite, and what both environments share."""
    baseline, candidate = (comparison[side].split(", ") for side in ("baseline", "candidate"))
    shared = frozenset(baseline) & frozenset(candidate)
    return comparison[where], comparison["suite"], shared
