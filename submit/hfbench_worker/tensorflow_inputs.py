"""Seeded inputs of TensorFlow cells: one dictionary of tensors for each forward pass."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hfbench_worker.tensorflow_library import tf
from hfbench_worker.workload import INPUTS


def build_inputs(model: dict[str, Any], cell: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Return `INPUTS` seeded dictionaries of tensors.

    Tokens are int32 of shape (batch size, sequence length); pixels fp32 of shape (batch size,
    channels, size, size); mel spectrograms (batch size, mel bins, 2 x sequence length).
    """
    generator = np.random.default_rng(seed)
    build = KINDS[model["inputs"]]
    arrays = [build(model["config"], cell, generator) for _ in range(INPUTS)]
    return [{name: tf.constant(array) for name, array in each.items()} for each in arrays]


def _tokens(config: dict[str, Any], cell: dict[str, Any], generator: Any) -> dict[str, Any]:
    """Draw token ids; none is padding, which some networks would cut off."""
    shape = (cell["batch_size"], cell["sequence_length"])
    vocabulary, padding = config["vocab_size"], config.get("pad_token_id")
    tokens = generator.integers(0, vocabulary, shape, np.int32)
    if padding is not None:
        tokens[tokens == padding] = (padding + 1) % vocabulary
    return {"input_ids": tokens}


def _pair(config: dict[str, Any], cell: dict[str, Any], generator: Any) -> dict[str, Any]:
    source = _tokens(config, cell, generator)
    return source | {"decoder_input_ids": _tokens(config, cell, generator)["input_ids"]}


def _pixels(config: dict[str, Any], cell: dict[str, Any], generator: Any) -> dict[str, Any]:
    size = config["image_size"]
    shape = (cell["batch_size"], config["num_channels"], size, size)
    return {"pixel_values": generator.standard_normal(shape, np.float32)}


def _features(config: dict[str, Any], cell: dict[str, Any], generator: Any) -> dict[str, Any]:
    shape = (cell["batch_size"], config["num_mel_bins"], 2 * cell["sequence_length"])
    return {"input_features": generator.standard_normal(shape, np.float32)}


KINDS: dict[str, Callable[[dict[str, Any], dict[str, Any], Any], dict[str, Any]]] = {
    "tokens": _tokens,
    "pixels": _pixels,
    "features": _features,
    "pairs": _pair,
}
"""What draws one input, by a model's kind of inputs."""
