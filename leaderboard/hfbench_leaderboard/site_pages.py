"""Every page of the site, and every file beside the pages."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from importlib import resources
from typing import Any, Final

from hfbench_aggregate.comparing.tables import Pooled
from hfbench_aggregate.tables import MachineRow
from hfbench_leaderboard.board_view import Board, board_pages, boards
from hfbench_leaderboard.cell_view import cell_pages
from hfbench_leaderboard.charts import forest_axis
from hfbench_leaderboard.claims import checked_claims
from hfbench_leaderboard.comparison_view import (
    answer,
    cell_views,
    comparison_pages,
    reading_order,
)
from hfbench_leaderboard.coverage_view import coverage_pages, coverage_view
from hfbench_leaderboard.downloads import csv_files, explorer_columns, links
from hfbench_leaderboard.feeds import feeds
from hfbench_leaderboard.findings import Finding, finding_pages, findings
from hfbench_leaderboard.index import Index, comparison_path
from hfbench_leaderboard.leaderboard_view import leaderboard_view
from hfbench_leaderboard.mode_view import TABLE as MODES
from hfbench_leaderboard.mode_view import has_modes, mode_pages, modes_path
from hfbench_leaderboard.neighbours_view import neighbours_view
from hfbench_leaderboard.pages import Page, View
from hfbench_leaderboard.pooled_view import pooled_answer, pooled_cells, pooled_csv, pooled_pages
from hfbench_leaderboard.release_reader import MANIFEST
from hfbench_leaderboard.releases_view import listed_releases, other_files
from hfbench_leaderboard.submission_view import SubmissionView, submission_views
from hfbench_schema.canonical import sha256_hex, strict_json

SINGLE_PAGES: Final = (
    "index.html",
    "leaderboard.html",
    "compare.html",
    "regressions.html",
    "costs.html",
    "training.html",
    "explore.html",
    "hardware.html",
    "coverage.html",
    "submissions.html",
    "release.html",
    "releases.html",
    "rules.html",
    "method.html",
    "data.html",
    "submit.html",
    "404.html",
)
"""The pages that every site has, whatever the release holds."""
SHOWN: Final = 8
"""Cells of the first comparison, findings and comparisons that the overview shows."""
LISTED: Final = 500
"""Comparisons or submissions that one page lists; the tables to download have all of them."""
COSTS: Final = 300
"""Rows of each table of costs; the tables to download have all of them."""
NOTES: Final = 20_000
"""Characters of the release notes on its page."""


class Site:
    """What the site of one release consists of; `margin` is that of equivalence."""

    def __init__(self, index: Index, margin: float) -> None:
        self.index, self.margin = index, margin
        self.findings: list[Finding] = findings(index)
        self.boards: list[Board] = boards(index)
        # Firm ones before provisional ones, and A/A checks last; of these, the newest first.
        newest_first = index.newest_first(index.neighbours)
        self.comparisons = sorted(
            index.release.comparisons,
            key=lambda one: (
                one["same_versions"],
                one["provisional"] is not None,
                *newest_first(one),
            ),
        )

    def pages(self) -> Iterator[Page]:
        """Yield all pages."""
        yield from comparison_pages(self.index, self.margin)
        yield from pooled_pages(self.index, self.margin)
        yield from cell_pages(self.index)
        modes = {one: modes_path(one) for one in self.boards if has_modes(self.index, one)}
        yield from board_pages(self.index, self.boards, modes)
        yield from mode_pages(self.index, self.boards)
        yield from finding_pages(self.index, self.findings)
        yield from coverage_pages(self.index)
        yield from map(self._submission, self._sittings)
        views = {
            "index.html": self._overview,
            "leaderboard.html": self._leaderboard,
            "compare.html": self._compare,
            "costs.html": self._costs,
            "training.html": self._training,
            "hardware.html": self._hardware,
            "coverage.html": self._coverage,
            "submissions.html": self._submissions,
            "release.html": self._release,
            "releases.html": self._releases,
            "rules.html": _rules,
            "data.html": self._data,
        }
        for name in SINGLE_PAGES:
            if name != "regressions.html":
                yield self._single(name, views.get(name, dict)())

    def _single(self, name: str, view: View) -> Page:
        # Few, and soon made: they are made anew by every build of another release.
        release = self.index.release
        others = {version: sha256_hex(one[MANIFEST]) for version, one in release.others.items()}
        inputs = [release.manifest, name, others, dict(release.unreadable)]
        return Page(name, name, inputs, lambda: view)

    def files(self) -> dict[str, bytes]:
        """Return what lies beside the pages, by path: feeds, tables, and what modules read."""
        as_of = self.index.release.manifest["as_of"]
        version = self.index.release.manifest["version"]
        paths = [(one, comparison_path(one)) for one in self.comparisons]
        tables = dict(self._csv)
        tables["explorer.json"] = explorer_columns(self.index)
        tables["links.json"] = links(self.index, paths)
        return {
            **feeds(self.findings, as_of),
            **other_files(self.index.release),
            **{f"data/{version}/tables/{name}": data for name, data in tables.items()},
        }

    @cached_property
    def _csv(self) -> dict[str, bytes]:
        of_machines = [one for one in self.findings if not one.is_pooled]
        return csv_files(self.index, of_machines) | pooled_csv(self.index)

    def _overview(self) -> View:
        leading = self._leading
        pooled, shown = self.index.pooled, 0 if leading else 1
        others = [one for one in pooled if one is not leading]
        view: dict[str, Any] = {
            "headline": None,
            "leading": None,
            "first": None,
            "pooled": [pooled_answer(one, self.margin) for one in others[:SHOWN]],
            "pooled_count": len(pooled),
            "comparisons": [self._answer(one) for one in self.comparisons[shown:][:SHOWN]],
            "others": len(self.comparisons) - 1,
            "findings": self.findings[:SHOWN],
            "finding_count": len(self.findings),
            "boards": self.boards,
            "counts": self._counts(),
        }
        return view | self._first(leading)

    def _first(self, leading: Pooled | None) -> dict[str, Any]:
        """Return the answer that the overview begins with; nothing if nothing was compared."""
        if leading:
            ordered: list[Any] = sorted(leading["cells"], key=reading_order)[:SHOWN]
            answered = pooled_answer(leading, self.margin)
            view = {"leading": answered, "cells": pooled_cells(self.index, leading, ordered)}
        elif self.comparisons:
            first = self.comparisons[0]
            ordered = sorted(first["cells"], key=reading_order)[:SHOWN]
            answered = self._answer(first)
            view = {"first": answered, "cells": cell_views(self.index, first, ordered)}
        else:
            return {}
        axis = forest_axis(ordered, self.margin)
        return view | {"headline": answered["headline"], "axis": axis}

    @property
    def _leading(self) -> Pooled | None:
        """The comparison across contributors that answers first, if none is of a newer version."""
        newest = self.index.pooled[:1]
        if not newest or newest[0]["same_versions"] or not newest[0]["tested"]:
            return None
        sides = [one["candidate"] for one in (*newest, *self.comparisons[:1])]
        ages = [self.index.ages.get(side, -1) for side in sides]
        return newest[0] if ages[0] >= ages[-1] else None

    def _answer(self, comparison: Any) -> dict[str, Any]:
        return answer(self.index, comparison, self.margin)

    def _counts(self) -> dict[str, int]:
        release = self.index.release
        return {
            "contributors": len({row["submitter"] for row in release.submissions}),
            "machines": len(release.machines),
            "cells": len({place.cell for place in self.index.cells}),
            "process_runs": sum(row["process_runs"] for row in release.submissions),
        }

    def _leaderboard(self) -> View:
        return {
            **leaderboard_view(self.index, self.boards),
            "has_ranks": "ranks.json" in self.index.tables,
            "has_modes": MODES in self.index.tables,
        }

    def _compare(self) -> View:
        listed = [self._answer(one) for one in self.comparisons[:LISTED]]
        pooled = [pooled_answer(one, self.margin) for one in self.index.pooled[:LISTED]]
        return {"comparisons": listed, "total": len(self.comparisons), "pooled": pooled} | {
            "has_pooled": "pooled.json" in self.index.tables,
            "neighbours": neighbours_view(self.index),
        }

    def _costs(self) -> View:
        return {"most": COSTS, "machine_titles": self._titles()}

    def _titles(self) -> dict[str, str]:
        return {key: row["title"] for key, row in self.index.machines.items()}

    def _training(self) -> View:
        groups = self.index.tables.get("training.json", [])
        return {"groups": groups, "claims": checked_claims(groups)}

    def _hardware(self) -> View:
        return {"machines": [self._machine(row) for row in self.index.release.machines]}

    def _machine(self, row: MachineRow) -> dict[str, Any]:
        key = row["machine_key"]
        sent = [self.index.submissions[name] for name in row["submissions"]]
        places = [place for place in self.index.cells if place.machine_key == key]
        return {
            "machine": row,
            "submitters": sorted({one["submitter"] for one in sent}),
            "submissions": sent,
            "cells": len({place.cell for place in places}),
            "devices": sorted({self.index.device_class(place) for place in places}),
        }

    def _coverage(self) -> View:
        return coverage_view(self.index)

    @cached_property
    def _sittings(self) -> list[SubmissionView]:
        return submission_views(self.index.release)

    def _submissions(self) -> View:
        return {"submissions": self._sittings[:LISTED], "total": len(self._sittings)}

    def _submission(self, sitting: SubmissionView) -> Page:
        name = sitting.facts["sha256"]
        inputs = asdict(sitting)
        return Page(
            f"submission/{name}.html", "submission.html", inputs, lambda: {"submission": sitting}
        )

    def _releases(self) -> View:
        return {"releases": listed_releases(self.index.release)}

    def _release(self) -> View:
        notes = self.index.release.notes
        return {
            "notes": notes[:NOTES],
            "cut": len(notes) > NOTES,
            "diff": self.index.tables.get("diff.json"),
            "audit": self.index.tables.get("audit.json"),
        }

    def _data(self) -> View:
        release = self.index.release
        sizes = {name: len(data) for name, data in release.files.items()}
        return {
            "sizes": sizes,
            "has_parquet": any(name.endswith(".parquet") for name in sizes),
            "csv": sorted(self._csv),
        }


def _rules() -> View:
    """Return the rules of the validator, by group, as the catalogue has them."""
    file = resources.files("hfbench_schema") / "messages.json"
    rules: Mapping[str, Mapping[str, Any]] = strict_json(file.read_bytes())
    groups: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for name, rule in rules.items():
        groups.setdefault(str(rule["group"]), []).append((name, rule))
    return {"groups": groups}
