"""Documents made to get past the validator, one idea each, with the rule that stops it.

Each starts from a document that keeps every rule, so that nothing but its idea can be refused.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.schema.breaches import at, drop, put, repeat

from hfbench_schema.canonical import canonical_bytes

Document = dict[str, Any]
Forge = Callable[[Document], bytes]
SECOND = 10**9


@dataclass(frozen=True)
class Attack:
    """One idea: `forge` turns an honest document into the attack's bytes."""

    idea: str
    rule: str
    forge: Forge


def edited(*changes: Callable[[Document], None]) -> Forge:
    """Change what the document says, and keep its form."""

    def forge(document: Document) -> bytes:
        changed = copy.deepcopy(document)
        for change in changes:
            change(changed)
        return canonical_bytes(changed)

    return forge


def respelt(old: bytes, new: bytes) -> Forge:
    """Say it in other bytes; `old` must be there, else the attack would be none."""

    def forge(document: Document) -> bytes:
        data = canonical_bytes(document)
        assert old in data, old
        return data.replace(old, new, 1)

    return forge


def instead(data: bytes) -> Forge:
    """Send something else altogether."""
    return lambda _: data


def text(value: str) -> Forge:
    """Put a text where the client names itself: anything printable may stand there."""
    return edited(put(value, "client", "name"))


def label(value: str) -> Forge:
    """Put a text where a site shows it: the label of an environment."""
    return edited(put(value, "environments", 0, "label"))


SECRETS: Final = {
    "a token of the Hub": "hf_" + "Ab1" * 11,
    "a token of GitHub": "ghp_" + "Ab1" * 12,
    "a fine-grained token of GitHub": "github_pat_" + "Ab1_" * 9,
    "a key of AWS": "AKIA" + "A1B2" * 4,
    "an API key": "sk-" + "Ab1-" * 8,
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----MIIB",
    "a web token": "eyJ" + "hbGciOi" * 3 + ".eyJ" + "zdWIiOi" * 3 + ".c2ln",
    "a password in an index's address": "https://ada:secret@index.example/simple",
}
"""Made up, and put together only here, so that no scanner takes them for real ones."""


def reason(value: str) -> Callable[[Document], None]:
    """Let the first process run fail for a reason."""
    gone = dict.fromkeys(
        ("iterations_ns", "warmup_iterations", "phases_ns", "threads", "output_sha256",
         "output_check")
    )  # fmt: skip

    def change(document: Document) -> None:
        run = document["process_runs"][0]
        fields = {name: None for name in gone if name in run}
        at(0, status="error", reason=value, **fields)(document)

    return change


def times(make: Callable[[list[int]], list[int]], index: int = 0) -> Callable[[Document], None]:
    """Change the iterations of a process run."""

    def change(document: Document) -> None:
        run = document["process_runs"][index]
        run["iterations_ns"] = make(run["iterations_ns"])

    return change


def copied(make: Callable[[list[int]], list[int]]) -> Callable[[Document], None]:
    """Make the second process run from the first, instead of measuring it."""

    def change(document: Document) -> None:
        first, second = document["process_runs"][:2]
        second["warmup_iterations"] = first["warmup_iterations"]
        second["iterations_ns"] = make(first["iterations_ns"])

    return change


def renamed(old: str, new: str, *keys: str | int) -> Callable[[Document], None]:
    """Give a key of an object another name."""

    def change(document: Document) -> None:
        place: Any = document
        for key in keys:
            place = place[key]
        place[new] = place.pop(old)

    return change


