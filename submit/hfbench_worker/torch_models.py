"""Networks and inputs from a suite's embedded config: no download, the same on every machine."""

import contextlib
from contextlib import AbstractContextManager
from typing import Any

import torch
from transformers import AutoConfig, AutoModel

from hfbench_worker.failures import MeasurementError

INPUTS = 4
"""Distinct inputs, rotated, so that nothing can be answered from a cache."""
WEIGHT_BOUND = 0.02 * 3**0.5
"""Weights are uniform within +- this: standard deviation 0.02, as transformers initialises."""

WEIGHT_POOL = 4_000_037
"""Random numbers drawn; a prime, so that no matrix begins where another of its size does."""


def build_model(model: dict[str, Any], seed: int, device: str) -> Any:
    """Build the network in evaluation mode, with seeded weights, on `device`.

    The weights are hfbench's own, not the library's initialisation: they are the same in every
    transformers version, so that outputs can be compared across versions.

    Raises:
        MeasurementError: this transformers version does not know the architecture.
    """
    config = dict(model["config"])
    try:
        with _no_initialisation():
            network = AutoModel.from_config(
                AutoConfig.for_model(config.pop("model_type"), **config)
            )
    except ValueError as error:
        raise MeasurementError("unsupported", f"transformers cannot build it: {error}") from error
    _fill_weights(network, seed)
    return network.eval().to(device)


def build_inputs(model: dict[str, Any], cell: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Return `INPUTS` seeded keyword arguments for the forward pass, on the cell's device.

    Tokens have shape (batch size, sequence length); pixels (batch size, channels, size, size).
    """
    generator = torch.Generator().manual_seed(seed)
    return [_one_input(model, cell, generator) for _ in range(INPUTS)]


def _one_input(model: dict[str, Any], cell: dict[str, Any], generator: Any) -> dict[str, Any]:
    config, batch_size = model["config"], cell["batch_size"]
    if model["inputs"] == "tokens":
        shape = (batch_size, cell["sequence_length"])
        tokens = torch.randint(0, config["vocab_size"], shape, generator=generator)
        return {"input_ids": tokens.to(cell["device"])}
    size = config["image_size"]
    pixels = torch.randn((batch_size, config["num_channels"], size, size), generator=generator)
    return {"pixel_values": pixels.to(cell["device"])}


def _no_initialisation() -> AbstractContextManager[None]:
    """Skip the library's initialisation, which `_fill_weights` would overwrite."""
    with contextlib.suppress(ImportError):
        from transformers.initialization import no_init_weights as since_5

        return since_5()  # type: ignore[no-any-return]
    with contextlib.suppress(ImportError):
        from transformers.modeling_utils import no_init_weights as until_4

        return until_4()  # type: ignore[no-any-return]
    return contextlib.nullcontext()


def _fill_weights(network: Any, seed: int) -> None:
    """Set norms to 1, biases to 0, and matrices to one pool of random numbers, over and over.

    Drawing every weight anew would take longer than the calls to be timed.
    """
    generator = torch.Generator().manual_seed(seed)
    pool = torch.empty(WEIGHT_POOL).uniform_(-WEIGHT_BOUND, WEIGHT_BOUND, generator=generator)
    position = 0
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1:
                position = _copy_from_pool(parameter.view(-1), pool, position)
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)


def _copy_from_pool(weights: Any, pool: Any, position: int) -> int:
    """Fill a flat tensor from `position` of the pool on; return where the next one goes on."""
    done = 0
    while done < len(weights):
        part = pool[position : position + len(weights) - done]
        weights[done : done + len(part)] = part
        done += len(part)
        position = (position + len(part)) % len(pool)
    return position
