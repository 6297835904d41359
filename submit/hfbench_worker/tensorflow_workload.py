"""A TensorFlow cell: the network of its model, in its mode and precision, on rotated inputs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hfbench_worker import tensorflow_device, tensorflow_outputs
from hfbench_worker.failures import unsupported
from hfbench_worker.tensorflow_inputs import KINDS, build_inputs
from hfbench_worker.tensorflow_library import tf
from hfbench_worker.tensorflow_models import POLICIES, build_network
from hfbench_worker.tensorflow_outputs import REFUSED_CALL, REFUSED_TRACE, refused
from hfbench_worker.workload import ANCHOR_FLOATS, ANCHOR_SIDE, INPUTS

MODES = ("eager", "graph", "xla")

Step = Callable[[dict[str, Any]], Any]


class TensorFlowWorkload:
    """See `hfbench_worker.workload.Workload`; one in a process, before anything was computed.

    Raises:
        MeasurementError: TensorFlow has no such mode, precision, device or kind of inputs here.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan, self._cell = plan, plan["cell"]
        if self._cell["mode"] not in MODES:
            raise unsupported(f"tensorflow has no mode {self._cell['mode']}")
        if self._cell["precision"] not in POLICIES:
            raise unsupported(f"tensorflow has no precision {self._cell['precision']}")
        if "model" in plan and plan["model"]["inputs"] not in KINDS:
            raise unsupported(f"{plan['model']['inputs']} is measured in torch only")
        self._devices = tensorflow_device.open_devices(self._cell["device"])
        tensorflow_device.set_threads()

    def loaded(self) -> dict[str, Any]:
        """Return the versions installed, and thread counts as TensorFlow reports them."""
        return tensorflow_device.loaded()

    def build(self) -> None:
        """Build inputs, and the network in the cell's precision, which Keras cannot change."""
        self._inputs = build_inputs(self._plan["model"], self._cell, self._plan["seed"])
        self._network = self._network_in(self._cell["precision"])

    def reference(self) -> None:
        """Keep the eager fp32 output of input 0, if need be of a twin that is dropped again."""
        exact = self._cell["precision"] == "fp32"
        network = self._network if exact else self._network_in("fp32")
        with self._refusals(REFUSED_CALL):
            output = network(self._inputs[0], training=False)
        self._reference = tensorflow_outputs.compared_array(output)

    def prepare(self) -> None:
        """Trace; XLA compiles in the first call."""
        with self._refusals(REFUSED_TRACE):
            self._step = _step_of_mode(self._network, self._cell["mode"], self._inputs[0])

    def call(self, number: int) -> object:
        """Return the forward pass's result on one of the inputs."""
        try:  # which costs nothing, as a context would
            return self._step(self._inputs[number % INPUTS])
        except REFUSED_CALL as error:
            raise refused(self._cell, error) from error

    def synchronize(self) -> None:
        """Wait for the GPU; on the CPU, operations and functions return when they are done."""
        tensorflow_device.synchronize(self._devices)

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
        return tensorflow_device.device_memory(self._devices)

    def reset_device_memory(self) -> None:
        """Let the GPU allocator's peaks begin anew."""
        tensorflow_device.reset_device_memory(self._devices)

    def anchor_calls(self) -> tuple[Callable[[], object], Callable[[], object]]:
        """Return the matrix product and the copy."""
        left, right = (tf.ones((ANCHOR_SIDE, ANCHOR_SIDE)) for _ in range(2))
        source = tf.ones((ANCHOR_FLOATS,))
        return lambda: tf.linalg.matmul(left, right), lambda: tf.raw_ops.DeepCopy(x=source)

    def _network_in(self, precision: str) -> Any:
        model, seed = self._plan["model"], self._plan["seed"]
        with self._refusals(REFUSED_CALL):
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