BYTES = [
    Attack("nothing at all", "HFB003", instead(b"")),
    Attack("a zip bomb's first bytes", "HFB003", instead(b"PK\x03\x04" + b"\0" * 1000)),
    Attack("compressed, in the hope that it is inflated", "HFB003", instead(b"\x1f\x8b\x08\x00")),
    Attack("more bytes than allowed", "HFB001", instead(b'"' + b"a" * (8 * 2**20) + b'"')),
    Attack("a thousand open brackets", "HFB004", instead(b"[" * 1000)),
    Attack("deep nesting, well formed", "HFB004", instead(b'{"a":' * 5000 + b"1" + b"}" * 5000)),
    Attack("brackets hidden behind an escaped quote", "HFB004", instead(b'["\\"",' + b"[" * 50)),
    Attack("a key twice, the second one false", "HFB003", respelt(b'"seed":', b'"seed":1,"seed":')),
    Attack("a key twice, once escaped", "HFB003", respelt(b'"seed":', b'"\\u0073eed":1,"seed":')),
    Attack("NaN", "HFB003", respelt(b'"wall_ns":', b'"wall_ns":NaN,"x":')),
    Attack("minus infinity", "HFB003", respelt(b'"wall_ns":', b'"wall_ns":-Infinity,"x":')),
    Attack(
        "an exponent beyond all floats", "HFB011", respelt(b'"wall_ns":', b'"wall_ns":1e999,"x":')
    ),
    Attack(
        "an integer of 5000 digits",
        "HFB003",
        respelt(b'"wall_ns":', b'"wall_ns":' + b"9" * 5000 + b',"x":'),
    ),
    Attack(
        "an integer beyond 2^53",
        "HFB011",
        respelt(b'"wall_ns":', b'"wall_ns":9007199254740993,"x":'),
    ),
    Attack("invalid UTF-8", "HFB003", respelt(b'"seed"', b'"\xff\xfeed"')),
    Attack("UTF-8 in too many bytes", "HFB003", respelt(b'"seed"', b'"\xc0\xafed"')),
    Attack("a byte order mark", "HFB003", lambda d: b"\xef\xbb\xbf" + canonical_bytes(d)),
    Attack("UTF-16", "HFB003", lambda d: canonical_bytes(d).decode().encode("utf-16")),
    Attack("a second document after the first", "HFB003", lambda d: canonical_bytes(d) * 2),
    Attack("a line end after it", "HFB005", lambda d: canonical_bytes(d) + b"\n"),
    Attack("white space between", "HFB005", lambda d: json.dumps(d, indent=1).encode()),
    Attack(
        "keys in another order",
        "HFB005",
        lambda d: json.dumps(dict(reversed(d.items())), separators=(",", ":")).encode(),
    ),
    Attack("cut in the middle", "HFB003", lambda d: canonical_bytes(d)[:900]),
    Attack(
        "a pointer into large file storage",
        "HFB003",
        instead(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:"
            + b"0" * 64
            + b"\nsize 12345\n"
        ),
    ),
    Attack("a list in place of the document", "HFB010", lambda d: canonical_bytes([d])),
]

TEXTS = [
    Attack("text that runs from right to left", "HFB002", text("hfbench\u202emitbus")),
    Attack("isolated text directions", "HFB002", text("a\u2066b\u2069")),
    Attack("a zero-width space", "HFB002", text("hf\u200bbench")),
    Attack("a zero-width joiner in a label", "HFB002", label("transformers\u200d-5.23.0")),
    Attack("a tag character that nobody sees", "HFB002", text("hfbench\U000e0041")),
    Attack("a byte order mark inside", "HFB002", text("hf\ufeffbench")),
    Attack("a soft hyphen", "HFB002", text("hf\u00adbench")),
    Attack("a line separator", "HFB002", text("hf\u2028bench")),
    Attack("an escape sequence for terminals", "HFB002", text("\x1b[2J\x1b]0;owned\x07")),
    Attack("a null character", "HFB002", text("hfbench\x00.json")),
    Attack("a carriage return that overwrites the line", "HFB002", edited(reason("bad\rok"))),
    Attack("text that is not composed", "HFB002", text("Ame\u0301lie")),
    Attack("half of a character", "HFB002", respelt(b'"name":"hfbench', b'"name":"\\ud800hfbench')),
    Attack("a character without meaning", "HFB002", text("hfbench\ufdd0")),
    Attack("a text of a thousand characters", "HFB011", text("a" * 1000)),
    Attack("an empty label", "HFB011", label("")),
    Attack("the prototype as a key", "HFB011", edited(put({}, "machine", "__proto__"))),
    Attack("a host name slipped in", "HFB011", edited(put("ada-laptop", "machine", "hostname"))),
    Attack(
        "a package with a hostile name",
        "HFB011",
        edited(put("1.0", "environments", 0, "packages", "<script>")),
    ),
]

