"""Documents gone wrong: a valid submission changed at random, as a structure and as bytes."""

import contextlib
import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any, Final

import msgspec

from hfbench_schema.canonical import canonical_bytes
from hfbench_schema.plain import plain_document
from hfbench_schema.rules_bytes import MAXIMUM_BYTES

Place = tuple[Any, Any]
"""A container and the key or index of one of its values."""

MOST_CHANGES: Final = 4
_FEW_CONTAINERS: Final = 20
"""What has more is not multiplied by a hundred, lest a hundred of a hundred fill the memory."""
_KINDS: Final = (dict, list)
_SORTED: Final = msgspec.json.Encoder(order="sorted")
_LONG: Final = 100_000
_DEEP: Final = 100

# Values on which parsers and checks have failed: limits of numbers and lengths, text that is
# markup, invisible, reversed or half a character, and each type where another belongs.
ODD_VALUES: Final[list[Any]] = [
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**64, -(2**63), 10**400, 0.1, -0.0,
    1e308, float("nan"), float("inf"), float("-inf"), "", " ", "\x00", "a\nb", "\u202e", "\u200b",
    "\ud800", "\ud800\udc00", "\U0001f600", "e\u0301", "<script>alert(1)</script>", "=1+1",
    "../../etc/passwd", "hf_" + "Ab1" * 11, "9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z",
    "2026-02-30T00:00:00Z", "x" * _LONG, [], {}, [[]], {"": {}}, [0] * 1000, "%s%n{0}",
]  # fmt: skip
_TOKENS: Final = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u0000", b"\\ud800", b"null", b"NaN",
    b"1e999", b"-0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x00", b"\r\n", b"[" * 5000,
    b'{"a":' * 5000, b"9" * 5000, b'"schema":1,',
]  # fmt: skip

# What a flood has up to millions of: anywhere, or where the schema has a list or an object.
FLOOD_EVERY: Final = 2000
_DROPS: Final = [
    b"{}", b"[]", b"[[]]", b'{"a":{}}', b"0", b"-1", b"1.5", b"1000.0", b"9007199254740993",
    b"null", b'""', b'"ok"', b'"a@"', b'"\xc3\xa9"', b'"e\xcc\x81"', b'"\\ud800"',
    b'{"status":"ok"}',
]  # fmt: skip
_FLOODED: Final[list[tuple[str | int, ...]]] = [
    ("process_runs",), ("process_runs", 0), ("process_runs", 0, "iterations_ns"), ("environments",),
    ("environments", 0, "packages"), ("anchors",), ("tasks",), ("protocol", "roles"), ("x",),
    ("process_runs", 0, "training"), ("process_runs", 0, "energy"), ("machine", "accelerators"),
]  # fmt: skip
_GAUGE: Final = "here comes the flood"


def mutated(data: bytes, random: Random) -> bytes:
    """Return a document's bytes after one to MOST_CHANGES changes, often still JSON."""
    document = json.loads(data)
    if random.randrange(FLOOD_EVERY) == 0:
        return flooded(document, random)
    for _ in range(random.randint(1, MOST_CHANGES)):
        document = random.choice(_CHANGES)(document, random)
    data = spelt(document)
    for _ in range(random.choice([0, 0, 0, 1, 2])):
        data = random.choice(_BYTE_CHANGES)(data, random)
    return data


def flooded(document: Any, random: Random) -> bytes:
    """Return a document of up to 8 MiB, of which one place is full of the same."""
    place: Any = document
    *path, last = random.choice(_FLOODED)
    for key in path:
        place = place[key]
    if random.random() < 0.2:  # anywhere
        place, last = _place(document, random) or (place, last)
    place[last] = _GAUGE
    data = spelt(document)
    return data.replace(b'"%b"' % _GAUGE.encode(), _flood(MAXIMUM_BYTES - len(data), random), 1)


def _flood(room: int, random: Random) -> bytes:
    """Return a list or an object that takes up to `room` bytes."""
    drop = random.choice(_DROPS)
    if random.random() < 0.5:
        count = int(room * random.random() ** 0.5) // (len(drop) + 1)
        return b"[%b]" % b",".join([drop] * count)
    count = int(room * random.random() ** 0.5) // (len(drop) + 9)
    return b"{%b}" % b",".join(b'"%06d":%b' % (number, drop) for number in range(count))


