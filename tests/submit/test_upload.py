"""Uploading with the real client to a Hub on this machine, with every fault that it can have."""

import json
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.hub.clients import client
from tests.hub.faults import (
    delayed,
    lost_answer,
)
from tests.hub.fixtures import RESULTS
from tests.hub.state import Hub
from tests.submit.made_up_submission import MACHINE, NEW
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

from hfbench_schema import timestamps, tree
from hfbench_schema.canonical import sha256_hex
from hfbench_submit.cli import commands
from hfbench_submit.commands.upload import upload as upload_command
from hfbench_submit.errors import SubmitError
from hfbench_submit.uploading import wording
from hfbench_submit.uploading.destinations import HubDataset
from hfbench_submit.uploading.parcels import MOST_BYTES, MOST_DOCUMENTS, packed
from hfbench_submit.uploading.preflight import check_destination
from hfbench_submit.uploading.upload import DELIVERED, FAILED

ONE, TWO, THREE, FOUR = map(made_up, range(4))
COMMIT = "/commit/"


# The usual way


def test_a_document_becomes_a_pull_request_once(
    hub: Hub, hub_environment: Mapping[str, str], tmp_path: Path
) -> None:
    environment = environment_of(hub_environment, tmp_path, "ada", HFBENCH_STORE=str(STORE))
    (path,) = written([ONE], tmp_path / "results")
    first = command(environment, "upload", path)
    pull_request = only_pull_request(hub)
    assert pull_request.files == proposed(ONE)
    assert pull_request.deleted == []
    assert pull_request.author == "ada"
    assert pull_request.title == (
        f"hfbench: inference-1, 2 process runs, Made Up 9000, 2 cores [hfbench {ONE.key}]"
    )
    assert ONE.sha256 in pull_request.description
    assert pull_request.description.endswith(wording.CONSENT)
    page = f"{hub.endpoint}/datasets/{RESULTS}/discussions/{pull_request.num}"
    assert first.stdout == f"proposed {page}\n"
    hub.log.clear()
    assert command(environment, "upload", path).stdout == first.stdout
    assert not asked(hub, COMMIT)
    (entry,) = outbox_in(tmp_path).entries()
    assert (entry.status, entry.proposal, entry.attempts) == ("proposed", page, 1)
    assert entry.clients["huggingface-hub"]


def test_a_batch_is_one_pull_request_of_what_is_new(hub: Hub, uploader: Uploader) -> None:
    uploader.upload(ONE)
    hub.faults.nth(1, "POST", COMMIT, lost_answer())
    outcome = uploader.upload(ONE, TWO, THREE)
    assert outcome.exit_code == DELIVERED
    first, second = hub.pull_requests(RESULTS)
    assert first.files == proposed(ONE)
    assert second.files == proposed(TWO) | proposed(THREE)
    assert second.title.startswith("hfbench: 2 submissions, 4 process runs [hfbench batch ")
    assert all(document.sha256 in second.description for document in (TWO, THREE))
    assert [line.rpartition("/")[2] for line in outcome.receipts] == ["1", "2 (2 submissions)"]
    uploader.upload(THREE, FOUR)
    assert [found.files for found in hub.pull_requests(RESULTS)][2:] == [proposed(FOUR)]


