"""What all tests share: real measured environments, built once, and a real submission's facts."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
os.environ.setdefault("HFBENCH_CACHE", str(REPOSITORY / ".cache"))
os.environ.setdefault("PIP_CONSTRAINT", str(REPOSITORY / "constraints.txt"))

from hfbench_submit.environments.environments import Environment, build_environments  # noqa: E402

BASE = "torch==2.13.0"
VERSIONS = ("transformers==4.57.6", "transformers==5.23.0")


@pytest.fixture(scope="session")
def environments() -> Sequence[Environment]:
    """Two real environments: torch with transformers 4.57.6 and with 5.23.0."""
    return build_environments(BASE, VERSIONS, print)
