"""What the overview shows of one comparison: the answer, and how we know."""

from collections.abc import Sequence
from dataclasses import dataclass

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

_ARMS = ("baseline", "candidate")
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
    def differs(self) -> bool:
        """Whether the environments hold different versions."""
        return self.baseline != self.candidate


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
    """Put together the comparisons of a release: between versions first, then the A/A checks."""
    views = [_view(release, comparison, margin) for comparison in release.comparisons]
    return sorted(views, key=lambda view: view.facts["same_versions"])


def _view(release: Release, comparison: Comparison, margin: float) -> ComparisonView:
    key = comparison["machine_key"]
    machine = next(row for row in release.machines if row["machine_key"] == key)
    submissions = _submissions(release, comparison)
    names = (key, comparison["suite"], comparison["baseline"], comparison["candidate"])
    anchor = _anchor("comparison", *names)
    axis = charts.forest_axis(comparison["cells"], margin)
    ordered = sorted(comparison["cells"], key=_reading_order)
    return ComparisonView(
        facts=comparison,
        anchor=anchor,
        headline=headline(comparison, margin),
        machine=machine,
        axis=axis,
        cells=[_cell_view(release, comparison, cell, axis, anchor) for cell in ordered],
        packages=_packages(comparison, submissions),
        submissions=submissions,
    )


def _reading_order(cell: ComparedCell) -> tuple[int, str]:
    return list(VERDICT_SYMBOLS).index(cell["verdict"]), cell["cell"]


def _cell_view(
    release: Release,
    comparison: Comparison,
    cell: ComparedCell,
    axis: charts.ForestAxis,
    anchor: str,
) -> CellView:
    model, detail = cell_name(cell["cell"])
    rows = {arm: _cell_row(release, comparison, arm, cell["cell"]) for arm in _ARMS}
    return CellView(
        row=cell,
        model=model,
        detail=detail,
        anchor=_anchor("cell", anchor, cell["cell"]),
        mark=charts.forest_mark(cell, axis),
        strip=charts.strip(rows, [row["sha256"] for row in release.submissions]),
    )


def _title(comparison: Comparison, arm: str) -> str:
    return comparison["baseline"] if arm == "baseline" else comparison["candidate"]


def _cell_row(release: Release, comparison: Comparison, arm: str, cell: str) -> CellRow | None:
    wanted = (comparison["machine_key"], _title(comparison, arm), cell)
    found = (
        row
        for row in release.cells
        if (row["machine_key"], row["environment"], row["cell"]) == wanted
    )
    return next(found, None)


def _submissions(release: Release, comparison: Comparison) -> list[SubmissionRow]:
    """Return the submissions that a comparison rests on."""
    cells = {cell["cell"] for cell in comparison["cells"]}
    titles = {comparison["baseline"], comparison["candidate"]}
    used = {
        run["submission"]
        for row in release.cells
        if row["machine_key"] == comparison["machine_key"]
        and row["environment"] in titles
        and row["cell"] in cells
        for run in row["process_runs"]
    }
    return [row for row in release.submissions if row["sha256"] in used]


def _packages(comparison: Comparison, submissions: Sequence[SubmissionRow]) -> list[PackageRow]:
    """Return all packages, those that differ first."""
    sides = [_versions(_title(comparison, arm), submissions) for arm in _ARMS]
    if not all(sides):
        return []
    names = sorted(sides[0].keys() | sides[1].keys())
    rows = [PackageRow(name, *(side.get(name, _ABSENT) for side in sides)) for name in names]
    return sorted(rows, key=lambda row: not row.differs)


def _versions(title: str, submissions: Sequence[SubmissionRow]) -> dict[str, str]:
    """Return the versions in an environment, of Python too, over all submissions."""
    found: dict[str, set[str]] = {}
    for facts in _environments(title, submissions):
        for name, version in {"python": facts["python"], **facts["packages"]}.items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _environments(title: str, submissions: Sequence[SubmissionRow]) -> list[EnvironmentFacts]:
    return [
        facts
        for submission in submissions
        for facts in submission["environments"]
        if facts["label"] == title
    ]


def _anchor(kind: str, *names: str) -> str:
    """Return an id that stays when other comparisons or cells come and go."""
    digest = sha256_hex("\n".join(names).encode())
    return f"{kind}-{digest[:10]}"
