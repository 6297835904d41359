"""The least that a call of a cell must compute and read, whatever the implementation.

Counted are the matrix products that no implementation of a transformer layer can do without: the
query and output projections of attention, and the two of the feed-forward block. Left out are
attention itself, embeddings, heads, decoders that answer to encoders, and gates, so that what is
counted is less than what is done, and nobody is suspected for a clever kernel.
"""

from collections.abc import Mapping
from typing import Any, Final

from hfbench_schema.cells import Cell
from hfbench_schema.suites import Model, Suite

_WIDTH: Final = ("hidden_size", "d_model", "n_embd", "emb_dim", "dim")
_LAYERS: Final = ("num_hidden_layers", "encoder_layers", "num_layers", "n_layer", "n_layers")
_INNER: Final = (
    "intermediate_size", "encoder_ffn_dim", "d_ff", "d_inner", "hidden_dim", "dff", "n_inner",
)  # fmt: skip
_WIDER: Final = 4
"""GPT, GPT-2 and XLM have no figure of their own for the feed-forward width: 4 times the width."""


def least_weights(suite: Suite, model: str) -> int:
    """Return how many weights every call of a model must use: layers x (2 d^2 + 2 d d_ff).

    Reference:
        Vaswani et al. 2017, section 3: projections of d x d, feed-forward blocks of d x d_ff.
    """
    config = suite.models[model].config
    width, layers = _first(config, _WIDTH), _first(config, _LAYERS)
    if not width or not layers:
        return 0
    inner = _first(config, _INNER) or _WIDER * width
    return layers * (2 * width**2 + 2 * width * inner)


def least_operations(suite: Suite, cell: Cell) -> int:
    """Return the floating-point operations that a call must do: 2 for each weight and token."""
    tokens = 1 if _decodes(suite.models[cell.model]) else cell.sequence_length
    return 2 * least_weights(suite, cell.model) * cell.batch_size * tokens


def _decodes(model: Model) -> bool:
    return model.inputs == "decode"


def _first(config: Mapping[str, Any], names: tuple[str, ...]) -> int:
    found = (config[name] for name in names if isinstance(config.get(name), int))
    return int(next(found, 0))
