"""Networks of TensorFlow from a suite's embedded config: no download, hfbench's own weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hfbench_worker.failures import MeasurementError, unsupported
from hfbench_worker.tensorflow_library import (
    AutoConfig,
    TFAutoModel,
    TFAutoModelForSequenceClassification,
    tf,
    tf_keras,
    transformers,
)
from hfbench_worker.workload import LABELS, WEIGHT_BOUND, WEIGHT_POOL

POLICIES = {
    "fp32": "float32",
    "bf16": "bfloat16",
    "fp16": "float16",
    "bf16-autocast": "mixed_bfloat16",
    "fp16-autocast": "mixed_float16",
}
"""What Keras calls a precision: the first three keep weights in it, the others compute in it."""

_LIBRARY = f"transformers {transformers.__version__}"


def build_network(model: dict[str, Any], seed: int, precision: str, example: dict[str, Any]) -> Any:
    """Build the network with seeded weights, in a precision, which Keras fixes as it builds.

    Args:
        model: `inputs` and `config`, as in the suite.
        seed: of the weights, which are the same for each precision but for rounding.
        precision: one of `POLICIES`.
        example: an input, for networks that make their weights in their first call only.

    Raises:
        MeasurementError: this transformers version has no such architecture for TensorFlow.
    """
    with _policy(POLICIES[precision]), tf.variable_creator_scope(_seeded(seed)):
        network = _network(model)
        # Unlike a call it runs nothing: the first call is to find kernels and caches as they are.
        network.build(None)
        if not network.weights:
            network(example, training=False)
    return network


def build_classifier(model: dict[str, Any], seed: int, precision: str) -> Any:
    """Build the network with a head for two labels, in a precision, ready to be trained.

    Args:
        model: `config`, as in the suite, and `checkpoint`: the folder of the weights, or None.
        seed: of dropout, and of all weights that no checkpoint has, the head's at least.
        precision: one of `POLICIES`.

    Raises:
        MeasurementError: this transformers version has no such architecture for TensorFlow, or
            cannot read the checkpoint without torch.
    """
    tf_keras.utils.set_random_seed(seed)
    # XLA gives TensorFlow's older random operations a seed of its own, new in each process.
    tf_keras.backend.experimental.enable_tf_random_generator()
    with _policy(POLICIES[precision]), tf.variable_creator_scope(_seeded(seed)):
        network = _classifier(model)
        network.build(None)
        for layer in network.submodules:  # else made while a step is traced
            if isinstance(layer, tf_keras.layers.Dropout):
                layer.build(None)
    return network


def _network(model: dict[str, Any]) -> Any:
    with _unknown_architecture(model):
        network = TFAutoModel.from_config(_config(model))
    return network.get_encoder() if model["inputs"] == "features" else network


def _classifier(model: dict[str, Any]) -> Any:
    with _unknown_architecture(model):
        config = _config(model, num_labels=LABELS)
        if model["checkpoint"] is None:
            return TFAutoModelForSequenceClassification.from_config(config)
        return _load_checkpoint(model["checkpoint"], config)


def _load_checkpoint(folder: str, config: Any) -> Any:
    """Return the network with a checkpoint's weights; what that lacks stays as it was made."""
    saved_by_torch = Path(folder, "model.safetensors")
    try:
        network, report = (
            _load_of_torch(saved_by_torch, config)
            if saved_by_torch.exists()
            else TFAutoModelForSequenceClassification.from_pretrained(
                folder, config=config, output_loading_info=True, ignore_mismatched_sizes=True
            )
        )
    except OSError as error:
        reason = f"{_LIBRARY} cannot read the checkpoint's weights for TensorFlow: {error}"
        raise unsupported(reason) from error
    unread = (*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"]))
    if base := [name for name in unread if name.startswith(network.base_model_prefix)]:
        reason = f"the checkpoint lacks {len(base)} weights of the network, as {min(base)}"
        raise MeasurementError("error", reason)
    return network


def _load_of_torch(file: Path, config: Any) -> tuple[Any, dict[str, Any]]:
    """Return the network and what was loaded, as `from_pretrained`.

    That would do, but for transformers 4.57, which takes the open file for a dictionary.
    """
    # Only here: versions that cannot do it can still be measured without a checkpoint.
    from transformers.modeling_tf_pytorch_utils import (
        load_pytorch_state_dict_in_tf2_model,
        safe_open,
    )

    network = TFAutoModelForSequenceClassification.from_config(config)
    network.build_in_name_scope()
    with safe_open(file, framework="tf") as opened:
        weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    network, report = load_pytorch_state_dict_in_tf2_model(
        network,
        weights,
        tf_inputs=False,  # it is built
        allow_missing_keys=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    return network, report


def _config(model: dict[str, Any], **options: Any) -> Any:
    fields = model["config"] | options
    return AutoConfig.for_model(fields.pop("model_type"), **fields)


@contextmanager
def _unknown_architecture(model: dict[str, Any]) -> Iterator[None]:
    """Turn errors by which transformers refuses an architecture into `unsupported`."""
    try:
        yield
    except (ValueError, ImportError) as error:
        kind, why = model["config"]["model_type"], str(error).partition("\n")[0]
        reason = f"{_LIBRARY} cannot build {kind} for TensorFlow: {why}"
        raise unsupported(reason) from error


@contextmanager
def _policy(name: str) -> Iterator[None]:
    tf_keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")


def _seeded(seed: int) -> Callable[..., Any]:
    """Return what gives each variable hfbench's weights as it is made.

    Filling it afterwards would mean to draw the library's initial weights first, in vain.
    """
    pool = _Pool(seed)

    def create(next_creator: Callable[..., Any], **options: Any) -> Any:
        dtype, name, shape = tf.as_dtype(options["dtype"]), options["name"], options["shape"]
        if dtype.is_floating:
            values = _weights(name, tuple(shape), pool)
            options["initial_value"] = lambda: tf.cast(values, dtype)
        return next_creator(**options)

    return create


def _weights(name: str, shape: tuple[int, ...], pool: "_Pool") -> Any:
    """Return norms as 1, biases as 0, and matrices from the pool.

    GPT-2 keeps its biases as matrices of one row; XLNet's relative biases are true matrices.
    """
    vector = sum(size > 1 for size in shape) <= 1
    if vector and name.endswith(("bias", "beta")):
        return np.zeros(shape, np.float32)
    return pool.take(shape) if len(shape) > 1 else np.ones(shape, np.float32)


class _Pool:
    """One pool of random numbers, over and over.

    Drawing every weight anew would take longer than the calls to be timed.
    """

    def __init__(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        values = generator.uniform(-WEIGHT_BOUND, WEIGHT_BOUND, WEIGHT_POOL)
        self._values, self._position = values.astype(np.float32), 0

    def take(self, shape: tuple[int, ...]) -> Any:
        """Return an fp32 array of a shape, beginning where the last one ended."""
        weights = np.empty(shape, np.float32)
        flat, done = weights.reshape(-1), 0
        while done < flat.size:
            part = self._values[self._position : self._position + flat.size - done]
            flat[done : done + part.size] = part
            done += part.size
            self._position = (self._position + part.size) % WEIGHT_POOL
        return weights
