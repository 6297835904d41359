"""Stores that were frozen by `benchmarks/frozen_release.py`, one for each version of the method."""

from pathlib import Path
from typing import Final
from zipfile import ZipFile

FOLDER: Final = Path(__file__).parent
_PREFIX: Final = "method-"


def store_of(method: str) -> Path:
    """Return where the store of a version of the method lies, packed."""
    return FOLDER / f"{_PREFIX}{method}.zip"


def frozen_methods() -> list[str]:
    """Return the versions of the method that there is a store of, the oldest first."""
    found = (path.stem.removeprefix(_PREFIX) for path in FOLDER.glob(f"{_PREFIX}*.zip"))
    return sorted(found, key=int)


def unpacked(method: str, folder: Path) -> Path:
    """Unpack a frozen store into a folder, and return it."""
    with ZipFile(store_of(method)) as archive:
        archive.extractall(folder)
    return folder
