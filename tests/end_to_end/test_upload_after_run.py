"""`hfbench-submit run --upload`: measured for real, then proposed to a Hub, there or away."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from tests.conftest import BASE, VERSIONS
from tests.hub import fixtures
from tests.hub.faults import reset
from tests.hub.fixtures import RESULTS
from tests.hub.state import Hub
from tests.submit.uploads import (
    COMMAND,
    STORE,
    Uploader,
    command,
    environment_of,
    only_pull_request,
    outbox_in,
)

from hfbench_schema.tree import proposal_path
from hfbench_submit.environments.environments import Environment
from hfbench_submit.uploading.upload import DELIVERED, TRY_LATER

hub, hub_environment = fixtures.hub, fixtures.hub_environment


@pytest.fixture
def environment(
    environments: Sequence[Environment], hub_environment: Mapping[str, str], tmp_path: Path
) -> dict[str, str]:
    assert environments
    return environment_of(hub_environment, tmp_path / "data", "ada", HFBENCH_STORE=str(STORE))


@pytest.fixture
def running(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that uploads, once it measures: the store has been asked by then."""
    line = [
        *(*COMMAND, "run", "smoke", "--base", BASE, "--with", VERSIONS[1], "--upload"),
        *("--cells", "smoke/vit-tiny/torch-eager/cpu/*", "--process-runs", "1", "--json"),
        # A peak of memory is a measurement even where CI is not quiet.
        *("--role", "memory", "--output", str(tmp_path / "results")),
    ]
    with subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for event in process.stdout:
            if json.loads(event)["event"] == "launch":
                break
        else:
            raise AssertionError(process.communicate()[1])
        yield process
        process.kill()


def document_in(folder: Path) -> Path:
    (path,) = (folder / "results").glob("*.json")
    return path


def test_the_submission_is_proposed_at_the_end(
    hub: Hub, running: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert [request.path.rpartition("/")[2] for request in hub.log] == ["results", "whoami-v2"]
    said, complaints = running.communicate(timeout=300)
    assert running.returncode == DELIVERED, complaints
    path = document_in(tmp_path)
    found = only_pull_request(hub)
    assert found.files == {str(proposal_path(path.stem)): path.read_bytes()}
    assert said.rstrip().endswith(f'/datasets/{RESULTS}/discussions/{found.num}"}}')
    assert Uploader(outbox_in(tmp_path / "data")).outbox.entries()[0].status == "proposed"


def test_a_hub_that_went_away_meanwhile_gets_it_later(
    hub: Hub, environment: dict[str, str], running: subprocess.Popen[str], tmp_path: Path
) -> None:
    hub.faults.randomly({reset(): 1.0}, seed=0)
    _, complaints = running.communicate(timeout=300)
    assert running.returncode == TRY_LATER, complaints
    assert f"queued for {STORE}" in complaints
    assert "Nothing is lost: hfbench-submit outbox flush sends it later" in complaints
    assert "Traceback" not in complaints
    path = document_in(tmp_path)
    (entry,) = outbox_in(tmp_path / "data").entries()
    assert (entry.sha256, entry.status, entry.attempts) == (path.stem, "queued", 0)
    path.unlink()  # the outbox has what it needs
    assert "queued" in command(environment, "outbox", "flush", exit_code=TRY_LATER).stderr
    hub.faults.clear()
    assert command(environment, "outbox", "flush").stdout.startswith("proposed http")
    assert list(only_pull_request(hub).files) == [str(proposal_path(entry.sha256))]
