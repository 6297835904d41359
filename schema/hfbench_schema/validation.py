"""The validator: any bytes in, a report out, never an exception; the same in every part."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from hfbench_schema import rules_bytes, rules_document, timestamps
from hfbench_schema.canonical import StrictJSONError, sha256_hex, strict_json
from hfbench_schema.plain import plain_document
from hfbench_schema.reports import Finding, Report, finding
from hfbench_schema.submission import SUBMISSION_SCHEMA, submission_json_schema

MOST_FINDINGS = 100
_SCHEMA_PREFIX = SUBMISSION_SCHEMA.rsplit(":", 1)[0] + ":"


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
    document = plain_document(data)
    if document is not None and _is_well_formed(document):
        yield from rules_document.document_findings(document, now)
    else:
        yield from _close_findings(data, now)


def _is_well_formed(document: Any) -> bool:
    """Return True where the stages before the rules on documents surely find nothing.

    The schema bounds every integer and how deep a document is.
    """
    is_one = isinstance(document, dict) and document.get("schema") == SUBMISSION_SCHEMA
    return is_one and _validator().is_valid(document)


def _close_findings(data: bytes, now: datetime) -> Iterator[Finding]:
    """Yield findings about any bytes: the truth, of which the above is a shortcut."""
    sizes = [*rules_bytes.check_size(data)] or [*rules_bytes.check_depth(data)]
    if sizes:
        yield from sizes
        return
    try:
        document = strict_json(data)
    except StrictJSONError as error:
        yield finding("HFB003", detail=error)
        return
    yield from rules_bytes.check_text(document)
    # Bytes that are not canonical may spell an integer 3.0, which the schema lets through.
    shape = [*rules_bytes.check_canonical(data, document), *_schema_findings(document)]
    yield from shape
    if not shape:
        yield from rules_document.document_findings(document, now)


def _schema_findings(document: Any) -> Iterator[Finding]:
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema == SUBMISSION_SCHEMA:
        try:
            errors = islice(_validator().iter_errors(document), MOST_FINDINGS)
            yield from (_schema_finding(error) for error in errors)
        except UnicodeEncodeError:  # the engine's texts are UTF-8, which has no such character
            yield finding("HFB002", what="half of a character (a lone surrogate)")
    elif _is_newer(schema):
        yield finding("HFB014", "/schema", schema=schema)
    else:
        yield finding("HFB010", "/schema", schema=schema)


def _is_newer(schema: object) -> bool:
    if not isinstance(schema, str) or not schema.startswith(_SCHEMA_PREFIX):
        return False
    number = schema.removeprefix(_SCHEMA_PREFIX)
    return number.isascii() and number.isdigit() and number.lstrip("0") not in ("", "1")


def _schema_finding(error: ValidationError) -> Finding:
    pointer = "".join(f"/{part}" for part in error.instance_path)
    return finding("HFB011", pointer, detail=error.message)


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(submission_json_schema())
