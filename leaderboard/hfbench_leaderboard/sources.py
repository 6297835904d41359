"""Where releases are read from: a folder that holds some, or a store on the Hub, pinned."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from hfbench_aggregate.snapshot import newest
from hfbench_schema.tree import RELEASES

_VERSION: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})*")
_ADDRESS: Final = re.compile(r"hf:|\w+://")


class Source(Protocol):
    """What holds releases; nothing in it changes while it is read."""

    @property
    def name(self) -> str:
        """For people: the folder, or the repository."""

    def releases(self) -> list[str]:
        """Return the versions of all releases, oldest first by number."""

    def read(self, path: PurePosixPath) -> bytes:
        """Return the bytes of a file.

        Raises:
            FileNotFoundError: there is none.
        """


@dataclass(frozen=True)
class Folder:
    """A folder with releases, whether or not it is a whole store."""

    root: Path

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.root)

    def releases(self) -> list[str]:
        """Return the versions of all releases, oldest first by number."""
        folder = self.root / RELEASES
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        return sorted(filter(_VERSION.fullmatch, names), key=_by_number)

    def read(self, path: PurePosixPath) -> bytes:
        """Return the bytes of a file.

        Raises:
            OSError: it cannot be read.
        """
        return (self.root / path).read_bytes()


def is_address(text: str) -> bool:
    """Tell an address, as of a dataset on the Hub, from the path of a folder."""
    return _ADDRESS.match(text) is not None


def open_address(address: str) -> Source:
    """Open the store at an address, `hf://datasets/ORG/NAME`, at its newest revision.

    Raises:
        StoreError: the address is none, or the store cannot be reached.
    """
    # Here, so that whoever has a folder does not load the Hub's client.
    from hfbench_aggregate.stores.opening import open_store

    return newest(open_store(address))


def _by_number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
