"""Documents of up to 8 MiB made to keep a validator busy, each with the rule that stops it.

Run as a program, it validates them all within limits on its own memory and time, and prints the
rules that each breaks, as JSON.
"""

import json
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.hostile.documents import Attack, Document, Forge, edited
from tests.schema.breaches import put

from hfbench_schema.canonical import strict_json
from hfbench_schema.rules_bytes import MAXIMUM_BYTES
from hfbench_schema.validation import MOST_FINDINGS, validate

HONEST: Final = next(Path("tests/schema/corpus").glob("submission-1/3f50bb1bdb30*.json"))
NOW: Final = datetime(2027, 1, 1, tzinfo=UTC)
MOST_MEMORY: Final = 2 * 2**30
"""In bytes of address space. Less than a quarter is taken; all errors of a flood took 17 GB."""
MOST_SECONDS: Final = 100
"""In seconds of CPU time, for all of them. A tenth is taken; single ones took minutes."""
_HERE: Final = "here"


def flood(drop: bytes, count: int, *place: str | int, ends: bytes = b"[]") -> Forge:
    """Put a list or an object of `count` parts somewhere; `%d` in a part is its number."""

    def forge(document: Document) -> bytes:
        drops = (drop % number for number in range(count)) if b"%" in drop else [drop] * count
        full = ends[:1] + b",".join(drops) + ends[1:]
        return edited(put(_HERE, *place))(document).replace(b'"%b"' % _HERE.encode(), full, 1)

    return forge


def failures(reason: str) -> Forge:
    """Let a thousand process runs of each environment fail, each for a reason of its own."""

    def forge(document: Document) -> bytes:
        failed = {"status": "error", "wall_ns": 1, "started_at": "2026-11-23T13:57:53Z"}
        runs = [
            failed | {"cell": document["process_runs"][0]["cell"], "environment": number // 1000}
            | {"block": number % 1000, "reason": f"{number} {reason}"}
            for number in range(2000)
        ]  # fmt: skip
        return edited(put(1000, "protocol", "process_runs"), put(runs, "process_runs"))(document)

    return forge


def full(part: bytes, before: bytes = b"", after: bytes = b"") -> Forge:
    """Send the same bytes again and again, up to the limit."""
    count = (MAXIMUM_BYTES - len(before + after)) // len(part)
    return lambda _: before + part * count + after


TIMES: Final = ("process_runs", 0, "iterations_ns")
PACKAGES: Final = ("environments", 0, "packages")
_LONG_KEY: Final = b'"%b":[%b]' % ("é\u200b".encode() * 10**6, b",".join([b'["a"]'] * 200_000))
BOMBS: Final = [
    Attack("empty process runs", "HFB011", flood(b"{}", 240_000, "process_runs")),
    Attack("more empty process runs", "HFB007", flood(b"{}", 2_700_000, "process_runs")),
    Attack("negative iterations", "HFB011", flood(b"-1", 1_400_000, *TIMES)),
    Attack("more negative iterations", "HFB007", flood(b"-1", 2_700_000, *TIMES)),
    Attack("iterations that are texts", "HFB011", flood(b'"a"', 1_400_000, *TIMES)),
    Attack("iterations spelt as fractions", "HFB011", flood(b"%d.0", 900_000, *TIMES)),
    Attack("unknown numbers", "HFB011", flood(b"1", 1_400_000, "x")),
    Attack("unknown texts", "HFB011", flood('"é"'.encode(), 1_400_000, "x")),
    Attack("texts in two parts", "HFB002", flood('"e\u0301"'.encode(), 1_390_000, "x")),
    Attack("unknown keys", "HFB011", flood(b'"k%d":1', 490_000, "x", ends=b"{}")),
    Attack("more unknown keys", "HFB007", flood(b'"k%d":1', 650_000, "x", ends=b"{}")),
    Attack("packages without end", "HFB011", flood(b'"k%06d":"1"', 480_000, *PACKAGES, ends=b"{}")),
    Attack("lists in lists", "HFB011", flood(b"[[[]]]", 80_000, "machine")),
    Attack("many texts below a long key", "HFB002", flood(_LONG_KEY, 1, "x", ends=b"{}")),
    Attack("brackets without end", "HFB007", full(b"[")),
    Attack("pairs of brackets", "HFB007", full(b"[]")),
    Attack("quotes without end", "HFB003", full(b'"')),
    Attack("backslashes without end", "HFB003", full(b"\\", b'"')),
    Attack("spaces without end", "HFB003", full(b" ")),
    Attack("one key again and again", "HFB003", flood(b'"a":1', 490_000, "x", ends=b"{}")),
    Attack("accents without end", "HFB002", full("\u0301\u0316".encode(), b'"a', b'"')),
    Attack("many beginnings of web tokens", "HFB040", failures("-eyJ" * 490)),
    Attack("many beginnings of addresses", "HFB040", failures("1.1.1." * 270 + "a@" * 90)),
]


def main() -> None:
    """Validate each, and print the rules that it breaks, by its idea."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    honest = strict_json(HONEST.read_bytes())
    said = {}
    for bomb in BOMBS:
        data = bomb.forge(honest)
        assert len(data) <= MAXIMUM_BYTES, bomb.idea
        findings = validate(data, now=NOW).findings
        assert len(findings) <= MOST_FINDINGS
        said[bomb.idea] = sorted({found.rule for found in findings})
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
