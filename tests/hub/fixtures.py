"""Fixtures around the test Hub; a conftest.py takes them over by importing them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from tests.hub.server import HubServer
from tests.hub.state import Hub

RESULTS: Final = "hfbench/results"
uploads_large_files = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
"""Marks a test that sends large files, which huggingface_hub 2.4 does in a deprecated way."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub with the dataset hfbench/results, its owner hfbench, and four others.

    A user's token is `hf_` and the name. grace has the role write and ada a token for discussions
    only; both may open pull requests. eve has the role read. The maintainer belongs to the
    organization hfbench.
    """
    with HubServer() as running:
        running.add_user("hfbench", "hf_hfbench")
        running.add_user("maintainer", "hf_maintainer", organizations=("hfbench",))
        running.add_user("grace", "hf_grace")
        running.add_user("ada", "hf_ada", "fine-grained", {"discussion.write"})
        running.add_user("eve", "hf_eve", "read")
        running.add_dataset(RESULTS)
        yield running


@pytest.fixture
def hub_environment(hub: Hub, tmp_path: Path) -> Mapping[str, str]:
    """The whole environment of a subprocess that has this Hub for the Hub, and an empty cache.

    Without a token: add HF_TOKEN.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return ours | {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "hub_home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
    }
