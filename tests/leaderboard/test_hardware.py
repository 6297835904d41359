"""What pages say of machines that have another key: which, why, and what differs."""

from pathlib import Path
from typing import Any

import pytest
from tests.leaderboard.made_up_release import HOSTILE, KEY, SUBMISSION, full_tables, write_release
from tests.leaderboard.made_up_tables import further_tables
from tests.leaderboard.test_site import Markup
from tests.leaderboard.test_trust import text

from hfbench_leaderboard.build import build_site

ALIAS = "m1-0123456789abcdef"


@pytest.fixture
def pages(tmp_path: Path) -> dict[str, Markup]:
    """Build the pages of a release with an alias, by name."""
    tables, further = full_tables(), further_tables()
    (machine,), (submission,) = tables.machines, tables.submissions
    facts: dict[str, Any] = {**machine["facts"], "virtualised": None}
    alias = {"machine_key": ALIAS, "reason": HOSTILE, "facts": facts, "submissions": [SUBMISSION]}
    machine["aliases"] = [{**alias, "differing": ["virtualised cannot be told / no"]}]
    submission["own_machine_key"] = ALIAS
    further["diff.json"]["aliases"] = [f"{ALIAS} none / {KEY}"]
    write_release(tmp_path / "store", tables, further=further)
    build_site(tmp_path / "store", tmp_path / "site")
    names = ("hardware.html", "release.html", f"submission/{SUBMISSION}.html")
    return {name: Markup((tmp_path / "site" / name).read_text()) for name in names}


def test_an_alias_is_shown_with_its_reason_and_with_what_differs(pages: dict[str, Markup]) -> None:
    hardware = pages["hardware.html"]
    assert f"{ALIAS}, 1 submission. A maintainer says why: {HOSTILE}" in text(hardware)
    assert "virtualised cannot be told / no" in text(hardware)
    assert {KEY, ALIAS} <= set(hardware.ids)
    assert "img" not in {name for name, _ in hardware.elements}
    assert f"aliases, before / after: {ALIAS} none / {KEY}" in text(pages["release.html"])


def test_a_submission_under_an_alias_shows_its_own_facts(pages: dict[str, Markup]) -> None:
    shown = pages[f"submission/{SUBMISSION}.html"]
    assert f"Virtualisedcannot be told Machine key{ALIAS}" in text(shown)
    assert f"It counts as {KEY}. A maintainer says why: {HOSTILE}" in text(shown)
    assert f"../hardware.html#{KEY}" in shown.links
