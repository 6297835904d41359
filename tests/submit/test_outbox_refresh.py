"""What became of what was proposed: asked of the store, by the real client."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.hub.clients import client
from tests.hub.faults import Fault, delayed, status
from tests.hub.fixtures import RESULTS
from tests.hub.state import Hub
from tests.submit.uploads import (
    STORE,
    Uploader,
    asked,
    command,
    environment_of,
    made_up,
    written,
)

from hfbench_aggregate.intake import take_in
from hfbench_aggregate.stores.hub import HubStore
from hfbench_schema import tree
from hfbench_submit.uploading.inquiry import inquire
from hfbench_submit.uploading.upload import DELIVERED, FAILED, TRY_LATER, Outcome

ONE, TWO, THREE, FOUR = map(made_up, range(4))
EARLY = made_up(9, sitting={**ONE.submission["sitting"], "finished_at": "2026-11-01T00:00:00Z"})
"""Which ends before it begins, so that an intake refuses it."""


def known(uploader: Uploader) -> dict[str, tuple[str, str | None]]:
    return {entry.sha256: (entry.status, entry.note) for entry in uploader.outbox.entries()}


def refresh(uploader: Uploader, longest_s: float = 30.0) -> Outcome:
    return inquire(lambda _: None, uploader.outbox, longest_s)


def test_a_decision_of_the_intake_is_seen(hub: Hub, uploader: Uploader) -> None:
    uploader.upload(ONE, EARLY)
    uploader.upload(TWO)
    hub.log.clear()
    assert refresh(uploader).exit_code == DELIVERED
    assert {status for status, _ in known(uploader).values()} == {"proposed"}
    assert len(hub.log) == 3  # is it there, what is on main, which pull requests are open
    store = HubStore(RESULTS, hub.endpoint, "hf_maintainer")
    take_in(store)
    hub.log.clear()
    assert refresh(uploader) == Outcome()
    assert len(hub.log) == 5  # and how two pull requests ended
    found = known(uploader)
    for document in (ONE, TWO):  # their times are made up, so that a maintainer has to look
        stored, note = found[document.sha256]
        assert stored == "accepted"
        assert str(note).startswith("stored, to be counted once a maintainer has looked")
    refused, note = found[EARLY.sha256]
    assert refused == "refused"
    assert str(note).startswith("refused; mend it as below")
    assert "HFB" in str(note)
    hub.log.clear()
    assert refresh(uploader) == Outcome()
    assert hub.log == []  # nothing waits for an answer any more


def test_the_commands_show_it_and_listing_stays_offline(
    hub: Hub, hub_environment: Mapping[str, str], tmp_path: Path
) -> None:
    environment = environment_of(hub_environment, tmp_path, "ada")
    paths = written([ONE], tmp_path / "results")
    command(environment, "upload", *paths, "--store", str(STORE))
    api = client(hub, "maintainer")
    api.change_discussion_status(
        RESULTS, 1, "closed", comment="not of \x1b[31mthis hardware", repo_type="dataset"
    )
    hub.log.clear()
    listed = command(environment, "outbox", "list").stdout
    assert "proposed" in listed
    assert hub.log == []
    away = {**environment, "HF_ENDPOINT": "http://127.0.0.1:1"}
    refreshed = ["outbox", "list", "--refresh"]
    done = command(away, *refreshed, exit_code=TRY_LATER)
    assert done.stdout == listed
    assert f"{STORE} could not be asked about 1 submission: 127.0.0.1:1 cannot be" in done.stderr
    shown = command(environment, *refreshed).stdout
    assert "refused" in shown
    assert "which says: not of \\u001b[31mthis hardware" in shown
    assert command(environment, "outbox", "list").stdout == shown


def test_what_was_pushed_is_found_on_main(
    hub: Hub, uploader: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_maintainer")
    uploader.upload(ONE, EARLY, TWO, push=True)
    refresh(uploader)
    assert {status for status, _ in known(uploader).values()} == {"proposed"}
    take_in(HubStore(RESULTS, hub.endpoint, "hf_maintainer"))
    refresh(uploader)
    found = known(uploader)
    assert found[ONE.sha256] == found[TWO.sha256] == ("accepted", None)
    assert found[EARLY.sha256][0] == "refused"
    assert "HFB" in str(found[EARLY.sha256][1])


def test_pull_requests_that_ended_otherwise(hub: Hub, uploader: Uploader) -> None:
    for document in (ONE, TWO, THREE, FOUR):
        uploader.upload(document)
    api = client(hub, "ada")
    api.change_discussion_status(RESULTS, 1, "closed", repo_type="dataset")
    client(hub, "maintainer").merge_pull_request(RESULTS, 2, repo_type="dataset")
    client(hub, "maintainer").change_discussion_status(RESULTS, 3, "closed", repo_type="dataset")
    hub.push(RESULTS, "main", {str(tree.submission_path(THREE.since, THREE.sha256)): THREE.data})
    hub.faults.nth(1, "GET", "/discussions/1", status(404))
    refresh(uploader)
    found = known(uploader)
    assert found[ONE.sha256] == ("refused", "the pull request is not there any more")
    assert found[TWO.sha256][0] == "proposed"  # it lies in proposals/ until an intake comes
    assert found[THREE.sha256][0] == "accepted"  # whatever became of its pull request
    assert found[FOUR.sha256] == ("proposed", None)


@pytest.mark.parametrize(
    ("fault", "longest_s", "code", "said"),
    [
        (status(503), 30.0, TRY_LATER, "HTTP 503"),
        (status(403), 30.0, FAILED, "HTTP 403"),
        (delayed(1.0), 0.3, TRY_LATER, "no answer within 0.3 s"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_store_that_does_not_tell_leaves_what_was_known(
    hub: Hub, uploader: Uploader, fault: Fault, longest_s: float, code: int, said: str
) -> None:
    uploader.upload(ONE)
    uploader.outbox.save(replace(uploader.entry(ONE), sha256="0" * 64, store=f"{STORE}-2"))
    before = known(uploader)
    hub.faults.nth(1, "POST", "paths-info", fault)
    outcome = refresh(uploader, longest_s)
    assert [said in problem for problem in outcome.problems] == [True, False]
    assert "check the name" in outcome.problems[1]
    assert known(uploader) == before
    assert outcome.exit_code == FAILED
    hub.faults.nth(1, "POST", "paths-info", fault)
    uploader.outbox.drop("0" * 64)
    assert refresh(uploader, longest_s).exit_code == code
    assert asked(hub, "/commit/") == 1
