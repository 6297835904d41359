"""Publishing by the real client: one commit, of what has changed, or nothing at all."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.hub.faults import reset, status
from tests.hub.fixtures import hub as hub
from tests.hub.fixtures import hub_environment as hub_environment
from tests.hub.state import Hub
from tests.leaderboard.made_up_release import full_tables, write_release

from hfbench_leaderboard.build import build_site
from hfbench_leaderboard.feeds import ATOM, JSON, with_address
from hfbench_leaderboard.old_site import BUILD_FILE

SPACE = "hfbench/board"
ADDRESS = f"hf://spaces/{SPACE}"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write_release(tmp_path / "store", full_tables())
    return build_site(tmp_path / "store", tmp_path / "site").parent


def publish(
    site: Path, environment: Mapping[str, str], *options: str, user: str = "hfbench"
) -> subprocess.CompletedProcess[str]:
    """Run the real command, on the Hub that its environment names."""
    command = Path(sys.executable).with_name("hfbench-leaderboard")
    arguments = [str(command), "publish", str(site), ADDRESS, *options]
    variables = {**environment, "HF_TOKEN": f"hf_{user}"}
    return subprocess.run(arguments, env=variables, capture_output=True, text=True, check=False)


def commits(hub: Hub) -> int:
    return sum(one.method == "POST" and "/commit/" in one.path for one in hub.log)


def shown(site: Path) -> dict[str, bytes]:
    """Return what the Space is to hold: the site, with links in feeds that lead to the Space."""
    paths = (path for path in site.rglob("*") if path.is_file() and path.name != BUILD_FILE)
    files = {path.relative_to(site).as_posix(): path.read_bytes() for path in paths}
    return files | with_address(files, "https://hfbench-board.static.hf.space")


def test_space_shows_the_site_and_only_changes_are_sent(
    hub: Hub, hub_environment: Mapping[str, str], site: Path, tmp_path: Path
) -> None:
    done = publish(site, hub_environment, "--create")
    assert done.returncode == 0, done.stderr
    first = hub.files(SPACE)
    assert b"sdk: static" in first["README.md"]
    assert {n: d for n, d in first.items() if n not in ("README.md", ".gitattributes")} == shown(
        site
    )
    done = publish(site, hub_environment)
    assert "0 files written, 0 deleted" in done.stdout
    assert commits(hub) == 1

    tables = full_tables()
    tables.cells[2]["centre_ms"] = 41.9
    write_release(tmp_path / "store", tables, "2026.11.2")
    build_site(tmp_path / "store", site)
    assert publish(site, hub_environment).returncode == 0
    assert commits(hub) == 2
    second = hub.files(SPACE)
    assert shown(site).items() <= second.items()
    older = {name for name in first if name.startswith("data/2026.11.1/")}
    assert older
    assert all(second[name] == first[name] for name in older)


def test_failure_is_one_line_and_leaves_the_space_as_it_was(
    hub: Hub, hub_environment: Mapping[str, str], site: Path
) -> None:
    done = publish(site, hub_environment)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "to make one, add --create" in done.stderr
    assert publish(site, hub_environment, "--create").returncode == 0
    before = hub.files(SPACE)
    (site / "index.html").write_bytes(b"changed")
    hub.faults.nth(1, "POST", "/commit/", status(412))
    done = publish(site, hub_environment)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "run the same command again" in done.stderr
    done = publish(site, hub_environment, user="ada")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "may not write" in done.stderr
    hub.faults.nth(1, "POST", "/commit/", reset())
    done = publish(site, hub_environment)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert hub.files(SPACE) == before
    assert publish(site, hub_environment).returncode == 0
    assert hub.files(SPACE)["index.html"] == b"changed"


def test_feeds_lead_to_the_space_or_where_the_build_was_told(
    hub: Hub, hub_environment: Mapping[str, str], site: Path, tmp_path: Path
) -> None:
    assert publish(site, hub_environment, "--create").returncode == 0
    feeds = {name: hub.files(SPACE)[name].decode() for name in (ATOM, JSON)}
    for name, text in feeds.items():
        assert f"https://hfbench-board.static.hf.space/{name}" in text
        assert "https://hfbench-board.static.hf.space/regressions.html" in text
        assert '"../' not in text
    build_site(tmp_path / "store", site, address="https://bench.example/board")
    assert publish(site, hub_environment).returncode == 0
    feeds = {name: hub.files(SPACE)[name].decode() for name in (ATOM, JSON)}
    for name, text in feeds.items():
        assert f"https://bench.example/board/{name}" in text
        assert "hf.space" not in text
        (site / name).write_bytes(b"[]")
        done = publish(site, hub_environment)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "is no feed of hfbench; build the site again" in done.stderr


def test_what_is_no_site_or_no_space_is_refused(
    hub: Hub, hub_environment: Mapping[str, str], tmp_path: Path
) -> None:
    done = publish(tmp_path, hub_environment)
    assert done.returncode == 1
    assert "hfbench-leaderboard build" in done.stderr
    assert not hub.log
