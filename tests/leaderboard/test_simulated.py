"""The simulated store: valid documents, known truth, the same bytes, and a label on every page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.simulated_store import Size, simulate

from hfbench_leaderboard.build import build_site

SMALL = Size(contributors=8, versions=6, cells=24, process_runs=4)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    simulate(folder / "store", SMALL)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_same_size_gives_the_same_bytes(tmp_path: Path) -> None:
    size = Size(contributors=3, versions=2, cells=6, process_runs=3)
    for name in ("one", "other"):
        simulate(tmp_path / name / "store", size, training=False)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def table(folder: Path, name: str) -> Any:
    (release,) = (folder / "store" / "releases").iterdir()
    return json.loads((release / name).read_bytes())


def verdicts(folder: Path) -> Iterator[tuple[float, Row]]:
    """Yield the true ratio of each cell that was compared within sittings, and what is said of it.

    Between sittings of two contributors their hosts differ too, which is no change of a version.
    """
    truth = json.loads((folder / "truth.json").read_bytes())["ratios"]
    titles = {row["machine_key"]: row["title"] for row in table(folder, "machines.json")}
    every = table(folder, "comparisons.json")
    for comparison in (one for one in every if one["design"] == "interleaved"):
        versions = [comparison[side].split(",")[0].split()[1] for side in ("baseline", "candidate")]
        for row in comparison["cells"]:
            ratios = truth[titles[comparison["machine_key"]]].get(row["cell"], {})
            old, new = (ratios.get(version, 1.0) for version in versions)
            yield new / old, row


def test_planted_changes_are_found_and_hardly_any_others(folder: Path) -> None:
    found = [(ratio, row) for ratio, row in verdicts(folder) if row["verdict"] != "insufficient"]
    called = [(ratio, row) for ratio, row in found if row["verdict"] in ("faster", "slower")]
    right = [(ratio > 1) == (row["verdict"] == "slower") and ratio != 1 for ratio, row in called]
    large = [row["verdict"] for ratio, row in found if abs(ratio - 1) > 0.04]
    assert len(found) > 50
    assert sum(right) > 5
    # False discoveries are controlled at 5 % on average; among so few, one or two may be false.
    assert right.count(False) <= 2
    assert large
    assert "equivalent" not in large


def test_every_page_says_that_it_is_simulated(folder: Path) -> None:
    site = build_site(folder / "store", folder / "site").parent
    pages = [*site.rglob("*.html")]
    assert len(pages) > 50
    for page in pages:
        assert "Simulated: nothing here was measured." in page.read_text(), page
