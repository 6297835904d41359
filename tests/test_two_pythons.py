"""Another Python makes the same release and the same site, byte for byte: `make pythons`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.frozen.stores import frozen_methods, unpacked

from hfbench_aggregate.publication import publish
from hfbench_aggregate.stores.local import LocalStore
from hfbench_leaderboard.build import build_site

SOURCES = ("schema", "submit", "aggregate", "leaderboard")


def others() -> list[Path]:
    """Return the interpreters that `make pythons` has given what hfbench needs."""
    return sorted(Path(os.environ["HFBENCH_CACHE"]).glob("pythons/*/bin/python"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of frozen submissions with a release that this Python made of them."""
    folder = unpacked(frozen_methods()[-1], tmp_path_factory.mktemp("two") / "store")
    shutil.rmtree(folder / "releases")
    shutil.rmtree(folder / "tags")
    assert publish(LocalStore(folder)).new
    return folder


def run(python: Path, command: str, *arguments: str | Path) -> str:
    """Run a command of hfbench, as it is in this checkout, with another Python."""
    code = (
        "import sys; sys.argv[0] = ''; "
        f"from hfbench_{command}.cli import main; print(sys.version_info[:2]); main()"
    )
    path = os.pathsep.join(str(REPOSITORY / source) for source in SOURCES)
    done = subprocess.run(
        [python, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stdout.startswith(str(sys.version_info[:2])), "it is no other Python"
    return done.stdout


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.skipif(not others(), reason="no second Python: make pythons OTHER=python3.13")
def test_another_python_makes_the_same_bytes(store: Path, tmp_path: Path) -> None:
    (release,) = (store / "releases").iterdir()
    site = contents(build_site(store, tmp_path / "site").parent)
    assert len(site) > 100
    for python in others():
        told = run(python, "aggregate", "rebuild", store, release.name)
        assert f"all {len(contents(release))} files are identical" in told
        output = tmp_path / python.parent.parent.name
        run(python, "leaderboard", "build", store, "--output", output)
        assert contents(output) == site
