"""A TensorFlow cell of training: Keras' optimiser, over all its devices from one process."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hfbench_worker import tensorflow_device
from hfbench_worker.examples import INPUTS, Batch
from hfbench_worker.failures import MeasurementError, unsupported
from hfbench_worker.tensorflow_library import tf, tf_keras
from hfbench_worker.tensorflow_models import build_classifier
from hfbench_worker.tensorflow_outputs import REFUSED_TRACE, refused

MODES = ("graph", "xla")
PRECISIONS = ("fp32", "bf16-autocast", "fp16-autocast")
_REFUSED = (*REFUSED_TRACE, RuntimeError)
"""What TensorFlow raises in a first call, in which it traces, and XLA compiles."""
_WHERE_DEFINED = re.compile(r" \(defined @ [^)]*\)")

Tensors = tuple[Any, ...]


class TensorFlowTrainer:
    """See `hfbench_worker.training.Trainer`; one in a process, before anything was computed.

    It drives all devices of the cell from its one process, whose rank is 0.

    Raises:
        MeasurementError: TensorFlow has no such mode, precision or device here, or not so many.
    """

    rank = 0
    processes = 1

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan, self._cell = plan, plan["cell"]
        if self._cell["mode"] not in MODES:
            raise unsupported(f"tensorflow does not train in mode {self._cell['mode']}")
        if self._cell["precision"] not in PRECISIONS:
            raise unsupported(f"tensorflow does not train in precision {self._cell['precision']}")
        if plan.get("nodes", 1) > 1:
            raise unsupported("tensorflow's MirroredStrategy trains on one machine only")
        kind, devices = self._cell["device"], self._cell["world_size"]
        self._devices = tensorflow_device.open_devices(kind, devices)
        tensorflow_device.set_threads()
        self._strategy = (
            tf.distribute.MirroredStrategy(self._devices)
            if devices > 1
            else tf.distribute.get_strategy()
        )

    def loaded(self) -> dict[str, Any]:
        """Return the versions installed, and thread counts as TensorFlow reports them."""
        return tensorflow_device.loaded()

    def build(self, steps: int) -> None:
        """Build network and optimiser, in the cell's precision, which Keras cannot change."""
        model, seed = self._plan["model"], self._plan["seed"]
        with self._strategy.scope():
            self._network = build_classifier(model, seed, self._cell["precision"])
            self._optimizer = self._build_optimizer(steps)

    def prepare(self) -> None:
        """Wrap; the first step traces, and XLA compiles in it.

        As in Keras, it is the work of one replica that XLA compiles.
        """
        self._functions: list[Any] = []
        self._learn = self._of_mode(self._learn_on_replica, self._sum_over_replicas)
        self._predict = self._of_mode(
            self._predict_on_replica, self._strategy.experimental_local_results
        )

    def train(self, on: bool) -> None:
        """Do nothing: each function says to the network what it is called for."""

    def load(self, batch: Batch) -> Any:
        """Return the rows as tensors, each replica's part on its device."""
        arrays = [batch[name] for name in (*INPUTS, "labels")]
        size, parts = self._cell["batch_size"], []
        for replica, device in enumerate(self._devices):
            rows = slice(replica * size, (replica + 1) * size)
            with tf.device(device):
                parts.append(tuple(tf.constant(array[rows]) for array in arrays))
        if len(parts) == 1:
            return parts[0]
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group]
        )

    def step(self, loaded: Any) -> float:
        """Learn from the rows; reading the loss waits for it."""
        return float(self._call(self._learn, loaded))

    def evaluate(self, loaded: Any) -> Any:
        """Return the predicted label of each row."""
        return np.concatenate([part.numpy() for part in self._call(self._predict, loaded)])

    def synchronize(self) -> None:
        """Wait for the GPUs; on the CPU, functions return when they are done."""
        tensorflow_device.synchronize(self._devices)

    def compilations(self) -> int:
        """Return how often something was traced: only then does XLA compile, in the same call."""
        return sum(function.experimental_get_tracing_count() for function in self._functions)

    def mean(self, value: float) -> float:
        """Return it: there is one process."""
        return value

    def gather(self, value: Any) -> list[Any] | None:
        """Return it as the one process's."""
        return [value]

    def device_memory(self) -> dict[str, int]:
        """Return what the allocator of each GPU says, the largest of them; nothing of the CPU."""
        return tensorflow_device.device_memory(self._devices)

    def reset_device_memory(self) -> None:
        """Let the peaks of the GPUs' allocators begin anew."""
        tensorflow_device.reset_device_memory(self._devices)

    def _build_optimizer(self, steps: int) -> Any:
        """Return Keras' AdamW, whose variables exist; it clips gradients once they are summed."""
        recipe = self._plan["recipe"]
        rate = tf_keras.optimizers.schedules.PolynomialDecay(
            recipe["learning_rate"], steps, end_learning_rate=0.0
        )
        optimizer = tf_keras.optimizers.AdamW(
            rate,
            weight_decay=recipe["weight_decay"],
            global_clipnorm=recipe["clipping"],
            jit_compile=False,  # Keras would compile the update on GPUs in mode graph as well
        )
        if self._cell["precision"] == "fp16-autocast":
            optimizer = tf_keras.mixed_precision.LossScaleOptimizer(optimizer)
        optimizer.build(self._network.trainable_variables)
        return optimizer

    def _of_mode(self, work: Callable[[Tensors], Any], joined: Callable[[Any], Any]) -> Any:
        """Return a function that does the work on each replica, and joins the results."""
        if self._cell["mode"] == "xla":
            work = tf.function(work, jit_compile=True)
            self._functions.append(work)

        def on_all_replicas(batch: Any) -> Any:
            return joined(self._strategy.run(work, args=(batch,)))

        self._functions.append(tf.function(on_all_replicas))
        return self._functions[-1]

    def _learn_on_replica(self, batch: Tensors) -> Any:
        """Take one step, and return the replica's part of the mean loss, in fp32."""
        with tf.GradientTape() as tape:
            logits = tf.cast(self._logits(batch, training=True), tf.float32)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch[-1], logits)
            loss = tf.reduce_sum(losses) / (self._cell["batch_size"] * len(self._devices))
        variables = self._network.trainable_variables
        gradients = self._optimizer.compute_gradients(loss, variables, tape)  # unscaled
        # As rows of a table, those of one token count apart in the norm that is clipped.
        dense = [(tf.convert_to_tensor(gradient), variable) for gradient, variable in gradients]
        self._optimizer.apply_gradients(dense)
        return loss

    def _predict_on_replica(self, batch: Tensors) -> Any:
        return tf.argmax(self._logits(batch, training=False), -1, output_type=tf.int32)

    def _logits(self, batch: Tensors, training: bool) -> Any:
        arguments = dict(zip(INPUTS, batch[: len(INPUTS)], strict=True))
        return self._network(arguments, training=training).logits

    def _sum_over_replicas(self, values: Any) -> Any:
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)

    def _call(self, function: Any, batch: Any) -> Any:
        if function.experimental_get_tracing_count():
            return function(batch)
        with self._refusals():
            return function(batch)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turn errors by which TensorFlow refuses the cell into `unsupported`, in one sentence."""
        try:
            yield
        except _REFUSED as error:
            known = refused(self._cell, error)
            sentence = str(known).partition("\n")[0]
            raise MeasurementError(known.status, _WHERE_DEFINED.sub("", sentence)) from error
