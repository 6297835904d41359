"""A task's examples: read from the data folder, put in order, cut into batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Batch = dict[str, Any]
"""Arrays of as many rows each, by name."""
INPUTS = ("input_ids", "token_type_ids", "attention_mask")
"""What the network reads, each of shape (rows, sequence length)."""


@dataclass(frozen=True)
class Examples:
    """One split: int32 arrays of `INPUTS`, (examples, sequence length), and `labels`."""

    arrays: Batch

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.arrays["labels"])

    def rows(self, numbers: Any) -> Batch:
        """Return the examples of these numbers, in their order."""
        return {name: array[numbers] for name, array in self.arrays.items()}

    def tokens(self, numbers: Any) -> int:
        """Return how many tokens these examples have, padding left out."""
        return int(self.arrays["attention_mask"].sum(axis=1)[numbers].sum())


def load_examples(folder: str, split: str) -> Examples:
    """Read `train` or `validation` from a data folder into memory.

    Raises:
        OSError: a file of it is missing.
    """
    names = (*INPUTS, "labels")
    return Examples({name: np.load(Path(folder) / f"{split}-{name}.npy") for name in names})


def order_of_epoch(seed: int, epoch: int, examples: int, batch: int) -> Any:
    """Return which examples each step of an epoch (from 0) trains on: shape (steps, batch).

    It depends on nothing else, so that all cells and environments see the same. What does not
    fill a batch at the end is left out: all steps have the same shape.
    """
    order = np.random.default_rng([seed, epoch]).permutation(examples)
    steps = examples // batch
    return order[: steps * batch].reshape(steps, batch)


def padded_batches(examples: int, batch: int) -> Iterator[tuple[Any, Any]]:
    """Yield the numbers of all examples in batches, and which of each are no padding.

    The last batch is filled up with example 0, so that all have the same shape.
    """
    for start in range(0, examples, batch):
        numbers = np.arange(start, start + batch)
        real = numbers < examples
        yield np.where(real, numbers, 0), real


def confusion(labels: Any, predicted: Any) -> list[int]:
    """Return counts [0 for 0, 0 for 1, 1 for 0, 1 for 1]: the true label first."""
    counts = np.bincount(2 * labels.astype(np.int64) + predicted, minlength=4)
    return [int(count) for count in counts]
