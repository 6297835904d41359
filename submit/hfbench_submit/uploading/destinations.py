"""Where submissions go: a local folder, or a dataset on the Hub."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFAULT_STORE: Final = "HFBENCH_STORE"
"""The environment variable that names the store where none is given."""

_PREFIX = "hf://datasets/"
_NAME = r"(?!\S*(?:--|\.\.))[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_DATASET = re.compile(rf"{_PREFIX}(?P<repository>{_NAME}/{_NAME}?)/?", re.ASCII)


@dataclass(frozen=True)
class HubDataset:
    """A dataset on the Hub; `repository` is its name, as in `organization/results`."""

    repository: str

    @classmethod
    def of(cls, address: str) -> "HubDataset":
        """Return the dataset that has this address, as `str` gives it."""
        return cls(address.removeprefix(_PREFIX))

    def __str__(self) -> str:
        return _PREFIX + self.repository


Destination = Path | HubDataset


def parse_destination(text: str) -> Destination:
    """Read `hf://datasets/ORG/NAME`, or else the path of a folder, which need not exist.

    Raises:
        ValueError: it is another address, or the path of a file; the message says how to mend it.
    """
    if found := _DATASET.fullmatch(text):
        return HubDataset(found["repository"])
    if "://" in text or text.startswith("hf:"):
        raise ValueError(f"{text!r} is no store; write FOLDER, or {_PREFIX}ORG/NAME")
    if not text or Path(text).is_file():
        raise ValueError(f"{text!r} is no folder; write FOLDER, or {_PREFIX}ORG/NAME")
    return Path(text)
