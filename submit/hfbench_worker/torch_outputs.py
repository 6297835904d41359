"""What a forward pass returns, in whatever shape a library version gives it."""

import hashlib
from collections.abc import Iterator
from typing import Any

import torch

from hfbench_worker.failures import MeasurementError


def tensors_of(output: Any) -> Iterator[torch.Tensor]:
    """Yield every tensor of a result, in its order, those of its caches included."""
    if isinstance(output, torch.Tensor):
        yield output
    elif isinstance(output, dict):
        yield from tensors_of(list(output.values()))
    elif isinstance(output, list | tuple):
        for part in output:
            yield from tensors_of(part)
    elif hasattr(output, "layers"):
        yield from tensors_of([(layer.keys, layer.values) for layer in output.layers])
    elif hasattr(output, "self_attention_cache"):
        yield from tensors_of([output.self_attention_cache, output.cross_attention_cache])


def compared_tensor(output: Any) -> torch.Tensor:
    """Return the first floating-point tensor of a result, as fp32 on the CPU.

    That is the last hidden state, or the logits.
    """
    found = next(tensor for tensor in tensors_of(output) if tensor.is_floating_point())
    return found.detach().to("cpu", torch.float32).contiguous()


def distance(output: torch.Tensor, reference: torch.Tensor) -> float:
    """Return the Euclidean norm of the difference, over that of the reference."""
    if output.shape != reference.shape:
        raise MeasurementError(
            "wrong_output",
            f"the output has shape {tuple(output.shape)}, the eager fp32 one"
            f" {tuple(reference.shape)}",
        )
    exact = reference.double()
    return float((output.double() - exact).norm() / exact.norm())


def digest(output: torch.Tensor) -> str:
    """Return the SHA-256 of an fp32 tensor's bytes.

    Raises:
        MeasurementError: it holds NaN or infinity.
    """
    if not bool(torch.isfinite(output).all()):
        raise MeasurementError("wrong_output", "the output holds NaN or infinity")
    return hashlib.sha256(output.numpy().tobytes()).hexdigest()
