"""What every role of inference measures: one cell's network in its mode and precision."""

import importlib.metadata
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from hfbench_worker.answers import Answers

REFERENCE = {"mode": "eager", "precision": "fp32"}
"""What every output is compared with."""

INPUTS = 4
"""Distinct inputs, rotated, so that nothing can be answered from a cache."""

WEIGHT_BOUND = 0.02 * 3**0.5
"""Weights are uniform within +- this: standard deviation 0.02, as transformers initialises."""

WEIGHT_POOL = 4_000_037
"""Random numbers drawn; a prime, so that no matrix begins where another of its size does."""

LABELS = 2
"""What a classifier tells apart: 0 and 1."""

ANCHOR_SIDE = 1024
"""Rows and columns of the matrices that the anchor multiplies."""

ANCHOR_FLOATS = 64 * 2**20 // 4
"""How many fp32 numbers the anchor copies: 64 MiB."""


class Workload(Protocol):
    """One cell of one framework; the methods are called in the order in which they stand here."""

    def loaded(self) -> dict[str, Any]:
        """Return `packages` (name to version) and `threads`, as the framework reports them."""

    def build(self) -> None:
        """Build the eager fp32 network with seeded weights, and its inputs, on the device."""

    def reference(self) -> None:
        """Compute and keep the eager fp32 output of input 0; left out where none is needed."""

    def prepare(self) -> None:
        """Cast, trace, or wrap: turn the network into the cell's mode and precision."""

    def call(self, number: int) -> object:
        """Return the result of one forward pass on input `number` modulo the inputs there are."""

    def synchronize(self) -> None:
        """Return when the device has finished all it was given."""

    def distance(self, output: object) -> float:
        """Return the relative Euclidean distance of a call's result from the reference."""

    def digest(self, output: object) -> str:
        """Return the SHA-256 of a call's result as contiguous bytes.

        Raises:
            MeasurementError: it holds NaN or infinity.
        """

    def check(self) -> None:
        """Find out, by computing, that the device computes in the cell's precision.

        Raises:
            MeasurementError: it does not.
        """

    def device_memory(self) -> dict[str, int]:
        """Return bytes `allocated`, `peak` and `reserved` on the device; nothing on the CPU."""

    def reset_device_memory(self) -> None:
        """Let the device's peaks begin anew."""

    def anchor_calls(self) -> tuple[Callable[[], object], Callable[[], object]]:
        """Return a fixed fp32 matrix product and a fixed copy of 64 MiB, on the device."""


def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, None if it is not installed.

    It is read from the folder that the module of that name was imported from: that is what
    computes. `__version__` will not do: CUDA wheels add `+cu130` to the version they are
    installed under.
    """
    module = sys.modules.get(distribution)
    folders = [str(Path(str(module.__file__)).parent.parent)] if module else sys.path
    found = next(iter(importlib.metadata.distributions(name=distribution, path=folders)), None)
    return found.version if found else None


def build_and_prepare(workload: Workload, answers: Answers, reference: bool = False) -> None:
    """Bring the workload to where it can be called; each part is a timed phase."""
    with answers.phase("build"):
        workload.build()
        workload.synchronize()
    if reference:
        answers.begin("reference")
        workload.reference()
    with answers.phase("prepare"):
        workload.prepare()
        workload.synchronize()
