"""A torch cell: the network of its model, in its mode and precision, called on rotated inputs."""

from collections.abc import Callable
from typing import Any

import torch

from hfbench_worker import torch_device, torch_modes, torch_outputs
from hfbench_worker.failures import unsupported
from hfbench_worker.torch_inputs import build_inputs, build_prompt, generation_arguments
from hfbench_worker.torch_models import GENERATORS, build_network, cast_network
from hfbench_worker.torch_precision import Precision
from hfbench_worker.torch_prompt import CachedPrompt
from hfbench_worker.workload import ANCHOR_FLOATS, ANCHOR_SIDE, INPUTS

MODES = ("eager", "torchscript", "compile")


class TorchWorkload:
    """See `hfbench_worker.workload.Workload`.

    Raises:
        MeasurementError: torch has no such mode or precision, or the device does not work.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan, self._cell = plan, plan["cell"]
        if self._cell["mode"] not in MODES:
            raise unsupported(f"torch has no mode {self._cell['mode']}")
        self._device = torch_device.open_device(self._cell["device"])
        self._precision = Precision(self._cell["precision"], self._device)

    def loaded(self) -> dict[str, Any]:
        """Return the versions installed, and thread counts as torch reports them."""
        return torch_device.loaded()

    def build(self) -> None:
        """Build network and inputs, in fp32, on the device."""
        model, seed = self._plan["model"], self._plan["seed"]
        self._network = build_network(model, seed).to(self._device)
        generating = model["inputs"] in GENERATORS
        fixed = generation_arguments(self._network) if generating else {}
        inputs = build_inputs(model, self._cell, seed)
        self._inputs = [self._on_device(tensors, torch.float32) | fixed for tensors in inputs]

    def reference(self) -> None:
        """Keep the eager fp32 output of input 0."""
        with torch.inference_mode():
            step = torch_modes.eager(self._network, self._cached_prompt())
            self._reference = self._compared(step(self._inputs[0]))

    def prepare(self) -> None:
        """Cast, fill the cache that decode calls continue, and trace or wrap."""
        if self._precision.weights != torch.float32:
            cast_network(self._network, self._plan["model"], self._precision.weights)
        self._inputs = [self._on_device(i, self._precision.weights) for i in self._inputs]
        with torch.inference_mode(), self._precision.context():
            prompt = self._cached_prompt()
        self._step, self._context = self._step_of_mode(prompt)

    def call(self, number: int) -> object:
        """Return the forward pass's result on one of the inputs."""
        with torch.inference_mode(), self._context():
            return self._step(self._inputs[number % INPUTS])

    def synchronize(self) -> None:
        """Wait for the GPU; the CPU computes before it returns."""
        torch_device.synchronize(self._device)

    def distance(self, output: object) -> float:
        """Return the relative distance from the eager fp32 output of input 0."""
        return torch_outputs.distance(self._compared(output), self._reference)

    def digest(self, output: object) -> str:
        """Return the SHA-256 of a result, as fp32."""
        return torch_outputs.digest(self._compared(output))

    def check(self) -> None:
        """Try the precision."""
        self._precision.check()

    def device_memory(self) -> dict[str, int]:
        """Return what the CUDA allocator says."""
        return torch_device.device_memory(self._device)

    def reset_device_memory(self) -> None:
        """Let the CUDA allocator's peaks begin anew."""
        torch_device.reset_device_memory(self._device)

    def anchor_calls(self) -> tuple[Callable[[], object], Callable[[], object]]:
        """Return the matrix product and the copy; neither allocates."""
        left, right, product = (
            torch.ones(ANCHOR_SIDE, ANCHOR_SIDE, device=self._device) for _ in range(3)
        )
        source, target = (torch.ones(ANCHOR_FLOATS, device=self._device) for _ in range(2))
        return lambda: torch.mm(left, right, out=product), lambda: target.copy_(source)

    def _step_of_mode(self, prompt: CachedPrompt | None) -> tuple[torch_modes.Step, Any]:
        """Return what is called with an input, and makes the context it is called in."""
        mode, precision = self._cell["mode"], self._precision
        if mode == "torchscript":
            step = torch_modes.traced(self._network, prompt, self._inputs[0], precision)
            return step, torch.inference_mode  # autocast is in the trace
        wrap = torch_modes.compiled if mode == "compile" else torch_modes.eager
        return wrap(self._network, prompt), precision.context

    def _cached_prompt(self) -> CachedPrompt | None:
        """Fill a cache with the prompt, as eager calls do, if inputs come after one."""
        if self._plan["model"]["inputs"] != "decode":
            return None
        prompt = build_prompt(self._plan["model"], self._cell, self._plan["seed"])
        arguments = generation_arguments(self._network)
        result = self._network(**self._on_device(prompt, torch.float32), **arguments)
        return CachedPrompt(result.past_key_values)

    def _compared(self, output: object) -> torch.Tensor:
        """Return the part of a result that is compared: of generated logits the last position."""
        tensor = torch_outputs.compared_tensor(output)
        generated = self._plan["model"]["inputs"] in GENERATORS
        return tensor[:, -1:].contiguous() if generated else tensor

    def _on_device(self, arguments: dict[str, Any], floats: torch.dtype) -> dict[str, Any]:
        """Move tensors to the device, those of floats in the type given."""
        return {
            name: value.to(self._device, floats if value.is_floating_point() else value.dtype)
            if isinstance(value, torch.Tensor)
            else value
            for name, value in arguments.items()
        }
