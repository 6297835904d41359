"""Examples: sentences, or pairs of them, each with the label 0 or 1."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hfbench_schema.canonical import canonical_bytes

SPLITS: Final = ("train", "validation")


@dataclass(frozen=True)
class Examples:
    """One split: `texts` has a tuple of one sentence or two for each example."""

    texts: Sequence[tuple[str, ...]]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Task:
    """Both splits of a task, and where they come from: `hub`, `local` or `built_in`."""

    source: str
    train: Examples
    validation: Examples

    @property
    def splits(self) -> dict[str, Examples]:
        """Return both splits by name, in the order of `SPLITS`."""
        return dict(zip(SPLITS, (self.train, self.validation), strict=True))

    def sha256(self) -> str:
        """Return the SHA-256 of the text and labels of both splits, whatever file held them.

        It is that of lines of canonical JSON (RFC 8785) in UTF-8, each with its newline: the name
        of the split, as in `"train"`, then its examples in order, as in `[["A sentence."],1]`.

        Raises:
            ValueError: a sentence has a lone surrogate, which no file in UTF-8 can hold.
        """
        digest = hashlib.sha256()
        for line in self._lines():
            digest.update(canonical_bytes(line) + b"\n")
        return digest.hexdigest()

    def _lines(self) -> Iterator[object]:
        for name, examples in self.splits.items():
            yield name
            for texts, label in zip(examples.texts, examples.labels, strict=True):
                yield [list(texts), label]
