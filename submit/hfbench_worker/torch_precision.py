"""Precisions of torch, and the trial that shows whether they work."""

import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from hfbench_worker.failures import MeasurementError

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_AUTOCAST = "-autocast"


class Precision:
    """How a cell's numbers are kept.

    `weights` is the type of weights and inputs; `context()` is what the forward pass runs under.

    Raises:
        MeasurementError: there is no such precision.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        if name.removesuffix(_AUTOCAST) not in _DTYPES or name == f"fp32{_AUTOCAST}":
            raise _unsupported(name, device, "hfbench does not know this precision")
        self._name, self._device = name, device
        self._computed = _DTYPES[name.removesuffix(_AUTOCAST)]
        self._autocast = name.endswith(_AUTOCAST)
        self.weights = torch.float32 if self._autocast else self._computed

    def context(self, cache: bool = True) -> AbstractContextManager[Any]:
        """Return a fresh context; `cache` lets autocast keep weights it has cast, within it."""
        if not self._autocast:
            return nullcontext()
        context: AbstractContextManager[Any] = torch.autocast(
            self._device.type, dtype=self._computed, cache_enabled=cache
        )
        return context

    def check(self) -> None:
        """Multiply: where autocast cannot, torch warns, and goes on in fp32.

        Raises:
            MeasurementError: the device cannot multiply matrices in this precision.
        """
        ones = torch.ones(16, 16, dtype=self.weights, device=self._device)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                with torch.inference_mode(), self.context():
                    computed = (ones @ ones).dtype
            except RuntimeError as error:
                raise self._refused(str(error).partition("\n")[0]) from error
        if computed != self._computed:
            said = "; ".join(str(w.message).partition("\n")[0] for w in warned)
            raise self._refused(said or f"torch computes in {computed} instead")

    def _refused(self, why: str) -> MeasurementError:
        return _unsupported(self._name, self._device, why)


def _unsupported(name: str, device: torch.device, why: str) -> MeasurementError:
    where = f"torch {torch.__version__} on {device.type}"
    return MeasurementError("unsupported", f"precision {name} does not work with {where}: {why}")
