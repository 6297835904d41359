"""The checkpoints that models start from: config, weights and tokenizer of a Hub repository."""

from collections.abc import Sequence
from pathlib import Path

from hfbench_schema.cells import Cell
from hfbench_schema.suites import Model
from hfbench_submit.examples.hub import Wanted

TOKENIZER = "tokenizer.json"
_WEIGHTS = {"torch": "model.safetensors", "tensorflow": "tf_model.h5"}


def wanted_checkpoint(model: Model, cells: Sequence[Cell]) -> Wanted | None:
    """Return what cells of a model need of its checkpoint; None if it has none."""
    if model.checkpoint is None:
        return None
    weights = sorted({_WEIGHTS[cell.framework] for cell in cells})
    names = ("config.json", TOKENIZER, *weights)

    def complete(folder: Path) -> bool:
        return all((folder / name).is_file() for name in names)

    checkpoint = model.checkpoint
    return Wanted(checkpoint["repository"], "model", checkpoint["revision"], "", names, complete)