def spelt(document: Any) -> bytes:
    """Return canonical bytes where the document has them, else what `json` makes of it."""
    try:
        data = _SORTED.encode(document)
        return data if plain_document(data) is not None else canonical_bytes(document)
    except (ValueError, TypeError, RecursionError):
        pass
    try:
        return canonical_bytes(document)
    except (ValueError, RecursionError):
        return json.dumps(document).encode()


def _containers(document: Any) -> list[Any]:
    """Return every object and list of a document, without recursion."""
    found = [document]
    for container in found:  # which grows
        values = container.values() if isinstance(container, dict) else container
        found += [value for value in values if type(value) in _KINDS]
    return found


def _place(document: Any, random: Random) -> Place | None:
    """Choose a place: containers first, so that a thousand iterations do not outweigh a field."""
    if not isinstance(document, dict | list):
        return None
    container = random.choice(_containers(document))
    keys = list(container) if isinstance(container, dict) else range(len(container))
    return (container, random.choice(keys)) if keys else None


def _at_a_place(change: Callable[[Any, Any, Random, Any], None]) -> Callable[[Any, Random], Any]:
    def changed(document: Any, random: Random) -> Any:
        if place := _place(document, random):
            change(*place, random, document)
        return document

    return changed


def _remove(container: Any, key: Any, _random: Random, _document: Any) -> None:
    del container[key]


def _replace(container: Any, key: Any, random: Random, _document: Any) -> None:
    # A copy: what is put into one document is changed there, and must be as it was for the next.
    container[key] = deepcopy(random.choice(ODD_VALUES))


def _nudge(container: Any, key: Any, random: Random, _document: Any) -> None:
    """Change a value a little: numbers in size or type, texts by a character."""
    value = container[key]
    if isinstance(value, bool | None):
        container[key] = not value
    elif isinstance(value, int | float):
        with contextlib.suppress(OverflowError):  # of what is too large for a float
            container[key] = random.choice(
                [value + 1, value - 1, -value, value * 1000, float(value)]
            )
    elif isinstance(value, str):
        at = random.randint(0, len(value))
        container[key] = value[:at] + chr(random.choice([32, 48, 97, 0x7F, 0x202E])) + value[at:]
    elif isinstance(value, list):
        random.shuffle(value)


def _transplant(container: Any, key: Any, random: Random, document: Any) -> None:
    """Put a copy of some other part of the document here."""
    if other := _place(document, random):
        container[key] = json.loads(json.dumps(other[0][other[1]]))


def _multiply(container: Any, key: Any, random: Random, _document: Any) -> None:
    """Repeat an element of a list, or rename a key by repeating its value under another."""
    value = container[key]
    if isinstance(container, list):
        is_large = type(value) in _KINDS and len(_containers(value)) > _FEW_CONTAINERS
        times = random.choice([1, 2, 2 if is_large else 100])
        container.extend(deepcopy(value) for _ in range(times))
    else:
        container[f"{key}{random.choice(['', '_', ' ', chr(0)])}x"] = deepcopy(value)


def _bury(container: Any, key: Any, random: Random, _document: Any) -> None:
    """Wrap a value in lists or objects, up to more than any document has.

    Done again and again, or to a copy of itself, that is still what Python can write.
    """
    for _ in range(random.choice([1, 2, _DEEP])):
        container[key] = random.choice([[container[key]], {"a": container[key]}])


_CHANGES: Final[list[Callable[[Any, Random], Any]]] = [
    _at_a_place(change) for change in (_remove, _replace, _nudge, _transplant, _multiply, _bury)
]


def _flip(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    if changed:
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _splice(data: bytes, random: Random) -> bytes:
    """Put a token, or a slice of the document itself, in place of a slice."""
    cut = sorted(random.choices(range(len(data) + 1), k=4))
    new = random.choice([*_TOKENS, data[cut[0] : cut[1]], b""])
    return data[: cut[2]] + new + data[cut[2] + random.choice([0, 1, cut[3] - cut[2]]) :]


_BYTE_CHANGES: Final = [_flip, _splice]
