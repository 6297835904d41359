"""Rules on the shape of a document: what may stand where (HFB010, HFB011, HFB014).

The engine makes an object for every error before it tells the first, with a copy of what is wrong,
and prints all of that into a message. So only a beginning of a document is asked for errors, and
the whole for its first where the beginning has none.
"""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any, Final

from jsonschema_rs import Draft202012Validator, ValidationError

from hfbench_schema.reports import Finding, finding
from hfbench_schema.submission import SUBMISSION_SCHEMA, submission_json_schema

MOST_VALUES: Final = 2000
"""Of a beginning: as many as a usual document has, and at most ten errors each."""
LONGEST_TEXT: Final = 3000
"""Of a beginning, in characters: more than the schema allows anywhere, and a report shows."""
_SCHEMA_PREFIX: Final = SUBMISSION_SCHEMA.rsplit(":", 1)[0] + ":"

Path = tuple[str | int, ...]


def is_submission(document: Any) -> bool:
    """Return True where `schema_findings` finds nothing."""
    return _schema_of(document) == SUBMISSION_SCHEMA and _validator().is_valid(document)


def schema_findings(document: Any) -> Iterator[Finding]:
    """HFB010, HFB011, HFB014: the schema is known, and lets the document through."""
    schema = _schema_of(document)
    if schema == SUBMISSION_SCHEMA:
        try:
            yield from map(_schema_finding, _errors(document))
        except UnicodeEncodeError:  # the engine's texts are UTF-8, which has no such character
            yield finding("HFB002", what="half of a character (a lone surrogate)")
    elif _is_newer(schema):
        yield finding("HFB014", "/schema", schema=schema)
    else:
        yield finding("HFB010", "/schema", schema=schema)


def beginning(document: Any) -> tuple[Any, set[Path]]:
    """Return the first MOST_VALUES values of a document, level by level, and where some are cut.

    Every error in what is returned is one of the document, but for those that `_is_doubtful` names.
    """
    result, cut = [_emptied(document)], set[Path]()
    waiting: list[tuple[Any, Any, Path]] = [(document, result[0], ())]
    left = MOST_VALUES
    for source, copy, path in waiting:  # which grows
        pairs = source.items() if isinstance(source, dict) else enumerate(source)
        for key, value in islice(pairs, left):
            name, new = _emptied(key), _emptied(value)
            if isinstance(copy, dict):
                copy[name] = new
            else:
                copy.append(new)
            if isinstance(value, dict | list):
                waiting.append((value, new, (*path, name)))
        left = max(0, left - len(source))
        if len(copy) < len(source):
            cut.add(path)
    return result[0], cut


def _emptied(value: Any) -> Any:
    """Return an empty container of the same type, the start of a text, or anything else itself."""
    if isinstance(value, dict | list):
        return type(value)()
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def _errors(document: Any) -> list[ValidationError]:
    """Return errors of a beginning that are the document's as well, else the document's first."""
    start, cut = beginning(document)
    errors = [error for error in _validator().iter_errors(start) if not _is_doubtful(error, cut)]
    if errors:
        return errors
    try:
        _validator().validate(document)
    except ValidationError as first:
        return [first]
    return []


def _is_doubtful(error: ValidationError, cut: set[Path]) -> bool:
    """Return True where an error of a beginning may be due to what was cut there, or further in."""
    keyword = error.schema_path[-1]
    if keyword == "uniqueItems":
        return bool(cut)
    return keyword in ("required", "minItems") and tuple(error.instance_path) in cut


def _schema_of(document: Any) -> object:
    return document.get("schema") if isinstance(document, dict) else None


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
