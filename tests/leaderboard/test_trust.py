"""What a submission's page says of trust: the tier, what it means, and who measured the same."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.leaderboard.made_up_release import (
    HOSTILE,
    SUBMISSION,
    full_tables,
    write_release,
)
from tests.leaderboard.test_site import Markup

from hfbench_aggregate.trust import TIERS
from hfbench_leaderboard.build import build_site
from hfbench_leaderboard.release_reader import ReleaseError
from hfbench_leaderboard.words import TRUST_EXPLANATIONS
from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json

OTHER = sha256_hex(b"the same, measured elsewhere")


def page(folder: Path, *, trusted: dict[str, Any] | None = None, **first: Any) -> Markup:
    """Return the page of the first of two submissions; `first` is what is said of it."""
    tables = full_tables()
    (row,) = tables.submissions
    tables.submissions.append({**row, "sha256": OTHER, "submitter": "grace"})
    row.update(first)
    release = write_release(folder / "store", tables)
    if trusted:
        manifest = strict_json((release / "manifest.json").read_bytes())
        data = canonical_bytes({**manifest, "trusted": trusted})
        (release / "manifest.json").write_bytes(data)
    build_site(folder / "store", folder / "site")
    return Markup((folder / "site" / "submission" / f"{SUBMISSION}.html").read_text())


def text(markup: Markup) -> str:
    return re.sub(r"\s+", " ", markup.text)


def test_every_tier_is_explained() -> None:
    assert tuple(TRUST_EXPLANATIONS) == TIERS


def test_whoever_measured_the_same_is_named(tmp_path: Path) -> None:
    seen = {"by": OTHER, "agreeing": 5, "shared": 6}
    shown = page(tmp_path, trust="reproduced", corroboration=seen)
    assert f"reproduced. {TRUST_EXPLANATIONS['reproduced']}" in text(shown)
    assert "It agrees with a submission of grace in 5 of 6 shared cells." in text(shown)
    assert f"../submission/{OTHER}.html" in shown.links


def test_automation_is_shown_with_its_provenance(tmp_path: Path) -> None:
    trusted = {"maintainers": [], "automation": {"octocat": HOSTILE}}
    shown = page(tmp_path, trusted=trusted, trust="attested", corroboration=None)
    assert f"{TRUST_EXPLANATIONS['attested']} They say of it: {HOSTILE}." in text(shown)
    assert "img" not in {name for name, _ in shown.elements}
    assert "It agrees" not in text(shown)


def test_a_release_of_the_first_version_says_nothing_of_trust(tmp_path: Path) -> None:
    assert "Trust" not in text(page(tmp_path))


def test_a_tier_that_is_none_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="made by another version of hfbench"):
        page(tmp_path, trust="blessed", corroboration=None)