CLAIMS = [
    Attack("a score of its own", "HFB011", edited(put(99, "score"))),
    Attack("a speed-up computed by the client", "HFB011", edited(at(0, speed_up_ppm=2_000_000))),
    Attack("true in place of 1", "HFB011", edited(at(0, block=True))),
    Attack("a number as text", "HFB011", edited(at(0, block="0"))),
    Attack("an integer spelt as a float", "HFB005", respelt(b'"block":0', b'"block":0.0')),
    Attack("minus zero", "HFB005", respelt(b'"block":0', b'"block":-0')),
    Attack("an environment of the future index", "HFB024", edited(at(0, environment=63))),
    Attack("a negative index, which Python would take", "HFB011", edited(at(0, environment=-1))),
    Attack("a suite of its own making", "HFB020", edited(put("0" * 64, "suite", "sha256"))),
    Attack("a cell that climbs folders", "HFB021", edited(at(0, cell="../../releases/2026.11.1"))),
    Attack(
        "a cell of another suite",
        "HFB021",
        edited(at(0, cell="training/bert-tiny/torch-eager/cpu/fp32/b32-s32-w1/grammar")),
    ),
    Attack(
        "a schema from the future",
        "HFB014",
        edited(put("urn:hfbench:schema:submission:99", "schema")),
    ),
    Attack(
        "a schema with another's digits",
        "HFB010",
        edited(put("urn:hfbench:schema:submission:\u0662", "schema")),
    ),
    Attack("no schema", "HFB010", edited(drop("schema"))),
    Attack(
        "a date in the future",
        "HFB032",
        edited(put("2031-01-01T00:00:00Z", "sitting", "finished_at")),
    ),
    Attack("a day that never was", "HFB030", edited(at(0, started_at="2026-02-30T00:00:00Z"))),
    Attack(
        "a moment with a line end", "HFB002", edited(at(0, started_at="2026-11-23T13:57:53Z\n"))
    ),
    Attack(
        "process runs before the sitting",
        "HFB030",
        edited(at(3, started_at="2020-01-01T00:00:00Z")),
    ),
    Attack("one process run counted twice", "HFB026", edited(repeat(0))),
    Attack(
        "two environments that are one",
        "HFB028",
        edited(lambda d: d["environments"][1].update(packages=d["environments"][0]["packages"])),
    ),
    Attack("success without a measurement", "HFB011", edited(at(0, iterations_ns=None))),
    Attack("iterations that took no time", "HFB011", edited(times(lambda ns: [0] * len(ns)))),
    Attack(
        "iterations that took negative time", "HFB011", edited(times(lambda ns: [-n for n in ns]))
    ),
    Attack(
        "iterations longer than the process run",
        "HFB031",
        edited(times(lambda ns: [n * 10**5 for n in ns])),
    ),
    Attack(
        "fewer iterations than asked for, the slow ones gone",
        "HFB041",
        edited(times(lambda ns: sorted(ns)[:10])),
    ),
    Attack(
        "all but the fastest called warm-up",
        "HFB041",
        edited(times(sorted), at(0, warmup_iterations=18)),
    ),
    Attack("no warm-up at all", "HFB042", edited(at(0, warmup_iterations=0))),
    Attack("the same times twice", "HFB043", edited(copied(list))),
    Attack(
        "more cores than the processor has", "HFB081", edited(put(60000, "machine", "usable_cores"))
    ),
    Attack("a process run that took a month", "HFB033", edited(at(0, wall_ns=30 * 86400 * SECOND))),
    Attack(
        "days of measuring in a minute",
        "HFB034",
        edited(*(at(i, wall_ns=4000 * SECOND) for i in range(4))),
    ),
    *(
        Attack(f"{what} in a reason", "HFB085", edited(reason(f"refused: {secret} is no")))
        for what, secret in SECRETS.items()
    ),
    Attack("a home folder in a reason", "HFB084", edited(reason("no file /home/ada/model.bin"))),
    Attack(
        "an e-mail address", "HFB084", edited(put("built by ada@example.org", "machine", "kernel"))
    ),
    Attack("an IP address in a reason", "HFB084", edited(reason("no route to 192.168.17.4"))),
    Attack(
        "a MAC address in a reason", "HFB084", edited(reason("device 52:54:00:12:34:56 is lost"))
    ),
]

DOCUMENTS = [*BYTES, *TEXTS, *CLAIMS]

INERT = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "=HYPERLINK(A1)",
    "+1+cmd|' /C calc'!A0",
    "@channel please merge",
    "[click](javascript:alert(1))",
    "`` ` ``` code ````",
    "../../../etc/passwd",
    "%s%n${jndi:ldap://x}",
    "'; DROP TABLE submissions; --",
]
"""Texts that break no rule, because they are only text: whoever shows them must keep them so."""
