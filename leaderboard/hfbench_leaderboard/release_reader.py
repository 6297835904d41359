"""Read a release from a store: whole and unharmed, or not at all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from hfbench_aggregate.tables import (
    RELEASE_SCHEMA,
    BreakEvenRow,
    CellRow,
    Comparison,
    EnergyRow,
    MachineRow,
    Manifest,
    MemoryRow,
    SubmissionRow,
)
from hfbench_leaderboard.sources import Folder, Source
from hfbench_schema.canonical import StrictJSONError, sha256_hex, strict_json
from hfbench_schema.tree import release_path

MANIFEST = "manifest.json"
NOTES = "NOTES.md"
DIFF = "diff.json"
_KEPT = (NOTES, DIFF)
"""What is read of the releases that are not shown, beside their manifests."""
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_ROWS: dict[str, type] = {
    "machines.json": MachineRow,
    "submissions.json": SubmissionRow,
    "cells.json": CellRow,
    "comparisons.json": Comparison,
}
_OPTIONAL_ROWS: dict[str, type] = {
    "break_even.json": BreakEvenRow,
    "memory.json": MemoryRow,
    "energy.json": EnergyRow,
}


class ReleaseError(Exception):
    """The release cannot be read; the message names the file and says how to mend it."""


@dataclass(frozen=True, eq=False)
class Release:
    """One release; `files` holds the bytes of all its files, by name.

    What nobody has measured yet has no file: `break_even`, `memory` and `energy` may be empty.
    `others` holds manifest, notes and diff of the store's other releases, by version; of one that
    cannot be read, `unreadable` says why.
    """

    manifest: Manifest
    machines: list[MachineRow]
    submissions: list[SubmissionRow]
    cells: list[CellRow]
    comparisons: list[Comparison]
    break_even: list[BreakEvenRow]
    memory: list[MemoryRow]
    energy: list[EnergyRow]
    notes: str
    files: Mapping[str, bytes]
    others: Mapping[str, Mapping[str, bytes]]
    unreadable: Mapping[str, str]


def read_release(store: Path | Source, version: str | None = None) -> Release:
    """Read one release, the newest by default.

    Raises:
        ReleaseError: there is none, or one of its files is missing or not as published.
        StoreError: the store does not answer.
    """
    source = Folder(store) if isinstance(store, Path) else store
    chosen = _choose(source, version)
    folder = f"{source.name}/{release_path(chosen)}"
    try:
        return _read(source, chosen)
    except ReleaseError as error:
        raise ReleaseError(
            f"release {chosen}: {error}. To mend it: restore {folder} from a backup, or delete "
            f"that folder and make the release anew: hfbench-aggregate release {source.name}"
        ) from error


def _choose(source: Source, version: str | None) -> str:
    versions, name = source.releases(), source.name
    if not versions:
        raise ReleaseError(
            f"{name} holds no release; to make one: hfbench-aggregate release {name}"
        )
    if version is None:
        return versions[-1]
    if version not in versions:
        raise ReleaseError(f"{name} holds no release {version}; it holds {', '.join(versions)}")
    return version


def _read(source: Source, version: str) -> Release:
    folder = release_path(version)
    data = _bytes(source, folder / MANIFEST)
    manifest = _manifest(data, version)
    files = {name: _table(source, folder / name, manifest) for name in sorted(manifest["tables"])}
    rows = {name: _rows(name, files, row) for name, row in _ROWS.items()} | {
        name: _rows(name, files, row) if name in files else []
        for name, row in _OPTIONAL_ROWS.items()
    }
    if NOTES not in files:
        raise ReleaseError(f"the manifest does not list {NOTES}")
    others, unreadable = _others(source, version)
    return Release(
        manifest=manifest,
        machines=rows["machines.json"],
        submissions=rows["submissions.json"],
        cells=rows["cells.json"],
        comparisons=rows["comparisons.json"],
        break_even=rows["break_even.json"],
        memory=rows["memory.json"],
        energy=rows["energy.json"],
        notes=files[NOTES].decode("utf-8", errors="replace"),
        files={MANIFEST: data, **files},
        others=others,
        unreadable=unreadable,
    )


def _others(source: Source, shown: str) -> tuple[dict[str, Mapping[str, bytes]], dict[str, str]]:
    """Return what is kept of each other release, and why one cannot be read.

    A release that is not shown may be broken: the pages of this one do not depend on it.
    """
    found: dict[str, Mapping[str, bytes]] = {}
    unreadable: dict[str, str] = {}
    for version in source.releases():
        try:
            if version != shown:
                found[version] = _kept(source, version)
        except ReleaseError as error:
            unreadable[version] = str(error)
    return found, unreadable


def _kept(source: Source, version: str) -> dict[str, bytes]:
    folder = release_path(version)
    data = _bytes(source, folder / MANIFEST)
    manifest = _manifest(data, version)
    names = [name for name in _KEPT if name in manifest["tables"]]
    return {MANIFEST: data} | {name: _table(source, folder / name, manifest) for name in names}


def _bytes(source: Source, path: PurePosixPath) -> bytes:
    try:
        return source.read(path)
    except FileNotFoundError:
        raise ReleaseError(f"{path.name} is missing") from None
    except OSError as error:
        raise ReleaseError(f"{path.name} cannot be read ({error.strerror})") from error


def table(data: bytes, name: str) -> Any:
    """Return what a table holds; its bytes are those of the manifest, so that any parser will do.

    Raises:
        ReleaseError: it is no JSON.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ReleaseError(f"{name} is not JSON ({error})") from error


def _manifest(data: bytes, version: str) -> Manifest:
    try:
        manifest: Manifest = strict_json(data)
    except StrictJSONError as error:
        raise ReleaseError(f"{MANIFEST} is not JSON ({error})") from error
    _require_keys(manifest, Manifest, MANIFEST)
    if manifest["schema"] != RELEASE_SCHEMA:
        raise ReleaseError(f"{MANIFEST} has schema {manifest['schema']}, not {RELEASE_SCHEMA}")
    if manifest["version"] != version:
        raise ReleaseError(f"{MANIFEST} is that of release {manifest['version']}")
    # The names become files of the site, so none may lead out of its folder.
    for name in manifest["tables"]:
        if not _FILE_NAME.fullmatch(name):
            raise ReleaseError(f"{MANIFEST} lists {name!r}, which is no plain file name")
    return manifest


def _table(source: Source, path: PurePosixPath, manifest: Manifest) -> bytes:
    data = _bytes(source, path)
    if sha256_hex(data) != manifest["tables"][path.name]:
        raise ReleaseError(f"{path.name} is corrupt: its sha256 is not the one in the manifest")
    return data


def _rows(name: str, files: Mapping[str, bytes], kind: type) -> Any:
    if name not in files:
        raise ReleaseError(f"the manifest does not list {name}")
    rows = table(files[name], name)
    if not isinstance(rows, list):
        raise ReleaseError(f"{name} is not a list")
    for row in rows:
        _require_keys(row, kind, name)
    return rows


def _require_keys(value: Any, row: Any, name: str) -> None:
    """Refuse what the pages could not show: an aggregator of another age wrote it."""
    missing = row.__required_keys__ - value.keys() if isinstance(value, dict) else {"an object"}
    if missing:
        raise ReleaseError(f"{name} lacks {', '.join(sorted(missing))}")
