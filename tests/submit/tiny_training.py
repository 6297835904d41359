"""A task small enough to be learnt in a moment, and plans that train on it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

LENGTH = 8
TRAIN, VALIDATION = 40, 10
"""Examples: batches of 4 fill the one, and not the other."""
_CONFIG = {
    "model_type": "bert",
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": LENGTH,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
RECIPE = {"epochs": 2, "learning_rate": 3e-3, "weight_decay": 0.01, "clipping": 1.0}


def write_data(folder: Path) -> Path:
    """Write both splits: a sentence has label 1 if its first word is of the later half."""
    generator = np.random.default_rng(7)
    for split, examples in (("train", TRAIN), ("validation", VALIDATION)):
        tokens = generator.integers(1, 50, (examples, LENGTH))
        mask = np.arange(LENGTH) < generator.integers(4, LENGTH + 1, (examples, 1))
        arrays = {
            "input_ids": np.where(mask, tokens, 0),
            "token_type_ids": np.zeros((examples, LENGTH)),
            "attention_mask": mask,
            "labels": tokens[:, 0] >= 25,
        }
        for name, array in arrays.items():
            np.save(folder / f"{split}-{name}.npy", array.astype(np.int32))
    return folder


def training_plan(
    data: Path,
    role: str = "training",
    seed: int = 1,
    recipe: Mapping[str, float] | None = None,
    config: Mapping[str, float] | None = None,
    **cell: Any,
) -> dict[str, Any]:
    """Return a plan, with a CPU for each device; the last arguments change what they name."""
    usual = {"framework": "torch", "mode": "eager", "device": "cpu", "precision": "fp32"}
    usual |= {"model": "tiny", "suite": "training", "task": "grammar"}
    cell = usual | {"batch_size": 4, "sequence_length": LENGTH, "world_size": 1} | cell
    return {
        "role": role,
        "cell": cell,
        "model": {
            "inputs": "sentences",
            "config": _CONFIG | dict(config or {}),
            "checkpoint": None,
        },
        "seed": seed,
        "data": str(data),
        "recipe": RECIPE | dict(recipe or {}),
        "cpus": sorted(os.sched_getaffinity(0))[: cell["world_size"]],
    }
