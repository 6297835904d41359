"""Every release of a store, the newest first: what each was made from, and what it changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hfbench_aggregate.release_tables import DiffRow
from hfbench_aggregate.tables import Manifest
from hfbench_leaderboard.release_reader import DIFF, MANIFEST, NOTES, Release, table
from hfbench_schema.canonical import sha256_hex
from hfbench_schema.tree import release_path


@dataclass(frozen=True)
class ListedRelease:
    """One release; `manifest` is None and `problem` says why if it cannot be read.

    `files` are those of it that the site has, below `data/VERSION/`.
    """

    version: str
    is_shown: bool
    manifest: Manifest | None
    sha256: str | None
    diff: DiffRow | None
    files: tuple[str, ...]
    problem: str | None

    @property
    def store_path(self) -> str:
        """Where all its files lie in the store."""
        return str(release_path(self.version))


def listed_releases(release: Release) -> list[ListedRelease]:
    """Return all releases of the store, the newest first."""
    shown = release.manifest["version"]
    found = [_listed(version, files, "", shown) for version, files in release.others.items()]
    found += [_listed(version, {}, why, shown) for version, why in release.unreadable.items()]
    found.append(_listed(shown, release.files, "", shown))
    return sorted(found, key=lambda one: [int(part) for part in one.version.split(".")])[::-1]


def _listed(version: str, files: Mapping[str, bytes], problem: str, shown: str) -> ListedRelease:
    held: dict[str, Any] = {
        name: table(files[name], name) for name in (MANIFEST, DIFF) if name in files
    }
    diff = held.get(DIFF, {})
    return ListedRelease(
        version=version,
        is_shown=version == shown,
        manifest=held.get(MANIFEST),
        sha256=sha256_hex(files[MANIFEST]) if files else None,
        # One of another age may be of another form; its file is there all the same.
        diff=diff if diff.keys() >= DiffRow.__required_keys__ else None,
        files=tuple(name for name in (MANIFEST, NOTES, DIFF) if name in files),
        problem=problem or None,
    )


def other_files(release: Release) -> dict[str, bytes]:
    """Return what the site keeps of the store's other releases, by path."""
    return {
        f"data/{version}/{name}": data
        for version, files in release.others.items()
        for name, data in files.items()
    }
