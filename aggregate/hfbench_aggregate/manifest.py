"""The manifest of a release: everything it was made from, so that it can be made again."""

import platform
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable
from typing import Any, Final

from hfbench_aggregate.aliases import Aliases
from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.reduction import Family
from hfbench_aggregate.statistics import constants
from hfbench_aggregate.tables import RELEASE_SCHEMA, Manifest, SuiteRow
from hfbench_aggregate.trust import Trusted
from hfbench_schema.canonical import sha256_hex
from hfbench_schema.machine_key import MACHINE_KEY_VERSION
from hfbench_schema.reports import RULES_VERSION
from hfbench_schema.submission import SUBMISSION_SCHEMA
from hfbench_schema.timestamps import parse_moment

METHOD_VERSION: Final = "4"
"""Of the way from submissions to tables; goes up whenever the same inputs may give other tables."""

MANIFEST: Final = "manifest.json"
NOTES: Final = "NOTES.md"
RELATIVE: Final = (NOTES, "audit.json", "diff.json", "findings.json", "findings.parquet")
"""What a release says in view of the one before; the rest follows from its inputs alone."""
SOURCE: Final = "hfbench source"
"""Among a manifest's libraries: which build of that version of hfbench it was."""
_PACKAGES: Final = ("hfbench_aggregate", "hfbench_schema")
_LIBRARIES: Final = ("hfbench", "numpy", "packaging", "pyarrow", "rfc8785", "scipy")


def new_manifest(
    submissions: Sequence[Accepted],
    ledger: Ledger,
    registry: tuple[Trusted, str | None],
    previous: tuple[Manifest, str] | None,
    libraries: dict[str, str],
    families: Sequence[Family],
) -> Manifest:
    """Return the manifest of the next release, its `tables` still to be filled.

    Args:
        submissions: all that count, in the order of the ledger.
        ledger: its last entry is the one to pin.
        registry: the accounts that it trusts, and its sha256, or None without one.
        previous: manifest of the release before, and its sha256, or None.
        libraries: that it is said to be made with.
        families: of the submissions.
    """
    as_of = ledger.entries[-1]["at"]
    before = previous[0]["version"] if previous else None
    return {
        "schema": RELEASE_SCHEMA,
        "version": _next_version(as_of, before),
        "previous": before,
        "previous_sha256": previous[1] if previous else None,
        "as_of": as_of,
        "ledger_head": ledger.head,
        "inputs": [{"sha256": s.sha256, "received_at": s.received_at} for s in submissions],
        "registry_sha256": registry[1],
        "schemas": {"submission": SUBMISSION_SCHEMA, "machine_key": f"m{MACHINE_KEY_VERSION}"},
        "rules_version": RULES_VERSION,
        "method_version": METHOD_VERSION,
        "constants": _constants(),
        "libraries": libraries,
        "suites": _suites(families),
        "trusted": registry[0].row(),
        "tables": {},
    }


def trusted_of(manifest: Manifest) -> Trusted:
    """Return the accounts that vouched for submissions when a release was made."""
    row = manifest.get("trusted")
    return Trusted(frozenset(row["maintainers"]), row["automation"]) if row else Trusted()


def aliases_of(manifest: Manifest) -> Aliases:
    """Return which machine keys counted as others when a release was made."""
    return manifest.get("aliases", {})


def says_the_same(a: Manifest, b: Manifest) -> bool:
    """Whether two releases have the same inputs, method and tables, whatever their versions."""
    return _substance(a) == _substance(b)


def method_differences(a: Manifest, b: Manifest) -> list[str]:
    """Say what two releases were computed with that may give other tables, `a`'s first.

    As in `method 2 / 3`, `LEAST_EFFECT 0.01 / 0.02`, `numpy 2.4.6 / 2.5.0`.
    """
    return [*rule_differences(a, b), *library_differences(a, b)]


def rule_differences(a: Manifest, b: Manifest) -> list[str]:
    """Say which of the method's own rules differ: its version, constants, forms of documents."""
    method = (a["method_version"], b["method_version"])
    found = [f"method {method[0]} / {method[1]}"] if method[0] != method[1] else []
    return found + _differing(a, b, ("constants", "schemas"))


def library_differences(a: Manifest, b: Manifest) -> list[str]:
    """Say in which libraries two releases differ, the build of hfbench among them."""
    return _differing(a, b, ("libraries",))


def _differing(a: Manifest, b: Manifest, groups: Sequence[str]) -> list[str]:
    found: list[tuple[object, object, str]] = []
    for group in groups:
        first, second = a[group], b[group]  # type: ignore[literal-required]  # names of groups
        names = sorted(first.keys() | second.keys())
        found += [(first.get(name), second.get(name), name) for name in names]
    return [f"{name} {was} / {now}" for was, now, name in found if was != now]


def present_libraries() -> dict[str, str]:
    """Return the versions of everything here that may change a byte of a release."""
    versions = {"python": platform.python_version(), SOURCE: source_digest()}
    return versions | {name: version(name) for name in _LIBRARIES}


@cache
def source_digest() -> str:
    """Return the first 12 digits of the hash of all files that a release may follow from.

    Two builds of one version of hfbench, a checkout and what was released, say, differ in it.
    """
    lines = (
        f"{name}/{path}:{sha256_hex(file.read_bytes())}"
        for name in _PACKAGES
        for path, file in _files(resources.files(name))
    )
    return sha256_hex("\n".join(sorted(lines)).encode())[:12]


def _files(folder: Traversable, path: str = "") -> Iterator[tuple[str, Traversable]]:
    """Yield the files of a package with their paths in it; what Python compiled is left out."""
    for entry in folder.iterdir():
        if entry.is_file():
            yield f"{path}{entry.name}", entry
        elif entry.name != "__pycache__":
            yield from _files(entry, f"{path}{entry.name}/")


def _next_version(as_of: str, previous: str | None) -> str:
    """Return `YYYY.MM.N`; the ledger's moments never go back, so counting on from one suffices."""
    month = f"{parse_moment(as_of):%Y.%m}"
    if previous is None or previous.rpartition(".")[0] != month:
        return f"{month}.1"
    return f"{month}.{int(previous.rpartition('.')[2]) + 1}"


def _constants() -> dict[str, float]:
    """Return every number behind the statistics, seeds too; a tuple's, numbered from 1."""
    found: dict[str, float] = {}
    for name in filter(str.isupper, vars(constants)):
        value = getattr(constants, name)
        if isinstance(value, tuple):
            found |= {f"{name}_{number}": item for number, item in enumerate(value, start=1)}
        else:
            found[name] = value
    return found


def _suites(families: Sequence[Family]) -> list[SuiteRow]:
    """Return every suite version that occurs, once."""
    rows: dict[str, SuiteRow] = {}
    for family in families:
        suite = family.submissions[0].document["suite"]
        rows[f"{family.suite}-{family.suite_version}"] = {
            "name": suite["name"],
            "version": suite["version"],
            "sha256": suite["sha256"],
        }
    return [rows[title] for title in sorted(rows)]


def _substance(manifest: Manifest) -> tuple[Any, ...]:
    tables = {name: found for name, found in manifest["tables"].items() if name not in RELATIVE}
    return (
        manifest["inputs"],
        manifest["rules_version"],
        manifest["method_version"],
        manifest["constants"],
        manifest["suites"],
        tables,
    )
