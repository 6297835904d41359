"""The modes of torch: each turns a network into what is called with one input."""

from collections.abc import Callable
from typing import Any

import torch

from hfbench_worker.failures import MeasurementError, classify, gpu_failed
from hfbench_worker.torch_outputs import tensors_of
from hfbench_worker.torch_precision import Precision
from hfbench_worker.torch_prompt import CachedPrompt

Step = Callable[[dict[str, Any]], Any]


def eager(network: Any, prompt: CachedPrompt | None) -> Step:
    """Call the network as it is, after the prompt if there is one."""
    if prompt is None:
        return lambda arguments: network(**arguments)
    return lambda arguments: network(**arguments, past_key_values=prompt.restore())


def compiled(network: Any, prompt: CachedPrompt | None) -> Step:
    """Call the network through torch.compile, which compiles in the first call."""
    return eager(torch.compile(network), prompt)


def traced(
    network: Any, prompt: CachedPrompt | None, example: dict[str, Any], precision: Precision
) -> Step:
    """Call a TorchScript trace of the network; a cached prompt goes in as tensors.

    Autocast is traced into it, without its cache of cast weights, which would become constants.

    Raises:
        MeasurementError: the network cannot be traced.
    """
    positional = _Positional(network, prompt, example)
    tensors = positional.tensors(example)
    try:
        with torch.inference_mode(), precision.context(cache=False):
            trace = torch.jit.trace(positional, tensors, strict=False, check_trace=False)
    except Exception as error:
        if classify(error) != "error" or gpu_failed(error):
            raise
        why = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        raise MeasurementError("unsupported", f"torch.jit.trace cannot trace it: {why}") from error
    return lambda arguments: trace(*positional.tensors(arguments))


class _Positional(torch.nn.Module):  # type: ignore[misc]
    """The network as tracing wants it: tensors in, tensors out, all else fixed."""

    def __init__(self, network: Any, prompt: CachedPrompt | None, example: dict[str, Any]) -> None:
        super().__init__()
        self.network = network
        self._prompt = prompt
        tensor = {name for name, value in example.items() if isinstance(value, torch.Tensor)}
        self._names = [name for name in example if name in tensor]
        self._fixed = {name: value for name, value in example.items() if name not in tensor}

    def tensors(self, arguments: dict[str, Any]) -> tuple[torch.Tensor, ...]:
        """Return what `forward` takes: an input's tensors, then those of the prompt."""
        cached = self._prompt.tensors if self._prompt else []
        return (*(arguments[name] for name in self._names), *cached)

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return every tensor of the network's result, so that tracing drops no work."""
        arguments = dict(zip(self._names, tensors, strict=False)) | self._fixed
        if self._prompt:
            held = self._prompt.hold(list(tensors[len(self._names) :]))
            arguments["past_key_values"] = held
        return tuple(tensors_of(self.network(**arguments)))
