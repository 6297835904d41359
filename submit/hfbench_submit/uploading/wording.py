"""The words that go with documents: titles, descriptions and receipts.

What a submission says of its machine and environments is a stranger's text, and is read on the
Hub's pages: of it only plain characters are kept, of which neither markdown, a link nor a mention
of somebody can be made.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from hfbench_schema import __version__
from hfbench_schema.canonical import sha256_hex
from hfbench_schema.machine_key import machine_key, machine_title
from hfbench_schema.reports import printable
from hfbench_schema.submission import EnvironmentFacts, compared_versions
from hfbench_submit.reporting.wording import counted, tally
from hfbench_submit.uploading.documents import SHORT, Document
from hfbench_submit.uploading.outbox import ACCEPTED, PROPOSED, QUEUED, Entry

CONSENT: Final = (
    "With this pull request its author dedicates these data to the public domain under CC0 1.0 "
    "(https://creativecommons.org/publicdomain/zero/1.0/)."
)
_LATER: Final = "Nothing is lost: hfbench-submit outbox flush sends it later"
_KEY = re.compile(rf"\[hfbench (?P<batch>batch )?(?P<key>[0-9a-f]{{{SHORT}}})\]")
_PLAIN: Final = frozenset(" .,;+-/()=~")
_LONGEST_MACHINE: Final = 90
"""Characters, so that a title has less than the 200 that the Hub allows."""
_MOST_ENVIRONMENTS: Final = 12


def plain(text: object, longest: int = 120) -> str:
    """Return a stranger's text in plain ASCII, on one line."""
    kept = (c if c.isascii() and (c.isalnum() or c in _PLAIN) else " " for c in str(text))
    return " ".join("".join(kept).split())[:longest] or "unnamed"


def title(documents: Sequence[Document]) -> str:
    """Return the title of a pull request, which tells by its key what it proposes."""
    runs = counted(sum(len(one.submission["process_runs"]) for one in documents), "process run")
    if len(documents) > 1:
        return f"hfbench: {len(documents)} submissions, {runs} [hfbench batch {_key(documents)}]"
    (one,) = documents
    machine = plain(machine_title(one.submission["machine"]), _LONGEST_MACHINE)
    return f"hfbench: {_suite(one)}, {runs}, {machine} [hfbench {one.key}]"


def _key(documents: Sequence[Document]) -> str:
    """Return what tells several documents from others: a part of a hash of their names."""
    names = "\n".join(sorted(document.sha256 for document in documents))
    return sha256_hex(names.encode())[:SHORT]


def find_key(text: str) -> tuple[str, bool] | None:
    """Return the key in a title, and whether it is that of several documents; None without one."""
    found = _KEY.search(text)
    return (found["key"], found["batch"] is not None) if found else None


def description(documents: Sequence[Document]) -> str:
    """Return the description of a pull request: what is in each document, and the consent."""
    facts = "\n\n".join("\n".join(_facts(document)) for document in documents)
    # Nothing in a fenced block is read as markdown, and no fence can be made of plain text.
    return f"Proposed by hfbench {__version__}.\n\n```text\n{facts}\n```\n\n{CONSENT}"


def _facts(document: Document) -> Iterator[str]:
    submission, runs = document.submission, document.submission["process_runs"]
    machine = submission["machine"]
    yield f"document      {document.sha256}"
    yield f"suite         {_suite(document)}"
    yield f"machine       {plain(machine_title(machine))} ({machine_key(machine)})"
    environments = submission["environments"]
    for facts in environments[:_MOST_ENVIRONMENTS]:
        yield f"environment   {_environment(facts)}"
    if (more := len(environments) - _MOST_ENVIRONMENTS) > 0:
        yield f"environments  {more} more"
    yield f"process runs  {len(runs)}: {tally(runs)}"
    yield f"finished at   {submission['sitting']['finished_at']}"


def _suite(document: Document) -> str:
    suite = document.submission["suite"]
    return f"{suite['name']}-{suite['version']}"


def _environment(facts: EnvironmentFacts) -> str:
    versions, python, replica = compared_versions(facts)
    found = [f"{name} {version}" for name, version in (*versions, ("Python", python))]
    return plain(", ".join([*found, *([f"replica {replica}"] if replica else [])]))


def receipts(entries: Iterable[Entry]) -> list[str]:
    """Return what became of documents, a line for those of which it is the same."""
    lines = []
    for line, group in groupby(map(receipt, entries)):
        count = sum(1 for _ in group)
        lines.append(line if count == 1 else f"{line} ({count} submissions)")
    return lines


def receipt(entry: Entry) -> str:
    """Return what became of one document."""
    if entry.status == QUEUED:
        return f"queued for {entry.store}: {entry.last_error or 'not sent yet'}. {_LATER}"
    if entry.status == PROPOSED:
        return f"proposed {entry.proposal}"
    known = "accepted already" if entry.status == ACCEPTED else "refused before"
    return f"{known}: {whereabouts(entry)}"


def whereabouts(entry: Entry) -> str:
    """Return where a proposal is, and what is said there."""
    said = f", which says: {printable(entry.note)}" if entry.note else ""
    return f"{entry.proposal or 'nowhere'}{said}"
