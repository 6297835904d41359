"""A store at one revision: what a command reads, so that nothing changes under it."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from hfbench_aggregate.stores.store import Revision, Store
from hfbench_schema.tree import LEDGER, RELEASES, SUBMISSIONS


@dataclass(frozen=True)
class Snapshot:
    """A store, and the revision at which it is read."""

    store: Store
    revision: Revision

    @property
    def name(self) -> str:
        """For people: the folder, or the repository."""
        return self.store.name

    def read(self, path: PurePosixPath) -> bytes:
        """Return the bytes of a file.

        Raises:
            FileNotFoundError: there is none.
            StoreError: it cannot be read.
        """
        return self.store.read(path, self.revision)

    def files(self, folder: PurePosixPath) -> list[PurePosixPath]:
        """Return all files below `folder`, sorted."""
        return self.store.files(folder, self.revision)

    def submissions(self) -> dict[str, PurePosixPath]:
        """Return the path of every document below `submissions/`, by the sha256 in its name."""
        return {path.stem: path for path in self.files(SUBMISSIONS) if path.suffix == ".json"}

    def ledger_files(self) -> list[PurePosixPath]:
        """Return the files of the ledger, oldest first."""
        return [path for path in self.files(LEDGER) if path.suffix == ".jsonl"]

    def releases(self) -> list[str]:
        """Return the versions of all releases, oldest first."""
        names = {path.parts[1] for path in self.files(RELEASES) if len(path.parts) > 2}
        versions = [name for name in names if name.replace(".", "").isdecimal()]
        return sorted(versions, key=lambda name: [int(part) for part in name.split(".") if part])


def newest(store: Store) -> Snapshot:
    """Return a store as it is now."""
    return Snapshot(store, store.head())
