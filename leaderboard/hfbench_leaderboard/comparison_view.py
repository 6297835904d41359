"""What the overview shows of one comparison: the answer, and how we know."""

from collections.abc import Sequence
from dataclasses import dataclass

from hfbench_aggregate.environments import environment_of, installed_versions
from hfbench_aggregate.tables import (
    CellRow,
    ComparedCell,
    Comparison,
    MachineRow,
    SubmissionRow,
)
from hfbench_leaderboard import charts
from hfbench_leaderboard.release_reader import Release
from hfbench_leaderboard.words import VERDICT_SYMBOLS, cell_name, headline
from hfbench_schema.canonical import sha256_hex
from hfbench_schema.submission import EnvironmentFacts

_ABSENT = "not installed"


@dataclass(frozen=True)
class CellView:
    """One cell of a comparison, with its marks; `anchor` names it within the page."""

    row: ComparedCell
    model: str
    detail: str
    anchor: str
    mark: charts.ForestMark | None
    strip: charts.Strip


@dataclass(frozen=True)
class PackageRow:
    """One package in both environments; more than one version if submissions differ."""

    name: str
    baseline: str
    candidate: str

    @property
    def kind(self) -> str:
        """`same` version in both environments, `changed`, or in `one` of them only."""
        if self.baseline == self.candidate:
            return "same"
        return "one" if _ABSENT in (self.baseline, self.candidate) else "changed"


@dataclass(frozen=True)
class ComparisonView:
    """One comparison with all that supports it."""

    facts: Comparison
    anchor: str
    headline: str
    machine: MachineRow
    axis: charts.ForestAxis
    cells: list[CellView]
    packages: list[PackageRow]
    submissions: list[SubmissionRow]


def comparison_views(release: Release, margin: float) -> list[ComparisonView]:
    """Put together the comparisons of a release: firm ones, provisional ones, A/A checks."""
    index = _Index(release)
    views = [_view(index, comparison, margin) for comparison in release.comparisons]
    return sorted(views, key=_firmest_first)


def _firmest_first(view: ComparisonView) -> tuple[bool, bool]:
    return view.facts["same_versions"], view.facts["provisional"] is not None


class _Index:
    """The rows of a release by what names them, so that a large release is not searched."""

    def __init__(self, release: Release) -> None:
        self.machines = {row["machine_key"]: row for row in release.machines}
        # In the order of the sittings, not that of their arrival.
        ordered = sorted(release.submissions, key=lambda row: (row["started_at"], row["sha256"]))
        self.submissions = {row["sha256"]: row for row in ordered}
        self.places = {sha256: place for place, sha256 in enumerate(self.submissions)}
        self._cells = {self._name(row): row for row in release.cells}

    def arms(self, comparison: Comparison, cell: str) -> dict[str, CellRow]:
        """Return the rows of a cell by arm, as far as there are any."""
        where = (comparison["machine_key"], comparison["suite"], cell)
        titles = {"baseline": comparison["baseline"], "candidate": comparison["candidate"]}
        names = {arm: (*where, title) for arm, title in titles.items()}
        return {arm: self._cells[name] for arm, name in names.items() if name in self._cells}

    @staticmethod
    def _name(row: CellRow) -> tuple[str, str, str, str]:
        return row["machine_key"], row["suite"], row["cell"], row["environment"]


def _view(index: _Index, comparison: Comparison, margin: float) -> ComparisonView:
    key = comparison["machine_key"]
    submissions = _submissions(index, comparison)
    names = (key, comparison["suite"], comparison["baseline"], comparison["candidate"])
    anchor = _anchor("comparison", *names)
    axis = charts.forest_axis(comparison["cells"], margin)
    ordered = sorted(comparison["cells"], key=_reading_order)
    return ComparisonView(
        facts=comparison,
        anchor=anchor,
        headline=headline(comparison, margin),
        machine=index.machines[key],
        axis=axis,
        cells=[_cell_view(index, comparison, cell, axis, anchor) for cell in ordered],
        packages=_packages(comparison, submissions),
        submissions=submissions,
    )


def _reading_order(cell: ComparedCell) -> tuple[int, str]:
    return list(VERDICT_SYMBOLS).index(cell["verdict"]), cell["cell"]


def _cell_view(
    index: _Index,
    comparison: Comparison,
    cell: ComparedCell,
    axis: charts.ForestAxis,
    anchor: str,
) -> CellView:
    model, detail = cell_name(cell["cell"])
    return CellView(
        row=cell,
        model=model,
        detail=detail,
        anchor=_anchor("cell", anchor, cell["cell"]),
        mark=charts.forest_mark(cell, axis),
        strip=charts.strip(index.arms(comparison, cell["cell"]), index.places),
    )


def _submissions(index: _Index, comparison: Comparison) -> list[SubmissionRow]:
    """Return the submissions that a comparison rests on, by the start of their sittings."""
    used = {
        run["submission"]
        for cell in comparison["cells"]
        for row in index.arms(comparison, cell["cell"]).values()
        for run in row["process_runs"]
    }
    return [row for sha256, row in index.submissions.items() if sha256 in used]


def _packages(comparison: Comparison, submissions: Sequence[SubmissionRow]) -> list[PackageRow]:
    """Return all packages by name."""
    titles = (comparison["baseline"], comparison["candidate"])
    sides = [_versions(title, submissions) for title in titles]
    if not all(sides):
        return []
    names = sorted(sides[0].keys() | sides[1].keys())
    return [PackageRow(name, *(side.get(name, _ABSENT) for side in sides)) for name in names]


def _versions(title: str, submissions: Sequence[SubmissionRow]) -> dict[str, str]:
    """Return the versions in an environment, of Python too, over all submissions."""
    found: dict[str, set[str]] = {}
    for facts in _environments(title, submissions):
        for name, version in {"python": facts["python"], **installed_versions(facts)}.items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _environments(title: str, submissions: Sequence[SubmissionRow]) -> list[EnvironmentFacts]:
    return [
        facts
        for submission in submissions
        for facts in submission["environments"]
        if environment_of(facts).title == title
    ]


def _anchor(kind: str, *names: str) -> str:
    """Return an id that stays when other comparisons or cells come and go."""
    digest = sha256_hex("\n".join(names).encode())
    return f"{kind}-{digest[:10]}"
