"""Documents of 8 MiB that would keep a validator busy, each with the rule that stops it.

Run as a program, it validates them all within limits of memory and time of its own, and prints the
rules that each breaks, as JSON.
"""

import json
import resource
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.hostile.documents import Attack, Document, Forge, edited
from tests.schema.breaches import put

from hfbench_schema.canonical import canonical_bytes, strict_json
from hfbench_schema.rules_bytes import MAXIMUM_BYTES
from hfbench_schema.validation import MOST_FINDINGS, validate

SEED: Final = next(Path("tests/schema/corpus").glob("submission-1/3f50bb1bdb30*.json"))
NOW: Final = datetime(2027, 1, 1, tzinfo=UTC)
MOST_MEMORY: Final = 2 * 2**30
"""Bytes of address space. They take an eighth; errors of a schema, told all at once, 17 GB."""
MOST_SECONDS: Final = 100
"""CPU time of all. They take a tenth."""
_PLACE: Final = "here it comes"
TOKENS: Final = "-ey" "J" * 400
_FAILED: Final = (
    b'{"block":%d,"cell":"smoke/bert-tiny/torch-eager/cpu/fp32/b1-s64","environment":0,"reason":"%b%d",'
    b'"started_at":"2026-11-23T13:57:53Z","status":"error","wall_ns":1}'
)


def flooded(drop: bytes, count: int, *place: str | int, ends: bytes = b"[]") -> Forge:
    """Put a list or an object of `count` equal elements somewhere; `%d` in one is its number."""

    def forge(document: Document) -> bytes:
        data = edited(put(_PLACE, *place))(document)
        drops = (drop % number for number in range(count)) if b"%d" in drop else [drop] * count
        flood = ends[:1] + b",".join(drops) + ends[1:]
        return data.replace(b'"%b"' % _PLACE.encode(), flood)[:MAXIMUM_BYTES]

    return forge


def failed(reason: bytes, count: int) -> Forge:
    """Let many process runs fail, for reasons that differ in their last number."""
    runs = b",".join(_FAILED % (number % 2, reason, number) for number in range(count))
    return lambda document: edited(put([_PLACE], "process_runs"))(document).replace(
        b'"%b"' % _PLACE.encode(), runs
    )


def instead(part: bytes, before: bytes = b"", after: bytes = b"") -> Forge:
    """Send so many of the same bytes that they are nearly as many as are allowed."""
    return lambda _: before + part * ((MAXIMUM_BYTES - 100) // len(part)) + after


TIMES: Final = ("process_runs", 0, "iterations_ns")
PACKAGES: Final = ("environments", 0, "packages")
