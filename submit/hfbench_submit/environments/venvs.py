"""Virtual environments: complete ones, layers over a base, and what they hold."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from hfbench_submit.errors import SubmitError

_PROBE = """
import importlib.metadata, json, re
versions, commits = {}, {}
for d in importlib.metadata.distributions():
    if d.metadata["Name"] and d.version:
        name = re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower()
        if name not in versions:
            versions[name] = d.version
            origin = json.loads(d.read_text("direct_url.json") or "{}")
            commits[name] = origin.get("vcs_info", {}).get("commit_id")
print(json.dumps({"packages": versions, "commits": commits}))
"""


def make_venv(folder: Path, *, pip: bool) -> None:
    """Make an empty virtual environment of the interpreter that runs this.

    Raises:
        SubmitError: this Python cannot; the message holds what it says.
    """
    options = [] if pip else ["--without-pip"]
    command = [sys.executable, "-m", "venv", *options, str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if made.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise SubmitError(
            f"Python cannot make virtual environments here: {(made.stdout + made.stderr).strip()}"
        )


def make_layer(folder: Path, base: Path | None) -> None:
    """Make an empty virtual environment that sees the packages of a base, by a `.pth` file."""
    make_venv(folder, pip=False)
    if base is not None:
        link = _site_packages(folder) / "hfbench-base.pth"
        link.write_text(f"{_site_packages(base)}\n")


def copy_venv(folder: Path, target: Path) -> None:
    """Copy a virtual environment; its interpreter works in the copy, its scripts do not.

    Raises:
        SubmitError: it cannot be copied, as when the disk is full.
    """
    try:
        shutil.copytree(folder, target, symlinks=True, dirs_exist_ok=True)
    except shutil.Error as error:  # it has an error for each file
        raise SubmitError(f"{folder} cannot be copied: {error.args[0][0][2]}") from error


def installed(folder: Path) -> tuple[dict[str, str], dict[str, str | None]]:
    """Return the version of each package that an environment sees, and the commit if it has one."""
    command = [str(folder / "bin" / "python"), "-I", "-c", _PROBE]
    answer = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    probe = json.loads(answer.stdout)
    return probe["packages"], probe["commits"]


def size_on_disk(folder: Path) -> int:
    """Return what a folder takes, in bytes."""
    paths = (Path(parent) / file for parent, _, files in os.walk(folder) for file in files)
    return sum(path.lstat().st_blocks * 512 for path in paths)


def _site_packages(folder: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return folder / "lib" / version / "site-packages"
