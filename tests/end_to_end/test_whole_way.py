"""The whole way through, as a newcomer walks it: measure, propose, take in, judge, publish."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import BASE, VERSIONS

from hfbench_submit.environments.environments import Environment

BASELINE, CANDIDATE = VERSIONS
BIN = Path(sys.executable).parent


def command(*arguments: str | Path, exit_code: int = 0) -> str:
    """Run one of the three commands; return all that it prints."""
    done = subprocess.run([BIN / arguments[0], *arguments[1:]], capture_output=True, text=True)
    printed = done.stdout + done.stderr
    assert done.returncode == exit_code, printed
    assert "Traceback" not in printed
    return printed


def measured(submission: dict[str, Any], environment: int) -> int:
    """Count the process runs that are neither failed nor disturbed: CI may not be quiet."""
    runs = [r for r in submission["process_runs"] if r["environment"] == environment]
    return sum(run["status"] in ("ok", "no_steady_state") for run in runs)


@pytest.fixture(scope="module")
def folder(environments: Sequence[Environment], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measure two versions, and one of them twice, for real; `results` holds the submission."""
    assert environments
    folder = tmp_path_factory.mktemp("whole-way")
    versions = [f"--with={version}" for version in (BASELINE, CANDIDATE, CANDIDATE)]
    cells = "--cells=smoke/vit-tiny/*/cpu/*"
    output = f"--output={folder / 'results'}"
    command(
        "hfbench-submit",
        "run",
        "smoke",
        f"--base={BASE}",
        *versions,
        cells,
        "--process-runs=4",
        output,
    )
    return folder


@pytest.fixture(scope="module")
def document(folder: Path) -> Path:
    """The submission's file."""
    (path,) = (folder / "results").glob("*.json")
    return path


def test_the_submission_is_shown_and_valid(document: Path) -> None:
    assert command("hfbench-submit", "validate", document).startswith(f"{document}: accepted\n")
    shown = command("hfbench-submit", "show", document)
    assert "transformers-4.57.6" in shown
    assert "transformers-5.23.0~1" in shown
    submission = json.loads(document.read_bytes())
    assert all(f"{measured(submission, index)}/" in shown for index in range(3))
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_an_edited_submission_is_refused_everywhere(document: Path, tmp_path: Path) -> None:
    edited = json.loads(document.read_bytes())
    edited["process_runs"][0]["iterations_ns"][5] //= 2
    path = tmp_path / document.name
    path.write_bytes(json.dumps(edited, separators=(",", ":"), sort_keys=True).encode())
    assert "HFB006" in command("hfbench-submit", "validate", path, exit_code=1)
    assert "HFB006" in command("hfbench-submit", "show", path, exit_code=1)
    store = tmp_path / "store"
    assert "HFB006" in command("hfbench-submit", "upload", path, f"--store={store}", exit_code=1)
    assert not store.exists()


def test_from_the_submission_to_the_page(document: Path, folder: Path) -> None:
    store, site = folder / "store", folder / "site"
    command("hfbench-submit", "upload", document, f"--store={store}")
    assert "1 accepted" in command("hfbench-aggregate", "intake", store)
    command("hfbench-aggregate", "release", store)
    command("hfbench-aggregate", "verify", store)
    selection = [f"--baseline={BASELINE}", f"--candidate={CANDIDATE}"]
    table = command("hfbench-aggregate", "compare", store, *selection)
    assert "vit-tiny" in table
    submission = json.loads(document.read_bytes())
    counts = [measured(submission, index) for index in range(3)]
    assert f"{counts[0]}/{counts[1]}" in table
    assert "interleaved" in table
    command("hfbench-leaderboard", "build", store, f"--output={site}")
    page = (site / "index.html").read_text()
    assert "5.23.0" in page
    assert "vit-tiny" in page
    (release,) = (store / "releases").iterdir()
    comparisons = json.loads((release / "comparisons.json").read_bytes())
    assert sorted(row["same_versions"] for row in comparisons) == [False, True]
    for row in comparisons:
        (cell,) = row["cells"]
        assert cell["process_runs"] in ([counts[0], counts[1]], [counts[1], counts[2]])
        assert cell["low"] <= cell["ratio"] <= cell["high"]
        assert cell["verdict"] in table or row["same_versions"]
