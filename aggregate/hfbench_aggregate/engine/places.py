"""Where the indexes of stores lie: in the cache, a folder for each store."""

import re
import shutil
from pathlib import Path
from typing import Final

from hfbench_aggregate.stores.store import StoreError
from hfbench_schema.cache import cache_folder
from hfbench_schema.canonical import sha256_hex
from hfbench_schema.files import write_atomically

STORE_FILE: Final = "store.txt"
"""In the folder of an index: the address of its store."""


def index_folder(name: str) -> Path:
    """Return the folder for the index of a store, which is made if there is none.

    With a new one, those of folders that are gone are deleted.

    Raises:
        StoreError: the folder cannot be written.
    """
    address = name if _is_remote(name) else str(Path(name).resolve())
    indexes = cache_folder() / "indexes"
    folder = indexes / sha256_hex(address.encode())[:16]
    try:
        if not (folder / STORE_FILE).exists():
            _forget_the_gone(indexes)
            write_atomically(folder / STORE_FILE, f"{address}\n".encode())
    except OSError as error:
        raise StoreError(
            f"no index of {name} can be kept at {folder} ({error.strerror}): make that writable, "
            f"or name another folder in HFBENCH_CACHE"
        ) from error
    return folder


def _forget_the_gone(indexes: Path) -> None:
    for file in indexes.glob(f"*/{STORE_FILE}"):
        address = file.read_text().strip()
        if not _is_remote(address) and not Path(address).exists():
            shutil.rmtree(file.parent, ignore_errors=True)


def _is_remote(name: str) -> bool:
    return re.match(r"\w+:/", name) is not None
