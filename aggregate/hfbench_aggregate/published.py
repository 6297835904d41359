"""Releases as they were published: read from a store, and held against their manifest."""

from dataclasses import dataclass
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from hfbench_aggregate.manifest import MANIFEST
from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.stores.store import StoreError
from hfbench_aggregate.tables import RELEASE_SCHEMA, InputRow, Manifest
from hfbench_schema.canonical import StrictJSONError, sha256_hex, strict_json
from hfbench_schema.tree import release_path


@dataclass(frozen=True, eq=False)
class Published:
    """A release in a store; `sha256` is that of its manifest, and so of all of it."""

    snapshot: Snapshot
    manifest: Manifest
    sha256: str

    @property
    def version(self) -> str:
        """Its version."""
        return self.manifest["version"]

    def read(self, name: str) -> bytes:
        """Return the bytes of one of its files.

        Raises:
            StoreError: the file is missing, or not what the manifest says.
        """
        try:
            data = self.snapshot.read(release_path(self.version) / name)
        except FileNotFoundError as error:
            raise StoreError(unreadable(self.version, f"{name} is missing")) from error
        if sha256_hex(data) != self.manifest["tables"].get(name):
            raise StoreError(unreadable(self.version, f"{name} was changed after it was made"))
        return data

    def table(self, name: str) -> Any:
        """Return the rows of a table, none if the release has no such table.

        Raises:
            StoreError: the file is missing, or not what the manifest says.
        """
        return strict_json(self.read(name)) if name in self.manifest["tables"] else []


def read_published(snapshot: Snapshot, version: str) -> Published:
    """Return a release of a store.

    Raises:
        StoreError: there is none of that version, or its manifest is missing or corrupt.
    """
    if version not in (versions := snapshot.releases()):
        raise StoreError(
            f"{snapshot.store.name} has no release {version}; it has: "
            f"{', '.join(versions) or 'none'}"
        )
    try:
        data = snapshot.read(release_path(version) / MANIFEST)
        manifest: Manifest = strict_json(data)
    except (OSError, StrictJSONError) as error:
        raise StoreError(unreadable(version, str(error))) from error
    if not _is_manifest(manifest) or manifest["version"] != version:
        raise StoreError(unreadable(version, "its manifest is of another release or age"))
    return Published(snapshot, manifest, sha256_hex(data))


def _is_manifest(value: Any) -> bool:
    """Whether a value has the fields of a manifest of this age, and each its type."""
    if not isinstance(value, dict) or value.get("schema") != RELEASE_SCHEMA:
        return False
    if not all(isinstance(value.get(name), _KINDS[name]) for name in Manifest.__required_keys__):
        return False
    fields = InputRow.__required_keys__
    return all(isinstance(row, dict) and row.keys() == fields for row in value["inputs"])


def _kinds(hint: Any) -> tuple[type, ...]:
    """Return the types that a field may have: `dict` of `dict[str, str]`."""
    hints = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    return tuple(get_origin(one) or one for one in hints)


_KINDS: Final = {name: _kinds(hint) for name, hint in get_type_hints(Manifest).items()}


def newest_release(snapshot: Snapshot) -> Published | None:
    """Return the newest release of a store, or None if there is none.

    Raises:
        StoreError: its manifest is missing or corrupt.
    """
    versions = snapshot.releases()
    return read_published(snapshot, versions[-1]) if versions else None


def unreadable(version: str, detail: str) -> str:
    """Say that a release cannot be read, and how to mend it."""
    return (
        f"release {version} cannot be read: {detail}. To mend it: restore "
        f"{release_path(version)} from a backup, or delete that folder to have it made anew"
    )
