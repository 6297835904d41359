"""Seeded inputs: the keyword arguments of the forward pass, for each kind of inputs."""

import inspect
from collections.abc import Callable
from typing import Any

import torch

from hfbench_worker.workload import INPUTS


def build_inputs(model: dict[str, Any], cell: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Return `INPUTS` seeded keyword arguments for the forward pass, on the CPU.

    Tokens have shape (batch size, sequence length), for decode (batch size, 1); pixels (batch
    size, channels, size, size); mel spectrograms (batch size, mel bins, 2 x sequence length).
    """
    generator = torch.Generator().manual_seed(seed)
    build = KINDS[model["inputs"]]
    return [build(model["config"], cell, generator) for _ in range(INPUTS)]


def build_prompt(model: dict[str, Any], cell: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return the one prompt after which every input of a decode cell comes."""
    return _prompt(model["config"], cell, torch.Generator().manual_seed(seed + 1))


def generation_arguments(network: Any) -> dict[str, Any]:
    """Return what `generate` passes as well: keep the cache, logits for the last token only.

    A version that has no argument for the latter computes them all, in `generate` as here.
    """
    known = inspect.signature(network.forward).parameters
    names = ("logits_to_keep", "num_logits_to_keep")
    return {"use_cache": True} | {name: 1 for name in names if name in known}


def _tokens(
    config: dict[str, Any], batch_size: int, length: int, generator: torch.Generator
) -> torch.Tensor:
    """Draw token ids; none is padding, which some networks would cut off."""
    vocabulary, padding = config["vocab_size"], config.get("pad_token_id")
    tokens = torch.randint(0, vocabulary, (batch_size, length), generator=generator)
    if padding is None:
        return tokens
    return tokens.masked_fill(tokens == padding, (padding + 1) % vocabulary)


def _prompt(
    config: dict[str, Any], cell: dict[str, Any], generator: torch.Generator
) -> dict[str, Any]:
    return {"input_ids": _tokens(config, cell["batch_size"], cell["sequence_length"], generator)}


def _next_token(
    config: dict[str, Any], cell: dict[str, Any], generator: torch.Generator
) -> dict[str, Any]:
    return {"input_ids": _tokens(config, cell["batch_size"], 1, generator)}


def _pair(
    config: dict[str, Any], cell: dict[str, Any], generator: torch.Generator
) -> dict[str, Any]:
    source = _prompt(config, cell, generator)
    return source | {"decoder_input_ids": _prompt(config, cell, generator)["input_ids"]}


def _pixels(
    config: dict[str, Any], cell: dict[str, Any], generator: torch.Generator
) -> dict[str, Any]:
    size = config["image_size"]
    shape = (cell["batch_size"], config["num_channels"], size, size)
    return {"pixel_values": torch.randn(shape, generator=generator)}


def _features(
    config: dict[str, Any], cell: dict[str, Any], generator: torch.Generator
) -> dict[str, Any]:
    shape = (cell["batch_size"], config["num_mel_bins"], 2 * cell["sequence_length"])
    return {"input_features": torch.randn(shape, generator=generator)}


KINDS: dict[str, Callable[[dict[str, Any], dict[str, Any], torch.Generator], dict[str, Any]]] = {
    "tokens": _prompt,
    "pixels": _pixels,
    "features": _features,
    "pairs": _pair,
    "prefill": _prompt,
    "decode": _next_token,
}
"""What draws one input, by a model's kind of inputs."""
