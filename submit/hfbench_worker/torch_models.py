"""Networks from a suite's embedded config: no download, the same on every machine."""

import contextlib
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedModel,  # noqa: F401 - loads what every network needs now, not in the first build
)

from hfbench_worker.failures import MeasurementError
from hfbench_worker.workload import LABELS, WEIGHT_BOUND, WEIGHT_POOL

GENERATORS = ("prefill", "decode")
"""The kinds of inputs that a language model with its head answers; others take the base model."""
CLASSIFIED = "sentences"
"""The kind of inputs that a classifier with two labels answers."""


def build_network(model: dict[str, Any], seed: int) -> Any:
    """Build the network in evaluation mode, on the CPU, in fp32, with seeded weights.

    The weights are hfbench's own, not the library's initialisation: they are the same in every
    transformers version, so that outputs can be compared across versions. A model with a
    `checkpoint`, which is a folder, has its weights; only what that lacks is seeded.

    Raises:
        MeasurementError: this transformers version does not know the architecture.
    """
    if model.get("checkpoint"):
        network, missing = _load_checkpoint(model)
    else:
        network, missing = _empty_network(model), None
    network.float().eval()
    network.tie_weights()  # which the library leaves to its initialisation
    _fill_weights(network, seed, missing)
    return network


def cast_network(network: Any, model: dict[str, Any], dtype: torch.dtype) -> None:
    """Cast a network as `from_pretrained(dtype=...)` would have loaded it.

    That makes it under another default type: what an architecture makes in fp32 all the same,
    such as rotary frequencies, stays so, and so do the parameters that it names.
    """
    with _default_dtype(dtype):
        loaded = _empty_network(model)
    likes = dict(_tensors(loaded))
    kept = _kept_in_fp32(network, dtype)
    for name, tensor in _tensors(network):
        if tensor.is_floating_point() and not kept(name):
            tensor.data = tensor.data.to(likes[name].dtype)


def _empty_network(model: dict[str, Any]) -> Any:
    """Build the network, its weights left as the memory happens to be."""
    try:
        with _no_initialisation():
            network = _builder(model["inputs"]).from_config(_config(model))
    except (ValueError, ImportError) as error:
        raise _unknown(model["config"], str(error).partition("\n")[0]) from error
    return network.get_encoder() if model["inputs"] == "features" else network


def _load_checkpoint(model: dict[str, Any]) -> tuple[Any, Collection[str]]:
    """Return the network with a checkpoint's weights, and the names of those that it lacks.

    Raises:
        MeasurementError: the checkpoint cannot be read, or is not one of this architecture.
    """
    builder, config = _builder(model["inputs"]), _config(model)
    try:
        network, report = builder.from_pretrained(
            model["checkpoint"], config=config, output_loading_info=True
        )
    except (OSError, RuntimeError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise MeasurementError("error", f"the checkpoint cannot be loaded: {why}") from error
    missing = set(report["missing_keys"])
    if base := [name for name in missing if name.startswith(f"{network.base_model_prefix}.")]:
        reason = f"the checkpoint lacks {len(base)} of the network's weights, such as {min(base)}"
        raise MeasurementError("error", reason)
    return network, missing


def _builder(inputs: str) -> Any:
    if inputs == CLASSIFIED:
        return AutoModelForSequenceClassification
    return AutoModelForCausalLM if inputs in GENERATORS else AutoModel


@contextlib.contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(usual)


def _tensors(network: Any) -> list[tuple[str, Any]]:
    return [*network.named_parameters(), *network.named_buffers()]


def _kept_in_fp32(network: Any, dtype: torch.dtype) -> Callable[[str], bool]:
    """Return what tells the parameters that the architecture wants loaded in fp32.

    Some because fp16 cannot hold what they compute, others whatever the type.
    """
    marks = ["_keep_in_fp32_modules_strict"]
    if dtype == torch.float16:
        marks.append("_keep_in_fp32_modules")
    modules = [re.escape(name) for mark in marks for name in getattr(network, mark, None) or ()]
    pattern = re.compile(rf"(^|\.)({'|'.join(modules)})(\.|$)")
    return lambda name: bool(modules) and pattern.search(name) is not None


def _config(model: dict[str, Any]) -> Any:
    fields = model["config"]
    if fields["model_type"] not in transformers.CONFIG_MAPPING:
        raise _unknown(fields, "this version does not have the architecture")
    # Without the types that it was saved in, which are not those that a cell asks for.
    left_out = ("model_type", "dtype", "torch_dtype")
    others = {name: value for name, value in fields.items() if name not in left_out}
    if model["inputs"] == CLASSIFIED:
        # The type is named lest the first call sets it, for which compiled code would be compiled
        # anew in the second.
        others |= {"num_labels": LABELS, "problem_type": "single_label_classification"}
    return AutoConfig.for_model(fields["model_type"], **others)


def _unknown(fields: dict[str, Any], why: str) -> MeasurementError:
    library = f"transformers {transformers.__version__}"
    return MeasurementError("unsupported", f"{library} cannot build {fields['model_type']}: {why}")


def _no_initialisation() -> AbstractContextManager[None]:
    """Skip the library's initialisation, which `_fill_weights` would overwrite."""
    with contextlib.suppress(ImportError):
        from transformers.initialization import no_init_weights as since_5

        return since_5()  # type: ignore[no-any-return]
    with contextlib.suppress(ImportError):
        from transformers.modeling_utils import no_init_weights as until_4

        return until_4()  # type: ignore[no-any-return]
    return contextlib.nullcontext()


def _fill_weights(network: Any, seed: int, names: Collection[str] | None) -> None:
    """Set norms to 1, biases to 0, and matrices to one pool of random numbers, over and over.

    Drawing every weight anew would take longer than the calls to be timed. With `names`, all
    other weights are left as they are.
    """
    generator = torch.Generator().manual_seed(seed)
    pool = torch.empty(WEIGHT_POOL).uniform_(-WEIGHT_BOUND, WEIGHT_BOUND, generator=generator)
    position = 0
    with torch.no_grad():
        for name, parameter in _ordered_parameters(network):
            if names is not None and name not in names:
                continue
            if parameter.ndim > 1:
                position = _copy_from_pool(parameter.view(-1), pool, position)
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)


def _ordered_parameters(network: Any) -> list[tuple[str, Any]]:
    """Return parameters by name in an order that versions share.

    They register them alike, but for embedding tables (RoBERTa's swapped places in 5.x): these
    come first, the largest before all others.
    """
    modules = network.modules()
    tables = {id(m.weight) for m in modules if isinstance(m, torch.nn.Embedding)}
    return sorted(
        network.named_parameters(),
        key=lambda named: -named[1].numel() if id(named[1]) in tables else 1,
    )


def _copy_from_pool(weights: Any, pool: Any, position: int) -> int:
    """Fill a flat tensor from `position` of the pool on; return where the next one goes on."""
    done = 0
    while done < len(weights):
        part = pool[position : position + len(weights) - done]
        weights[done : done + len(part)] = part
        done += len(part)
        position = (position + len(part)) % len(pool)
    return position
