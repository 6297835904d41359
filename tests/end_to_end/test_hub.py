"""The whole way over the Hub, by the commands and the real client: nothing here calls inside."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.hub import fixtures
from tests.hub.fixtures import RESULTS
from tests.hub.state import Hub

hub, hub_environment = fixtures.hub, fixtures.hub_environment
STORE = f"hf://datasets/{RESULTS}"
(REAL,) = Path("tests/schema/corpus").resolve().glob("submission-1/3f50bb1bdb30*.json")
LOAD = """
from datasets import load_dataset
runs = load_dataset("hfbench/results", split="train")
whole = load_dataset("hfbench/results", "submissions", split="train")
run = runs[0]
print(len(runs), len(whole), whole[0]["submitter"], run["status"], len(run["iterations_ns"]))
"""


@pytest.fixture
def environment(hub_environment: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    return {**hub_environment, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}


def command(environment: Mapping[str, str], token: str, *words: str | Path, code: int = 0) -> str:
    program = Path(sys.executable).with_name(str(words[0]))
    done = subprocess.run(
        [program, *words[1:]],
        env={**environment, "HF_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_from_a_disk_to_tables_that_anybody_reads(hub: Hub, environment: dict[str, str]) -> None:
    upload: list[str | Path] = ["hfbench-submit", "upload", REAL, "--store", STORE]
    assert "/discussions/1" in command(environment, "hf_ada", *upload)
    command(environment, "hf_ada", *upload)  # again: there is one all the same
    assert len(hub.pull_requests(RESULTS)) == 1
    said = command(environment, "hf_maintainer", "hfbench-aggregate", "intake", STORE)
    assert "1 accepted, 0 refused, 0 already in the store" in said
    assert "accepted already" in command(environment, "hf_ada", *upload)
    assert "accepted" in command(environment, "hf_ada", "hfbench-submit", "outbox", "list")
    entry = json.loads(next(v for k, v in hub.files(RESULTS).items() if k.startswith("ledger/")))
    assert (entry["submitter"], entry["sha256"]) == ("ada", REAL.stem)
    aggregate = ["hfbench-aggregate", "release", STORE]
    assert f"{STORE}/releases/" in command(environment, "hf_maintainer", *aggregate)
    compact = ["hfbench-aggregate", "compact", STORE, "--before", "2999-01"]
    assert "1 document in 1 part" in command(environment, "hf_maintainer", *compact)
    assert "problems: 0" in command(environment, "hf_eve", "hfbench-aggregate", "verify", STORE)
    assert "accepted already" in command(environment, "hf_ada", *upload)
    loaded = command(environment, "hf_eve", "python", "-c", LOAD)
    assert "4 1 ada ok 16\n" in loaded
