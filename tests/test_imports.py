"""Imports point one way, and the client stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
ALLOWED = {
    "schema/hfbench_schema": {"hfbench_schema"},
    "submit/hfbench_submit": {"hfbench_schema", "hfbench_submit", "hfbench_worker"},
    "submit/hfbench_worker": {"hfbench_worker"},
    "aggregate/hfbench_aggregate": {"hfbench_schema", "hfbench_aggregate"},
    "leaderboard/hfbench_leaderboard": {
        "hfbench_schema",
        "hfbench_aggregate",
        "hfbench_leaderboard",
    },
}
BLOCK_HEAVY_PACKAGES = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "tensorflow", "numpy", "pandas", "transformers"}:
            raise AssertionError(f"the client imports {name}")
sys.meta_path.insert(0, Blocker())
"""


def imported_packages(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names.add(node.module or "")
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_point_one_way(folder: str) -> None:
    files = list((REPOSITORY / folder).rglob("*.py"))
    assert files
    for file in files:
        ours = {name for name in imported_packages(file) if name.startswith("hfbench")}
        assert ours <= ALLOWED[folder], file


def test_worker_imports_only_its_framework() -> None:
    for file in (REPOSITORY / "submit/hfbench_worker").glob("*.py"):
        foreign = imported_packages(file) - sys.stdlib_module_names
        assert foreign <= {"hfbench_worker", "transformers", *_frameworks(file.name)}, file


def _frameworks(file: str) -> set[str]:
    """A framework's own files may import it, and numpy where it comes with it."""
    if file.startswith("tensorflow"):
        return {"tensorflow", "tf_keras", "numpy"}
    if file.startswith("torch") or file == "fork_server.py":
        return {"torch", "numpy"}
    return {"numpy"} if file == "examples.py" else set()


@pytest.mark.parametrize("module", ["hfbench_submit", "hfbench_submit.cli", "hfbench_schema"])
def test_client_imports_without_frameworks(module: str) -> None:
    code = BLOCK_HEAVY_PACKAGES + f"import {module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_stay_small() -> None:
    for folder in ALLOWED:
        for file in (REPOSITORY / folder).rglob("*.py"):
            assert len(file.read_text().splitlines()) < 400, file
