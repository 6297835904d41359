"""Rules on the bytes of a document, before it means anything (HFB001 to HFB007)."""

import json
import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

from hfbench_schema.reports import Finding, finding

MAXIMUM_BYTES = 8 * 1024 * 1024
MAXIMUM_DEPTH = 12
MOST_PARTS: Final = {
    "commas": (b",", 1_500_000, 2),
    "colons": (b":", 500_000, 5),
    "brackets": (b"[]{}", 500_000, 1),
}
"""Of each kind outside texts, and the least bytes of JSON with one: values, keys, and the ends of
lists and objects.

As dense as measurements can be, 8 MiB of them have 1,400,000 values (iterations of 10
microseconds), 430,000 keys (windows of energy) or 320,000 brackets (epochs of one step).
"""
# A string that never ends is matched to the end: searching on from each of its quotes is quadratic.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_FRACTION = re.compile(rb"[:,[][0-9]++\.")
_NOT_BRACKETS = bytes({*range(256)} - {*b"[]{}"})
Path = tuple[str | int, ...]
_CONTAINERS = (dict, list)
_FORBIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def check_name(name: str, sha256: str) -> Iterator[Finding]:
    """HFB006: a document's file name is the hash of its bytes."""
    if name != f"{sha256}.json":
        yield finding("HFB006", name=name, sha256=sha256)


def check_size(data: bytes) -> Iterator[Finding]:
    """HFB001: the size limit."""
    if len(data) > MAXIMUM_BYTES:
        yield finding("HFB001", size=len(data), limit=MAXIMUM_BYTES)


def check_parts(data: bytes) -> Iterator[Finding]:
    """HFB007: the limits of parts, so that nothing costs a parser more than a real document."""
    # Of nearly all there are few enough with those within texts, or the document is too short.
    if not any(
        len(data) > limit * length and _count(data, marks) > limit
        for marks, limit, length in MOST_PARTS.values()
    ):
        return
    bare = _STRINGS.sub(b"", data)
    for what, (marks, limit, _) in MOST_PARTS.items():
        if (count := _count(bare, marks)) > limit:
            yield finding("HFB007", count=count, what=what, limit=limit)


def _count(data: bytes, marks: bytes) -> int:
    return len(data) - len(data.translate(None, marks))


def check_depth(data: bytes) -> Iterator[Finding]:
    """HFB004: the depth limit, read off the bytes so that no parser has to recurse first."""
    brackets = _STRINGS.sub(b"", data).translate(None, _NOT_BRACKETS)
    steps = (1 if byte in b"[{" else -1 for byte in brackets)
    deepest = max(accumulate(steps), default=0)
    if deepest > MAXIMUM_DEPTH:
        yield finding("HFB004", depth=deepest, limit=MAXIMUM_DEPTH)


def check_canonical(data: bytes, document: Any) -> Iterator[Finding]:
    """HFB005: the bytes are the canonical form of what they say.

    `document` is one that the schema lets through: its keys are ASCII, and its numbers integers up
    to 2^53. Of such the standard library, 10 times as fast, says what RFC 8785 says, unless an
    integer is spelt as a fraction, or a text has half of a character.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if text.encode(errors="surrogatepass") != data or _has_fraction(data):
        yield finding("HFB005")


def _has_fraction(data: bytes) -> bool:
    """Whether a number outside texts is spelt as a fraction; hardly ever does a text look so."""
    looks = _FRACTION.search(data) is not None
    return looks and _FRACTION.search(_STRINGS.sub(b"", data)) is not None


def check_text(document: Any) -> Iterator[Finding]:
    """HFB002: every string, keys included, is NFC and printable."""
    # A space goes into no character with what is beside it: all at once are NFC as each of them is.
    text = " ".join(_strings(document))
    if text.isascii() and text.isprintable():
        return
    bad = {c for c in set(text) if unicodedata.category(c) in _FORBIDDEN_CATEGORIES}
    if bad or not unicodedata.is_normalized("NFC", text):
        for place, what in _flaws([document], (), bad):
            yield finding("HFB002", "".join(f"/{key}" for key in place[1:]), what=what)


def is_numbers(items: list[Any]) -> bool:
    """Return True for the long arrays of iterations; whatever else is in one breaks the schema."""
    return bool(items) and isinstance(items[0], int)


def _strings(document: Any) -> list[str]:
    """Return every string, keys included."""
    found: list[str] = []
    waiting: list[Any] = [[document]]
    for container in waiting:  # which grows
        if isinstance(container, dict):
            found += container
            items = list(container.values())
        else:
            items = [] if is_numbers(container) else container
        # What was parsed is of these very types, and there may be a million of them.
        found += [item for item in items if type(item) is str]
        waiting += [item for item in items if type(item) in _CONTAINERS]
    return found


def _flaws(container: Any, path: Path, bad: set[str]) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with the strings in a container, and where: of a key, the container."""
    pairs = container.items() if isinstance(container, dict) else enumerate(container)
    for key, item in pairs:
        if isinstance(key, str) and (what := _flaw(key, bad)):
            yield path, what
        if isinstance(item, str):
            if what := _flaw(item, bad):
                yield (*path, key), what
        elif isinstance(item, dict) or (isinstance(item, list) and not is_numbers(item)):
            yield from _flaws(item, (*path, key), bad)


def _flaw(text: str, bad: set[str]) -> str | None:
    if text.isascii() and text.isprintable():  # as most is
        return None
    if not bad.isdisjoint(text):
        return f"the character U+{ord(next(c for c in text if c in bad)):04X}"
    return None if unicodedata.is_normalized("NFC", text) else "text that is not in normal form NFC"
