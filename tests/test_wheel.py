"""The wheel holds what the source tree holds: an editable install would hide a missing file."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PACKAGES = {
    "schema": ["hfbench_schema"],
    "submit": ["hfbench_submit", "hfbench_worker"],
    "aggregate": ["hfbench_aggregate"],
    "leaderboard": ["hfbench_leaderboard"],
}


def test_the_wheel_holds_every_file_of_every_package(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a copy, so that the build leaves nothing in the repository
    for folder in PACKAGES:
        shutil.copytree(REPOSITORY / folder, source / folder)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path)]
    subprocess.run([*build, str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("hfbench-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    for folder, packages in PACKAGES.items():
        for package in packages:
            root = REPOSITORY / folder
            files = [path for path in (root / package).rglob("*") if path.is_file()]
            wanted = {p.relative_to(root).as_posix() for p in files if p.suffix != ".pyc"}
            assert wanted
            assert wanted <= held
