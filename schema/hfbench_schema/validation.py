"""The validator: any bytes in, a report out, never an exception; the same in every part."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from hfbench_schema import rules_bytes, rules_document, rules_schema, timestamps
from hfbench_schema.canonical import StrictJSONError, sha256_hex, strict_json
from hfbench_schema.plain import plain_document
from hfbench_schema.reports import Finding, Report, finding

MOST_FINDINGS = 100


def validate(data: bytes, *, name: str | None = None, now: datetime | None = None) -> Report:
    """Check a submission's bytes against every rule.

    Args:
        data: any bytes.
        name: the document's file name, if it has one; it must be the hash of the bytes.
        now: the moment of judging; the present if not given.
    """
    sha256 = sha256_hex(data)
    found = _all_findings(data, sha256, name, now or timestamps.now())
    return Report(sha256, tuple(islice(found, MOST_FINDINGS)))


def _all_findings(data: bytes, sha256: str, name: str | None, now: datetime) -> Iterator[Finding]:
    """Yield findings stage by stage; a stage runs only on what the stages before let through."""
    if name is not None:
        yield from rules_bytes.check_name(name, sha256)
    if sizes := [*rules_bytes.check_size(data)] or [*rules_bytes.check_parts(data)]:
        yield from sizes
        return
    plain = plain_document(data)
    # The schema bounds every integer and how deep a document is.
    if plain is not None and rules_schema.is_submission(plain):
        if not data.isascii():
            yield from rules_bytes.check_text(plain)
        yield from rules_document.document_findings(plain, now)
    else:
        yield from _close_findings(data, plain, now)


def _close_findings(data: bytes, plain: Any | None, now: datetime) -> Iterator[Finding]:
    """Yield findings about any bytes: the truth, of which the above is a shortcut.

    `plain` is what plain bytes say.
    """
    if depths := [*rules_bytes.check_depth(data)]:
        yield from depths
        return
    try:
        document = strict_json(data) if plain is None else plain
    except StrictJSONError as error:
        yield finding("HFB003", detail=error)
        return
    yield from rules_bytes.check_text(document)
    # Bytes that are not canonical may spell an integer 3.0, which the schema lets through.
    shape = [*rules_schema.schema_findings(document)]
    shape = shape or [*rules_bytes.check_canonical(data, document)]
    yield from shape
    if not shape:
        yield from rules_document.document_findings(document, now)
