"""The simulated store: valid documents, known truth, the same bytes, and a label on every page."""

from pathlib import Path

import pytest
from benchmarks.simulated_calls import Simulated, tables
from benchmarks.simulated_store import Size, simulate

from hfbench_leaderboard.build import build_site

SMALL = Size(contributors=8, versions=6, cells=24, process_runs=4)


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


def test_planted_changes_are_found_and_hardly_any_others(folder: Path) -> None:
    """Between sittings of two contributors their hosts differ too: no change of a version."""
    every = list(Simulated.of(folder / "store").verdicts())
    found = [
        one for one in every if one.kind == "interleaved" and one.row["verdict"] != "insufficient"
    ]
    called = [one for one in found if one.called]
    large = [one.row["verdict"] for one in found if abs(one.truth) > 0.04]
    assert len(found) > 50
    assert len(called) > 5
    # False discoveries are controlled at 5 % on average; among so few, one or two may be false.
    assert sum(one.false for one in called) <= 2
    assert large
    assert "equivalent" not in large
    text = "\n".join(tables(every))
    assert f"{'interleaved':12}{len(found):17}{len(called):17}" in text


def test_every_page_says_that_it_is_simulated(folder: Path) -> None:
    site = build_site(folder / "store", folder / "site").parent
    pages = [*site.rglob("*.html")]
    assert len(pages) > 50
    for page in pages:
        assert "Simulated: nothing here was measured." in page.read_text(), page
