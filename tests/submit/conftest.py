"""What the client's tests share: the test Hub, and a contributor who uploads to it."""

import os
from pathlib import Path

import pytest
from tests.hub.fixtures import hub, hub_environment
from tests.hub.state import Hub
from tests.submit.uploads import Uploader

from hfbench_submit.uploading.outbox import Outbox

__all__ = ["hub", "hub_environment", "uploader"]


@pytest.fixture
def uploader(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uploader:
    """A contributor with an empty outbox, and a token that may open pull requests and no more."""
    for name in [name for name in os.environ if name.startswith("HF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_TOKEN", "hf_ada")
    return Uploader(Outbox(tmp_path / "outbox"))
