"""A TensorFlow cell: the network of its model, in its mode and precision, on rotated inputs."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hfbench_worker import tensorflow_outputs
from hfbench_worker.failures import MeasurementError
from hfbench_worker.tensorflow_inputs import KINDS, build_inputs
from hfbench_worker.tensorflow_library import tf
from hfbench_worker.tensorflow_models import POLICIES, build_network
from hfbench_worker.workload import ANCHOR_FLOATS, ANCHOR_SIDE, INPUTS, installed_version

MODES = ("eager", "graph", "xla")
_GPU = "GPU:0"
_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tf-keras", "transformers")
_REFUSED_CALL = (
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
    tf.errors.NotFoundError,
)
"""Types that do not go together, what XLA cannot compile, and a kernel that does not exist."""
_REFUSED_TRACE = (*_REFUSED_CALL, TypeError, ValueError)

Step = Callable[[dict[str, Any]], Any]


class TensorFlowWorkload:
    """See `hfbench_worker.workload.Workload`; one in a process, before anything was computed.

    Raises:
        MeasurementError: TensorFlow has no such mode, precision, device or kind of inputs here.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan, self._cell = plan, plan["cell"]
        if self._cell["mode"] not in MODES:
            raise _unsupported(f"tensorflow has no mode {self._cell['mode']}")
        if self._cell["precision"] not in POLICIES:
            raise _unsupported(f"tensorflow has no precision {self._cell['precision']}")
        if "model" in plan and plan["model"]["inputs"] not in KINDS:
            raise _unsupported(f"{plan['model']['inputs']} is measured in torch only")
        open_devices(self._cell["device"])
        set_threads(int(os.environ["OMP_NUM_THREADS"]))

    def loaded(self) -> dict[str, Any]:
        """Return the versions installed, and thread counts as TensorFlow reports them."""
        return loaded()

    def build(self) -> None:
        """Build inputs, and the network in the cell's precision, which Keras cannot change."""
        self._inputs = build_inputs(self._plan["model"], self._cell, self._plan["seed"])
        self._network = self._network_in(self._cell["precision"])

    def reference(self) -> None:
        """Keep the eager fp32 output of input 0, if need be of a twin that is dropped again."""
        exact = self._cell["precision"] == "fp32"
        network = self._network if exact else self._network_in("fp32")
        with self._refusals(_REFUSED_CALL):
            output = network(self._inputs[0], training=False)
        self._reference = tensorflow_outputs.compared_array(output)

    def prepare(self) -> None:
        """Trace; XLA compiles in the first call."""
        with self._refusals(_REFUSED_TRACE):
            self._step = _step_of_mode(self._network, self._cell["mode"], self._inputs[0])

    def call(self, number: int) -> object:
        """Return the forward pass's result on one of the inputs."""
        try:  # which costs nothing, as a context would
            return self._step(self._inputs[number % INPUTS])
        except _REFUSED_CALL as error:
            raise refused(self._cell, error) from error

    def synchronize(self) -> None:
        """Wait for the GPU; on the CPU, operations and functions return when they are done."""
        if self._cell["device"] != "cpu":
            tf.test.experimental.sync_devices()

    def distance(self, output: object) -> float:
        """Return the relative distance from the eager fp32 output of input 0."""
        compared = tensorflow_outputs.compared_array(output)
        return tensorflow_outputs.distance(compared, self._reference)

    def digest(self, output: object) -> str:
        """Return the SHA-256 of a result, as fp32."""
        return tensorflow_outputs.digest(tensorflow_outputs.compared_array(output))

    def check(self) -> None:
        """Try nothing: Keras computes in the precision it was told, or the call fails."""

    def device_memory(self) -> dict[str, int]:
        """Return what the GPU allocator says; what it has reserved, it does not say."""
        if self._cell["device"] == "cpu":
            return {}
        memory = tf.config.experimental.get_memory_info(_GPU)
        return {"allocated": memory["current"], "peak": memory["peak"]}

    def reset_device_memory(self) -> None:
        """Let the GPU allocator's peaks begin anew."""
        if self._cell["device"] != "cpu":
            tf.config.experimental.reset_memory_stats(_GPU)

    def anchor_calls(self) -> tuple[Callable[[], object], Callable[[], object]]:
        """Return the matrix product and the copy."""
        left, right = (tf.ones((ANCHOR_SIDE, ANCHOR_SIDE)) for _ in range(2))
        source = tf.ones((ANCHOR_FLOATS,))
        return lambda: tf.linalg.matmul(left, right), lambda: tf.raw_ops.DeepCopy(x=source)

    def _network_in(self, precision: str) -> Any:
        model, seed = self._plan["model"], self._plan["seed"]
        with self._refusals(_REFUSED_CALL):
            return build_network(model, seed, precision, self._inputs[0])

    @contextmanager
    def _refusals(self, errors: tuple[type[Exception], ...]) -> Iterator[None]:
        """Turn errors by which TensorFlow refuses a network into `unsupported`."""
        try:
            yield
        except errors as error:
            raise refused(self._cell, error) from error


