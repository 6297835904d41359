"""The site of a release on the Hub: the same as from a folder, whatever happens meanwhile."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.hub import fixtures
from tests.hub.fixtures import RESULTS
from tests.hub.state import Hub
from tests.leaderboard.made_up_release import full_tables, lone_tables, write_release
from tests.leaderboard.test_site import contents

from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.stores.hub import HubStore
from hfbench_leaderboard.build import build_site
from hfbench_leaderboard.cli import main
from hfbench_leaderboard.release_reader import ReleaseError

hub, hub_environment = fixtures.hub, fixtures.hub_environment
ADDRESS = f"hf://datasets/{RESULTS}"
COMMAND = str(Path(sys.executable).with_name("hfbench-leaderboard"))


@pytest.fixture
def published(hub: Hub, tmp_path: Path) -> Path:
    """A folder with two releases, which are in the dataset as well."""
    store = tmp_path / "store"
    write_release(store, lone_tables(), "2026.9.2")
    write_release(store, full_tables())
    hub.push(RESULTS, "main", contents(store))
    return store


def build(environment: Mapping[str, str], folder: Path, *arguments: str, code: int = 0) -> str:
    line = [COMMAND, "build", *arguments]
    done = subprocess.run(line, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_it_is_the_site_of_the_same_folder(
    hub_environment: Mapping[str, str], published: Path, tmp_path: Path
) -> None:
    assert build(hub_environment, tmp_path, ADDRESS) == f"{Path('site', 'index.html')}\n"
    assert contents(tmp_path / "site") == contents(build_site(published, tmp_path / "two").parent)
    build(hub_environment, tmp_path, ADDRESS, "--release", "2026.9.2")
    older = build_site(published, tmp_path / "two", "2026.9.2").parent
    assert contents(tmp_path / "site") == contents(older)


def test_what_is_read_is_pinned(hub: Hub, published: Path, tmp_path: Path) -> None:
    store = HubStore(RESULTS, hub.endpoint, "hf_eve")
    pinned = newest(store)
    changed = {f"releases/2026.11.1/{name}": b"[]" for name in ("cells.json", "machines.json")}
    hub.push(RESULTS, "main", changed)
    page = build_site(pinned, tmp_path / "pinned")
    assert contents(page.parent) == contents(build_site(published, tmp_path / "site").parent)
    with pytest.raises(ReleaseError) as refused:
        build_site(newest(store), tmp_path / "pinned")
    assert "release 2026.11.1: cells.json is corrupt" in str(refused.value)
    assert f"restore {ADDRESS}/releases/2026.11.1 from a backup" in str(refused.value)


@pytest.mark.usefixtures("published")
def test_errors_are_one_message(hub_environment: Mapping[str, str], tmp_path: Path) -> None:
    missing = build(hub_environment, tmp_path, ADDRESS, "--release", "2026.12.1", code=1)
    assert f"{ADDRESS} holds no release 2026.12.1; it holds 2026.9.2, 2026.11.1" in missing
    unknown = build(hub_environment, tmp_path, f"{ADDRESS}-2", code=1)
    assert "hides the dataset from those without" in unknown
    offline = build({**hub_environment, "HF_HUB_OFFLINE": "1"}, tmp_path, ADDRESS, code=1)
    assert "cannot be used while HF_HUB_OFFLINE is set" in offline
    assert [text.count("\n") for text in (missing, unknown, offline)] == [1, 1, 1]


@pytest.mark.parametrize("address", ["s3://bucket/store", "hf:datasets/a/b", "hf://datasets/a"])
def test_an_address_of_no_store_is_refused(address: str) -> None:
    result = CliRunner().invoke(main, ["build", address])
    assert result.exit_code == 1
    assert "give a folder, or a dataset on the Hub as hf://datasets/ORG/NAME" in result.output
