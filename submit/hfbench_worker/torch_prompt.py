"""A cached prompt that every decode call finds as it was."""

from typing import Any

import torch

from hfbench_worker.failures import MeasurementError


class CachedPrompt:
    """A key-value cache filled with a prompt.

    A call appends one token by making new, longer tensors; those of the prompt stay as they are.
    `restore` puts them back: two assignments a layer, some microseconds, and no tensor is touched
    or copied. So every call, timed or not, decodes after a prompt of the same length, and pays
    for the same append that `generate` pays for.
    """

    def __init__(self, cache: Any) -> None:
        if not hasattr(cache, "layers"):
            raise MeasurementError(
                "unsupported",
                f"decode needs the layered cache of transformers 4.54 and later; this version"
                f" has a {type(cache).__name__}",
            )
        self.cache = cache
        self.tensors: list[torch.Tensor] = [
            tensor for layer in cache.layers for tensor in (layer.keys, layer.values)
        ]

    def restore(self) -> Any:
        """Return the cache, holding the prompt and nothing else."""
        return self.hold(self.tensors)

    def hold(self, tensors: list[torch.Tensor]) -> Any:
        """Return the cache, holding these keys and values, layer by layer."""
        for layer, keys, values in zip(self.cache.layers, tensors[::2], tensors[1::2], strict=True):
            layer.keys, layer.values = keys, values
        return self.cache