def _step_of_mode(network: Any, mode: str, example: dict[str, Any]) -> Step:
    """Return what is called with an input; with a signature, it can never be traced again."""

    def step(arguments: dict[str, Any]) -> Any:
        return network(arguments, training=False)

    if mode == "eager":
        return step
    signature = {name: tf.TensorSpec(t.shape, t.dtype) for name, t in example.items()}
    compiled = True if mode == "xla" else None
    function: Any = tf.function(step, input_signature=[signature], jit_compile=compiled)
    function.get_concrete_function()
    return function  # type: ignore[no-any-return]


def open_devices(name: str, count: int = 1) -> None:
    """Let TensorFlow see `count` of the cell's devices only: it would use every GPU it sees.

    On the CPU these are logical devices, which share the threads.

    Raises:
        MeasurementError: there is no such device, or there are not so many.
    """
    if name not in ("cpu", "cuda"):
        raise _unsupported(f"device {name} has no synchronise function yet")
    gpus = tf.config.list_physical_devices("GPU") if name == "cuda" else []
    if name == "cuda" and not gpus:
        raise _unsupported(f"tensorflow {tf.__version__} finds no CUDA device here")
    if name == "cuda" and count > len(gpus):
        found = f"tensorflow finds {len(gpus)} here"
        raise _unsupported(f"{count} ranks need {count} CUDA devices, and {found}")
    tf.config.set_visible_devices(gpus[:count], "GPU")
    if name == "cpu" and count > 1:
        _split_cpu(count)
    # TensorFlow would round fp32 factors to 11 bits, as torch does not unless it is told to.
    tf.config.experimental.enable_tensor_float_32_execution(False)


def _split_cpu(count: int) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if count > (cores or 1):
        raise _unsupported(f"{count} ranks need {count} CPU cores, and there are {cores} here")
    (cpu,) = tf.config.list_physical_devices("CPU")
    logical = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    tf.config.set_logical_device_configuration(cpu, logical)


def set_threads(threads: int) -> None:
    """Set both thread pools; OMP_NUM_THREADS means nothing to TensorFlow itself."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def loaded() -> dict[str, Any]:
    """Return the versions installed, and thread counts as TensorFlow reports them."""
    threading = tf.config.threading
    installed = {d: installed_version(d) for d in _DISTRIBUTIONS}
    return {
        "packages": {name: version for name, version in installed.items() if version},
        "threads": {
            "intra_op": threading.get_intra_op_parallelism_threads(),
            "inter_op": threading.get_inter_op_parallelism_threads(),
        },
    }


def refused(cell: dict[str, Any], error: Exception) -> MeasurementError:
    """Return what an error is by which TensorFlow refuses a cell: `unsupported`, and why."""
    how = f"mode {cell['mode']} and precision {cell['precision']}"
    why = tensorflow_outputs.refusal(error)
    return _unsupported(f"tensorflow {tf.__version__} refuses it in {how}: {why}")


def _unsupported(reason: str) -> MeasurementError:
    return MeasurementError("unsupported", reason)
