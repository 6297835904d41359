"""Whatever goes wrong, and however often: one open pull request for each document, nothing lost.

By hand, with more documents: HFBENCH_UPLOAD_DOCUMENTS=200 pytest -s -k each_document FILE
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.hub.faults import (
    Fault,
    delayed,
    lost_answer,
    rate_limited,
    reset,
    status,
    truncated,
)
from tests.hub.fixtures import RESULTS
from tests.hub.state import Hub
from tests.submit.uploads import (
    COMMAND,
    STORE,
    Uploader,
    asked,
    command,
    environment_of,
    made_up,
    only_pull_request,
    outbox_in,
    proposed,
    written,
)

from hfbench_submit.uploading.delivery import Patience
from hfbench_submit.uploading.destinations import HubDataset
from hfbench_submit.uploading.outbox import Outbox
from hfbench_submit.uploading.upload import DELIVERED, FAILED, TRY_LATER, upload

ONE = made_up(1)
COMMIT = "/commit/"
COUNT = int(os.environ.get("HFBENCH_UPLOAD_DOCUMENTS", "12"))
CONTRIBUTORS = 12
CHANCES = {
    reset(): 0.12,
    lost_answer(): 0.12,
    truncated(): 0.06,
    status(503): 0.05,
    status(500, processed=True): 0.05,
    status(504, processed=True): 0.05,
    rate_limited(): 0.05,
}
"""Half of all requests go wrong."""


FAULTS = (
    [lost_answer()],
    [reset()],
    [truncated()],
    [status(503), status(408)],
    [rate_limited(), status(429, retry_after=0)],
    [status(412)],
    [status(500, processed=True)],
    [status(502)],
    [status(504, processed=True)],
    [delayed(0.2)],
)


@pytest.mark.parametrize("faults", FAULTS, ids=lambda faults: ", ".join(f.name for f in faults))
def test_a_commit_that_meets_faults_is_one_pull_request(
    hub: Hub, uploader: Uploader, faults: list[Fault]
) -> None:
    for count, fault in enumerate(faults, 1):
        hub.faults.nth(count, "POST", COMMIT, fault)
    outcome = uploader.upload(ONE)
    assert (outcome.exit_code, outcome.problems) == (DELIVERED, [])
    assert only_pull_request(hub).files == proposed(ONE)
    entry = uploader.entry(ONE)
    assert entry.attempts == asked(hub, COMMIT) == 1 + sum(not f.processed for f in faults)
    assert (entry.status, entry.last_error, entry.sent_at) == ("proposed", None, None)


@pytest.mark.parametrize("path", ["paths-info", "discussions", "whoami"])
def test_questions_that_meet_faults_are_asked_again(
    hub: Hub, uploader: Uploader, path: str
) -> None:
    for count, fault in enumerate((reset(), status(503), rate_limited()), 1):
        hub.faults.nth(count, ".*", path, fault)
    assert uploader.upload(ONE).exit_code == DELIVERED
    only_pull_request(hub)


def test_a_hub_that_asks_to_be_left_alone_is_left_alone(hub: Hub, uploader: Uploader) -> None:
    hub.faults.nth(1, "POST", COMMIT, rate_limited(3600))
    outcome = uploader.upload(ONE)
    assert outcome.exit_code == TRY_LATER
    assert "HTTP 429" in outcome.problems[0]
    assert uploader.entry(ONE).request_id
    assert uploader.flush().exit_code == DELIVERED
    only_pull_request(hub)


def test_a_hub_that_stalls_is_not_waited_for(hub: Hub, uploader: Uploader) -> None:
    hub.faults.nth(1, "POST", "paths-info", delayed(60))
    began = time.monotonic()
    outcome = uploader.upload(ONE, patience=Patience(pause_s=0.01, deadline_s=0.4))
    assert time.monotonic() - began < 5
    assert outcome.exit_code == TRY_LATER
    assert "no answer within 0.6 s" in outcome.problems[0]
    assert uploader.flush().exit_code == DELIVERED
    only_pull_request(hub)


@pytest.mark.parametrize(
    ("user", "store", "said"),
    [
        ("nobody", STORE, "HTTP 401"),
        ("eve", STORE, "read-only: it cannot open pull requests"),
        ("grace", HubDataset("hfbench/resluts"), "check the name"),
    ],
)
def test_what_the_hub_refuses_waits_until_it_is_mended(
    hub: Hub,
    uploader: Uploader,
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    store: HubDataset,
    said: str,
) -> None:
    monkeypatch.setenv("HF_TOKEN", f"hf_{user}")
    monkeypatch.setattr("tests.submit.uploads.STORE", store)
    outcome = uploader.upload(ONE)
    assert outcome.exit_code == FAILED
    assert said in outcome.problems[0]
    assert f"hf_{user}" not in outcome.problems[0]
    assert said in (uploader.entry(ONE).last_error or "")
    monkeypatch.undo()
    assert not asked(hub, COMMIT)


def test_offline_is_normal(hub: Hub, hub_environment: Mapping[str, str], tmp_path: Path) -> None:
    environment = environment_of(hub_environment, tmp_path, "ada", HFBENCH_STORE=str(STORE))
    (path,) = written([ONE], tmp_path)
    offline = {**environment, "HF_ENDPOINT": "http://127.0.0.1:1"}
    done = command(offline, "upload", path, exit_code=TRY_LATER)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"queued for {STORE}: 127.0.0.1:1 cannot be reached: ")
    assert line.endswith("Nothing is lost: hfbench-submit outbox flush sends it later")
    assert command(environment, "outbox", "flush").stdout.startswith("proposed ")
    assert only_pull_request(hub).files == proposed(ONE)


def test_what_waits_can_go_elsewhere(
    hub: Hub, uploader: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said: list[str] = []
    for store in (HubDataset("hfbench/resluts"), STORE):
        outcome = upload([ONE], store, said.append, outbox=uploader.outbox)
        assert outcome.exit_code == TRY_LATER
    assert said == [f"{ONE.key} waited for hf://datasets/hfbench/resluts, and goes to {STORE} now"]
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert uploader.flush().exit_code == DELIVERED
    assert only_pull_request(hub).files == proposed(ONE)


def test_two_processes_at_once_open_one_pull_request(
    hub: Hub, hub_environment: Mapping[str, str], tmp_path: Path
) -> None:
    environment = environment_of(hub_environment, tmp_path, "ada")
    (path,) = written([ONE], tmp_path)
    hub.faults.nth(1, "POST", COMMIT, delayed(0.5))
    line = [*COMMAND, "upload", str(path), "--store", str(STORE)]
    both = [
        subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    receipts = {process.communicate(timeout=60)[0] for process in both}
    assert receipts == {f"proposed {hub.endpoint}/datasets/{RESULTS}/discussions/1\n"}
    assert [process.returncode for process in both] == [DELIVERED] * 2
    only_pull_request(hub)


@pytest.mark.usefixtures("uploader")
@pytest.mark.parametrize(
    ("stalled", "before", "signum"),
    [
        (COMMIT, "preupload", signal.SIGKILL),
        (COMMIT, "preupload", signal.SIGINT),
        ("paths-info", "whoami", signal.SIGKILL),
    ],
)
def test_a_process_killed_before_its_answer_comes_leaves_one_pull_request(
    hub: Hub,
    hub_environment: Mapping[str, str],
    tmp_path: Path,
    stalled: str,
    before: str,
    signum: int,
) -> None:
    environment = environment_of(hub_environment, tmp_path, "ada")
    (path,) = written([ONE], tmp_path)
    hub.faults.nth(1, "POST", stalled, delayed(1.5))
    line = [*COMMAND, "upload", str(path), "--store", str(STORE)]
    with subprocess.Popen(line, env=environment, stderr=subprocess.PIPE) as process:
        while not asked(hub, before):
            time.sleep(0.01)
        time.sleep(0.3)  # the stalled request is on its way
        process.send_signal(signum)
        _, said = process.communicate()
    assert process.returncode == (130 if signum == signal.SIGINT else -signum), said
    assert hub.pull_requests(RESULTS) == []
    left = Uploader(outbox_in(tmp_path))
    assert left.entry(ONE).status == "queued"
    assert left.flush(Patience(pause_s=0.1)).exit_code == DELIVERED
    assert only_pull_request(hub).files == proposed(ONE)
    assert left.entry(ONE).attempts == 1


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("uploader")
def test_one_open_pull_request_for_each_document(hub: Hub, tmp_path: Path) -> None:
    # The client repeats this question itself, with pauses of seconds, and it changes nothing.
    hub.faults.randomly({status(503): 0.05}, seed=1, path="/preupload/")
    hub.faults.randomly(CHANCES, seed=2019, path="^(?!.*/preupload/)")
    documents = [made_up(number) for number in range(COUNT)]
    outboxes = [Outbox(tmp_path / f"outbox-{number}") for number in range(CONTRIBUTORS)]

    def deliver(number: int) -> None:
        contributor = Uploader(outboxes[number])
        for document in documents[number::CONTRIBUTORS]:
            for _ in range(2):
                outcome = contributor.upload(document)
                while outcome.exit_code == TRY_LATER:
                    outcome = contributor.flush()
                assert outcome.exit_code == DELIVERED, outcome.problems

    with ThreadPoolExecutor(CONTRIBUTORS) as pool:
        list(pool.map(deliver, range(CONTRIBUTORS)))
    faults = Counter(request.fault for request in hub.log)
    assert faults[None] < 0.7 * len(hub.log)
    pull_requests = hub.pull_requests(RESULTS)
    assert [found.status for found in pull_requests] == ["open"] * COUNT
    found = {path: data for one in pull_requests for path, data in one.files.items()}
    wanted = {path: data for one in documents for path, data in proposed(one).items()}
    assert found == wanted
    for outbox in outboxes:
        assert {entry.status for entry in outbox.entries()} <= {"proposed"}
    sys.stdout.write(f"{COUNT} documents, {len(hub.log)} requests, {dict(faults)}\n")
