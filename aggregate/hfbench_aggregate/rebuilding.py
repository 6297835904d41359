"""Rebuilding: make a release again from what it pins, and compare every byte."""

from collections.abc import Mapping
from dataclasses import dataclass

from hfbench_aggregate.archive import Archive
from hfbench_aggregate.ledger import read_ledger
from hfbench_aggregate.manifest import (
    MANIFEST,
    SOURCE,
    library_differences,
    present_libraries,
    rule_differences,
    trusted_of,
)
from hfbench_aggregate.published import Published, read_published
from hfbench_aggregate.release import Inputs, build_release
from hfbench_aggregate.release_tables import DiffRow
from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.stores.store import StoreError
from hfbench_aggregate.tables import Manifest
from hfbench_schema.canonical import sha256_hex, strict_json
from hfbench_schema.tree import release_path


@dataclass(frozen=True)
class Rebuilt:
    """What became of a release made again.

    `differing` says of each file that is not the same how it differs; `reasons` says why that may
    be; `remarks` what is worth knowing of a release that is the same.
    """

    files: int
    differing: dict[str, str]
    reasons: list[str]
    remarks: list[str]


def rebuild(snapshot: Snapshot, version: str) -> Rebuilt:
    """Make a release again: from its documents, and from ledger and registry as they were.

    The libraries of the first time are named again, not used: whether others make the same bytes
    is what it shows.

    Raises:
        StoreError: the release cannot be read, or what it was made from is not there any more.
    """
    published = read_published(snapshot, version)
    manifest = published.manifest
    files = build_release(_inputs(published))
    made: Manifest = strict_json(files[MANIFEST])
    differing = _differing(published, files)
    here: Manifest = {**made, "libraries": present_libraries()}
    method, libraries = rule_differences(manifest, here), library_differences(manifest, here)
    reasons = _reasons(differing, method, libraries, _limits(files)) if differing else []
    return Rebuilt(
        files=len(manifest["tables"]) + 1,
        differing=differing,
        reasons=reasons,
        remarks=[f"made with other libraries: {', '.join(libraries)}"] if libraries else [],
    )


def _inputs(published: Published) -> Inputs:
    """Return what a release was made from."""
    manifest, snapshot = published.manifest, published.snapshot
    ledger = read_ledger(snapshot)
    archive, pinned = Archive(snapshot, ledger), ledger.until(manifest["ledger_head"])
    return Inputs(
        submissions=archive.submissions(pinned.accepted()),
        ledger=pinned,
        trusted=trusted_of(manifest),
        registry_sha256=manifest["registry_sha256"],
        previous=_followed(published),
        archive=archive,
        libraries=manifest["libraries"],
    )


def _followed(published: Published) -> Published | None:
    """Return the release that this one followed, which its findings and audit look back to."""
    previous = published.manifest["previous"]
    if previous is None:
        return None
    found = read_published(published.snapshot, previous)
    if found.sha256 != published.manifest["previous_sha256"]:
        raise StoreError(
            f"release {previous} is not the one that {published.version} followed: it was made "
            f"anew since. To mend it: restore {release_path(previous)} from a backup"
        )
    return found


def _differing(published: Published, files: Mapping[str, bytes]) -> dict[str, str]:
    """Say of each file how it differs; the manifest last, as it follows from the others."""
    tables = published.manifest["tables"]
    found = {}
    for name in sorted(tables.keys() | files.keys() - {MANIFEST}):
        if name not in tables:
            found[name] = "the release has no such file"
        elif name not in files:
            found[name] = "it is not made any more"
        elif changed := _changed(published, name):
            found[name] = changed
        elif sha256_hex(files[name]) != tables[name]:
            found[name] = "its bytes are others"
    if sha256_hex(files[MANIFEST]) != published.sha256:
        found[MANIFEST] = "its bytes are others"
    return found


def _changed(published: Published, name: str) -> str | None:
    """Say if a file in the store is not what the release's manifest says."""
    try:
        published.read(name)
    except StoreError:
        return "it was changed or lost after it was made"
    return None


def _limits(files: Mapping[str, bytes]) -> list[str]:
    """Return what the difference from the release before can no longer tell, and why."""
    diff: DiffRow | None = strict_json(files["diff.json"]) if "diff.json" in files else None
    return diff["limits"] if diff else []


def _reasons(
    differing: Mapping[str, str], method: list[str], libraries: list[str], limits: list[str]
) -> list[str]:
    """Say why files may differ, the likeliest first."""
    reasons = [f"what changed since the release before: {limit}" for limit in limits]
    if lost := [name for name, how in differing.items() if "after it was made" in how]:
        reasons.append(f"changed after the release was made: {', '.join(lost)}")
    if method:
        reasons.append(f"made by another method (then / now): {', '.join(method)}")
    if libraries:
        reasons.append(_other_libraries(libraries))
    parquet = differing.keys() - {MANIFEST}
    if parquet and all(name.endswith(".parquet") for name in parquet):
        reasons.append("the JSON is the same: only how parquet is written differs")
    return reasons or [
        "it was made by this very build of hfbench with these libraries: this processor's "
        "arithmetic differs, or it is a fault. Please report it"
    ]


def _other_libraries(libraries: list[str]) -> str:
    """Say which libraries differ; where it is hfbench itself alone, how to make sure."""
    if [name for name in libraries if not name.startswith(SOURCE)]:
        return f"made with other libraries (then / now): {', '.join(libraries)}"
    return (
        f"made by another build of this version of hfbench (then / now): {', '.join(libraries)}. "
        "To make sure: rebuild with the hfbench that made it"
    )