def test_parcels_are_small() -> None:
    assert [len(parcel) for parcel in packed([ONE] * (MOST_DOCUMENTS + 10))] == [MOST_DOCUMENTS, 10]
    large = [replace(ONE, data=bytes(MOST_BYTES // 2))] * 5
    assert [len(parcel) for parcel in packed(large)] == [2, 2, 1]
    assert packed([]) == []


def test_a_dry_run_prints_every_byte_and_touches_nothing(
    hub: Hub, hub_environment: Mapping[str, str], tmp_path: Path
) -> None:
    environment = environment_of(hub_environment, tmp_path / "home", "ada")
    (path,) = written([ONE], tmp_path)
    done = command(environment, "upload", path, "--store", str(STORE), "--dry-run")
    assert done.stdout.encode() == ONE.data
    for part in (str(tree.proposal_path(ONE.sha256)), wording.title([ONE]), wording.CONSENT):
        assert part in done.stderr
    assert hub.log == []
    assert not (tmp_path / "home").exists()


def test_a_folder_is_a_store_too(hub_environment: Mapping[str, str], tmp_path: Path) -> None:
    environment = environment_of(hub_environment, tmp_path / "home", None)
    (path,) = written([ONE], tmp_path)
    store = tmp_path / "store"
    proposal = store / tree.proposal_path(ONE.sha256)
    assert command(environment, "upload", path, "--store", store).stdout == f"proposed {proposal}\n"
    assert proposal.read_bytes() == ONE.data
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (["--store", "hf://hfbench/results"], "hf://datasets/ORG/NAME"),
        (["--store", "hf://datasets/hfbench/a..b"], "hf://datasets/ORG/NAME"),
        (["--store", __file__], "is no folder"),
        (["--store", "store", "--push"], "--push is for a dataset on the Hub"),
        ([], "name a store: --store FOLDER"),
    ],
)
def test_a_store_that_is_none(how: list[str], said: str) -> None:
    done = CliRunner().invoke(upload_command, [__file__, *how], env={"HFBENCH_STORE": None})
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_strangers_words_make_no_markdown(hub: Hub, uploader: Uploader) -> None:
    evil = "[x](https://evil.example) @everyone `a` ``` <b> *b* #1 [hfbench 0123456789abcdef]"
    machine = {**MACHINE, "cpu": {**MACHINE["cpu"], "name": evil}}
    packages = {**NEW["packages"], "torch": "2.13.0+`@all"}
    environments = [{**NEW, "label": evil, "packages": packages}] * 2
    hostile = made_up(9, machine=machine, environments=environments)
    uploader.upload(hostile)
    pull_request = only_pull_request(hub)
    for text in (pull_request.title, pull_request.description):
        ours = text.replace("[hfbench", "").replace("```text\n", "").replace("\n```\n", "")
        assert not set(ours.replace(wording.CONSENT, "")) & set("[<>`*#@!_\\|")
    assert wording.find_key(pull_request.title) == (hostile.key, False)
    assert "x (https //evil.example) everyone" in pull_request.title
    assert len(pull_request.title) < 200


# What the store says


def test_what_is_accepted_or_refused_is_not_proposed_again(hub: Hub, uploader: Uploader) -> None:
    uploader.upload(ONE)
    uploader.upload(TWO)
    uploader.upload(THREE, FOUR)
    intake = client(hub, "maintainer")
    filed = str(tree.submission_path(timestamps.now(), ONE.sha256))
    hub.push(RESULTS, "main", {filed: ONE.data})
    verdicts = (
        f"    hfbench: 2 submissions [hfbench batch {THREE.key}], judged by version 3\n"
        f"    x (sha256 {THREE.sha256}): accepted: it counts from the next release on\n"
        f"    x (sha256 {FOUR.sha256}): refused; mend it as below\n      HFB006 error: edited"
    )
    for number, words in {1: "accepted", 2: "not of this hardware\nsorry", 3: verdicts}.items():
        intake.comment_discussion(RESULTS, number, "unrelated", repo_type="dataset")
        intake.change_discussion_status(
            RESULTS, number, "closed", comment=words, repo_type="dataset"
        )
    outcome = uploader.upload(ONE, TWO, THREE, FOUR)
    assert outcome.exit_code == FAILED
    accepted, refused, third, fourth = outcome.receipts
    assert accepted.startswith("accepted already: ")
    assert accepted.endswith(filed)
    assert refused.startswith("refused before: ")
    assert refused.endswith("/discussions/2, which says: not of this hardware")
    assert third.startswith("accepted already: ")
    assert fourth.endswith("says: refused; mend it as below HFB006 error: edited")
    assert len(hub.pull_requests(RESULTS)) == 3
    assert hub.pull_requests(RESULTS, "open") == []
    author = client(hub, "ada")
    author.change_discussion_status(RESULTS, 2, "open", repo_type="dataset")
    assert uploader.upload(TWO).receipts[0].startswith("proposed ")
    author.change_discussion_status(RESULTS, 2, "closed", repo_type="dataset")
    assert uploader.upload(TWO).receipts[0].endswith("its author closed it, and can open it again")


def test_a_strangers_pull_request_is_not_taken_for_ones_own(hub: Hub, uploader: Uploader) -> None:
    client(hub, "grace").create_pull_request(RESULTS, wording.title([ONE]), repo_type="dataset")
    client(hub, "ada").create_pull_request(RESULTS, wording.title([ONE]), repo_type="dataset")
    uploader.upload(ONE)
    assert [found.files for found in hub.pull_requests(RESULTS)] == [{}, {}, proposed(ONE)]


# Pushing


def test_a_push_lands_once_beside_other_commits(
    hub: Hub, uploader: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_maintainer")
    hub.faults.nth(1, "POST", COMMIT, delayed(0.3))
    hub.faults.nth(2, "POST", COMMIT, lost_answer())
    other = threading.Timer(0.15, hub.push, (RESULTS, "main", {"other.json": b"{}"}))
    other.start()
    outcome = uploader.upload(ONE, TWO, push=True)
    other.join()
    assert outcome.exit_code == DELIVERED
    answers = [request.status for request in hub.log if COMMIT in request.path]
    assert answers == [412, None]
    assert (proposed(ONE) | proposed(TWO)).items() <= hub.files(RESULTS).items()
    assert "other.json" in hub.files(RESULTS)
    head = hub.head(RESULTS)
    again = uploader.upload(ONE, push=True)
    assert again.receipts == [f"proposed {hub.endpoint}/datasets/{RESULTS}/blob/main/"
                              f"{tree.proposal_path(ONE.sha256)}"]  # fmt: skip
    assert hub.head(RESULTS) == head
    assert hub.pull_requests(RESULTS) == []


def test_a_push_without_the_right_is_refused_in_words(hub: Hub, uploader: Uploader) -> None:
    outcome = uploader.upload(ONE, push=True)
    assert outcome.exit_code == FAILED
    assert "may not write to hf://datasets/hfbench/results: without --push" in outcome.problems[0]
    assert uploader.upload(ONE).exit_code == DELIVERED
    only_pull_request(hub)


# Before measuring


@pytest.mark.usefixtures("uploader")
def test_the_store_is_asked_before_measuring(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    check_destination(STORE, said.append)
    assert said[-1] == "Hub token: fine-grained: may open pull requests"
    monkeypatch.setenv("HF_TOKEN", "hf_grace")
    check_destination(STORE, said.append)
    assert said[-1].endswith("may open pull requests, and write: more than it needs")
    with pytest.raises(SubmitError, match="check the name"):
        check_destination(HubDataset("hfbench/resluts"), said.append)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    check_destination(STORE, said.append)
    assert said[-1].endswith("the submission will wait in the outbox")
    check_destination(tmp_path / "new" / "store", said.append)
    (tmp_path / "file").touch()
    with pytest.raises(SubmitError, match="cannot be written"):
        check_destination(tmp_path / "file" / "store", said.append)
    assert hub.pull_requests(RESULTS) == []


def test_a_run_that_could_not_upload_measures_nothing(
    hub_environment: Mapping[str, str], tmp_path: Path
) -> None:
    environment = environment_of(hub_environment, tmp_path, "eve")
    run = ["run", "smoke", "--with", "no-such-package", "--store", str(STORE)]
    done = command(environment, *run, "--upload", exit_code=FAILED)
    assert "read-only: it cannot open pull requests" in done.stderr
    assert "give both, or neither" in CliRunner().invoke(commands, run).output


def test_without_the_package_the_document_waits(tmp_path: Path) -> None:
    (path,) = written([ONE], tmp_path)
    blocked = "import sys; sys.modules['huggingface_hub'] = None; " + COMMAND[-1]
    done = subprocess.run(
        [*COMMAND[:-1], blocked, "upload", str(path), "--store", str(STORE)],
        env={"XDG_DATA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == FAILED
    assert "pip install 'hfbench[hub]'" in done.stderr
    assert json.loads(next((tmp_path / "hfbench/outbox").glob("*.state.json")).read_bytes())
    assert sha256_hex(ONE.data) == outbox_in(tmp_path).entries()[0].sha256
