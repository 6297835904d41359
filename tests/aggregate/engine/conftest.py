"""What the tests of the engine share: a cache of their own, so that indexes begin empty."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let indexes lie below the test's folder; return where."""
    monkeypatch.setenv("HFBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "indexes"
