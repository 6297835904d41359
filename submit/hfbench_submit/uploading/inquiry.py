"""Asking stores what became of what was proposed to them, and keeping what they say.

Nothing is sent, and nothing is tried twice: whoever asks sees at once that a store does not answer,
and what was known before stays known.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Final

from hfbench_schema.tree import REFUSED as REFUSED_FOLDER
from hfbench_submit.hub_access import within
from hfbench_submit.reporting.wording import counted
from hfbench_submit.uploading.destinations import HubDataset
from hfbench_submit.uploading.failures import (
    Failure,
    HubRefusalError,
    refusal,
    status_of,
    understand,
)
from hfbench_submit.uploading.hub import HubRepository, Whereabouts
from hfbench_submit.uploading.outbox import PROPOSED, REFUSED, Entry, Outbox
from hfbench_submit.uploading.pull_requests import OPEN, ended, said_of
from hfbench_submit.uploading.upload import FAILED, TRY_LATER, Outcome, Say

LONGEST_S: Final = 30.0
"""A store that has not told everything by then is left alone."""
_PULL_REQUEST: Final = re.compile(r"/discussions/(?P<number>[0-9]{1,9})\Z")
_NOT_FOUND: Final = 404
_DELETED: Final = "the pull request is not there any more"


def inquire(say: Say, outbox: Outbox | None = None, longest_s: float = LONGEST_S) -> Outcome:
    """Ask each store, once, about all that was proposed to it; the outbox keeps the answers.

    Raises:
        SubmitError: the outbox cannot be read or written.
    """
    outbox, outcome = outbox or Outbox(), Outcome()
    by_store = attrgetter("store")
    with outbox.locked(say):
        proposed = (entry for entry in outbox.entries() if entry.status == PROPOSED)
        for store, group in groupby(sorted(proposed, key=by_store), by_store):
            entries = list(group)
            for sha256, place in _asked(store, entries, longest_s, outcome).items():
                (entry,) = (one for one in entries if one.sha256 == sha256)
                outbox.save(
                    replace(entry, status=place.status, proposal=place.address, note=place.note)
                )
    return outcome


def _asked(
    store: str, entries: Sequence[Entry], longest_s: float, outcome: Outcome
) -> Mapping[str, Whereabouts]:
    """Return what a store says of documents, by hash; nothing if it says nothing now."""
    try:
        return within(longest_s, lambda: _places(HubDataset.of(store), entries))
    except HubRefusalError as error:
        words, code = error.failure.words, FAILED
    except TimeoutError as error:
        words, code = str(error), TRY_LATER
    except Exception as error:  # of one of three HTTP libraries
        words, code = _judged(understand(error), store)
    what = counted(len(entries), "submission")
    outcome.problems.append(f"{store} could not be asked about {what}: {words}")
    outcome.exit_code = FAILED if FAILED in (code, outcome.exit_code) else TRY_LATER
    return {}


def _judged(failure: Failure, store: str) -> tuple[str, int]:
    if failure.final:
        return refusal(failure, store, push=False).failure.words, FAILED
    return failure.words, TRY_LATER


def _places(dataset: HubDataset, entries: Sequence[Entry]) -> dict[str, Whereabouts]:
    """Return where documents are: what main says counts, unless their pull request is open."""
    repository = HubRepository(dataset)
    repository.probe()
    filed = repository.filed(entries, "main")
    told = _told_by_pull_requests(repository, entries)
    found = {}
    for entry in entries:
        place, said = filed.get(entry.sha256), told.get(entry.sha256)
        if said and (place is None or said.status in (PROPOSED, place.status)):
            found[entry.sha256] = said
        elif place:
            found[entry.sha256] = _with_its_note(repository, entry, place)
    return found


def _told_by_pull_requests(
    repository: HubRepository, entries: Sequence[Entry]
) -> dict[str, Whereabouts]:
    """Return what the pull requests say that the documents went with; each is asked once."""
    documents: dict[int, list[Entry]] = {}
    for entry in entries:
        if found := _PULL_REQUEST.search(entry.proposal or ""):
            documents.setdefault(int(found["number"]), []).append(entry)
    still_open = documents and documents.keys() & set(repository.open_pull_requests())
    told: dict[str, Whereabouts] = {}
    for number, some in documents.items():
        page = repository.pull_request_page(number)
        if number in still_open:
            told |= {one.sha256: Whereabouts(PROPOSED, page) for one in some}
        else:
            told |= _how_it_ended(repository, number, some, page)
    return told


def _how_it_ended(
    repository: HubRepository, number: int, entries: Sequence[Entry], page: str
) -> dict[str, Whereabouts]:
    try:
        details = repository.discussion(number)
    except Exception as error:
        if status_of(error) != _NOT_FOUND:
            raise
        return {one.sha256: Whereabouts(REFUSED, page, _DELETED) for one in entries}
    if details.status in OPEN:  # a draft
        return {one.sha256: Whereabouts(PROPOSED, page) for one in entries}
    return {one.sha256: ended(details, one, page) for one in entries}


def _with_its_note(repository: HubRepository, entry: Entry, place: Whereabouts) -> Whereabouts:
    """Add to a refusal what the store wrote down beside it."""
    if place.status != REFUSED:
        return place
    text = repository.text(REFUSED_FOLDER / f"{entry.sha256}.txt", "main")
    return replace(place, note=" ".join(said_of(entry, text)))
