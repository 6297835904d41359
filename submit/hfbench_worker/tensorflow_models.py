"""Networks of TensorFlow from a suite's embedded config: no download, hfbench's own weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hfbench_worker.failures import MeasurementError
from hfbench_worker.tensorflow_library import AutoConfig, TFAutoModel, tf, tf_keras, transformers
from hfbench_worker.workload import WEIGHT_BOUND, WEIGHT_POOL

POLICIES = {
    "fp32": "float32",
    "bf16": "bfloat16",
    "fp16": "float16",
    "bf16-autocast": "mixed_bfloat16",
    "fp16-autocast": "mixed_float16",
}
"""What Keras calls a precision: the first three keep weights in it, the others compute in it."""


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


def _network(model: dict[str, Any]) -> Any:
    fields = dict(model["config"])
    try:
        network = TFAutoModel.from_config(AutoConfig.for_model(fields.pop("model_type"), **fields))
    except (ValueError, ImportError) as error:
        kind, library = model["config"]["model_type"], f"transformers {transformers.__version__}"
        why = str(error).partition("\n")[0]
        reason = f"{library} cannot build {kind} for TensorFlow: {why}"
        raise MeasurementError("unsupported", reason) from error
    return network.get_encoder() if model["inputs"] == "features" else network


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
