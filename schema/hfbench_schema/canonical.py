"""Canonical bytes: the one form in which a document is hashed, named and stored (RFC 8785)."""

import hashlib
import json
from collections import Counter
from typing import Any

import rfc8785


class StrictJSONError(ValueError):
    """The bytes are not strict JSON: duplicate keys, NaN, Infinity or a syntax error."""


def canonical_bytes(document: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value, in UTF-8.

    Raises:
        ValueError: it has none: an integer beyond 2^53, a NaN, a lone surrogate.
    """
    try:
        return rfc8785.dumps(document)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise ValueError(f"no canonical form: {error}") from error


def sha256_hex(data: bytes) -> str:
    """Return the sha256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def document_sha256(document: Any) -> str:
    """Return the sha256 of the canonical bytes of a JSON value: its name, wherever it is stored."""
    return sha256_hex(canonical_bytes(document))


def strict_json(data: bytes) -> Any:
    """Parse UTF-8 JSON, refusing what parsers disagree about.

    Raises:
        StrictJSONError: syntax error, invalid UTF-8, duplicate key, NaN, Infinity, a number
            that no parser can hold, or nesting too deep to read.
    """
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object_without_duplicates,
            parse_constant=_refuse_constant,
        )
    except RecursionError as error:
        raise StrictJSONError("nested too deeply to read") from error
    except ValueError as error:  # covers JSONDecodeError, UnicodeDecodeError and huge integers
        raise StrictJSONError(str(error)) from error


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise StrictJSONError(f"duplicate key {twice!r}")
    return result


def _refuse_constant(name: str) -> None:
    raise StrictJSONError(f"{name} is not JSON")
