"""Reduced process runs of role latency, as columns: what all comparisons start from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

NONE: Final = -1
"""In place of a text's number or a thread count that there is none of."""

RUN: Final = np.dtype(
    [
        ("order", np.int32),
        ("environment", np.int32),
        ("cell", np.int32),
        ("block", np.int32),
        ("attempt", np.int32),
        ("status", np.int32),
        ("reason", np.int32),
        ("warmup_iterations", np.int32),
        ("iterations", np.int32),
        ("intra_op", np.int32),
        ("inter_op", np.int32),
        ("watched", np.bool_),
        ("wall_ns", np.int64),
        ("low_ns", np.int64),
        ("high_ns", np.int64),
    ]
)
"""One process run. `order` is its place in the document, `environment` the index of its
environment there; `cell`, `status` and `reason` are numbers of texts; `iterations` counts the timed
ones, of which `low_ns` and `high_ns` are the middle pair. Unknown thread counts are NONE."""
TEXTS: Final = ("cell", "status", "reason")


@dataclass(frozen=True, eq=False)
class Runs:
    """Process runs, in the order of launching; `rows` has the dtype RUN, shape (process runs,)."""

    rows: npt.NDArray[np.void]
    texts: Sequence[str]

    def __getitem__(self, place: slice) -> "Runs":
        return Runs(self.rows[place], self.texts)

    def text(self, number: int) -> str | None:
        """Return the text of a number, None for NONE."""
        return None if number == NONE else self.texts[number]


def joined(parts: Iterable[Runs]) -> Runs:
    """Return process runs one after the other, with one list of texts, each in it once."""
    numbers: dict[str, int] = {}
    translations: dict[int, tuple[Sequence[str], npt.NDArray[np.int32]]] = {}
    rows = [np.empty(0, RUN)]
    for part in parts:
        # Many parts are slices of one, and share its texts; kept, so that no other takes their id.
        if id(part.texts) not in translations:
            translations[id(part.texts)] = part.texts, _numbered(part.texts, numbers)
        (_, translation), copied = translations[id(part.texts)], part.rows.copy()
        for name in TEXTS:
            copied[name] = translation[copied[name]]
        rows.append(copied)
    return Runs(np.concatenate(rows), list(numbers))


def _numbered(texts: Sequence[str], numbers: dict[str, int]) -> npt.NDArray[np.int32]:
    """Return the number of each text among all, and NONE at the end, where index -1 finds it."""
    known = [numbers.setdefault(text, len(numbers)) for text in texts]
    return np.array([*known, NONE], np.int32)
