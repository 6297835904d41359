"""Training in torch: eager or compiled, in fp32 or autocast, on one device or in ranks by DDP."""

import datetime
import os
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from hfbench_worker import torch_device
from hfbench_worker.examples import INPUTS, Batch
from hfbench_worker.failures import unsupported
from hfbench_worker.torch_models import build_network
from hfbench_worker.torch_precision import Precision

MODES = ("eager", "compile")
PRECISIONS = ("fp32", "bf16-autocast", "fp16-autocast")
RANK_TIMEOUT = datetime.timedelta(seconds=300)
"""Longer than any rank waits for another that is alive; what hangs is ended after it."""


class TorchTrainer:
    """See `hfbench_worker.training.Trainer`; of several ranks it is one, as torchrun numbers them.

    Raises:
        MeasurementError: torch has no such mode or precision, or the device does not work.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan, self._cell = plan, plan["cell"]
        if self._cell["mode"] not in MODES:
            raise unsupported(f"torch does not train in mode {self._cell['mode']}")
        if self._cell["precision"] not in PRECISIONS:
            raise unsupported(f"torch does not train in precision {self._cell['precision']}")
        self.processes: int = self._cell["world_size"]
        alone = self.processes == 1
        self.rank = 0 if alone else int(os.environ["RANK"])
        self._device = torch_device.open_device(
            self._cell["device"], 0 if alone else int(os.environ["LOCAL_RANK"])
        )
        self._precision = Precision(self._cell["precision"], self._device)
        self._compilations = 0

    def loaded(self) -> dict[str, Any]:
        """Return the versions installed, and thread counts as torch reports them."""
        return torch_device.loaded()

    def build(self, steps: int) -> None:
        """Build network and optimiser on the device; with other ranks, meet them."""
        if self.processes > 1:
            backends = "gloo" if self._device.type == "cpu" else "cpu:gloo,cuda:nccl"
            dist.init_process_group(backends, timeout=RANK_TIMEOUT)
        seed = self._plan["seed"]
        network = build_network(self._plan["model"], seed).to(self._device)
        self._parameters = list(network.parameters())
        self._network = network if self.processes == 1 else self._distributed(network)
        self._build_optimizer(self._plan["recipe"], steps)
        self._precision.check()
        torch.manual_seed(seed + self.rank)

    def prepare(self) -> None:
        """Wrap; torch.compile compiles in the first step."""
        self._call: Any = self._network
        if self._cell["mode"] == "compile":
            # Only here: it takes a second to import.
            from torch._dynamo.callback import on_compile_start

            self._call = torch.compile(self._network)
            on_compile_start(self._count_compilation)

    def train(self, on: bool) -> None:
        """Switch the network."""
        self._network.train(on)

    def load(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Copy to the device, as the 64-bit integers that torch's losses want."""
        return {
            name: torch.from_numpy(array).to(self._device, torch.int64)
            for name, array in batch.items()
        }

    def step(self, loaded: dict[str, torch.Tensor]) -> float:
        """Train; without fp16 the scaler passes everything through."""
        with self._precision.context():
            loss = self._call(**loaded).loss
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(self._optimizer)
        torch.nn.utils.clip_grad_norm_(self._parameters, self._clipping)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._schedule.step()
        self._optimizer.zero_grad()
        return float(loss.item())

    def evaluate(self, loaded: dict[str, torch.Tensor]) -> Any:
        """Return the label with the larger logit."""
        inputs = {name: loaded[name] for name in INPUTS}
        with torch.no_grad(), self._precision.context():
            logits = self._call(**inputs).logits
        return logits.argmax(-1).cpu().numpy()

    def synchronize(self) -> None:
        """Wait for the GPU; the CPU computes before it returns."""
        torch_device.synchronize(self._device)

    def compilations(self) -> int:
        """Return how often torch.compile compiled, backward passes and recompilations included."""
        return self._compilations

    def mean(self, value: float) -> float:
        """Return the mean, over gloo, which needs no GPU."""
        if self.processes == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(total)
        return float(total.item()) / self.processes

    def gather(self, value: Any) -> list[Any] | None:
        """Gather, and let no rank end before rank 0 has heard all."""
        if self.processes == 1:
            return [value]
        gathered: list[Any] | None = [None] * self.processes if self.rank == 0 else None
        dist.gather_object(value, gathered)
        self.mean(0.0)
        return gathered

    def device_memory(self) -> dict[str, int]:
        """Return what the CUDA allocator says."""
        return torch_device.device_memory(self._device)

    def reset_device_memory(self) -> None:
        """Let the CUDA allocator's peaks begin anew."""
        torch_device.reset_device_memory(self._device)

    def _distributed(self, network: Any) -> Any:
        own = None if self._device.type == "cpu" else [self._device.index]
        return DistributedDataParallel(network, device_ids=own)

    def _build_optimizer(self, recipe: dict[str, Any], steps: int) -> None:
        self._clipping = recipe["clipping"]
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=recipe["learning_rate"], weight_decay=recipe["weight_decay"]
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer, lambda step: 1 - step / steps
        )
        scaled = self._cell["precision"] == "fp16-autocast"
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=scaled)

    def _count_compilation(self, *_: Any) -> None:
        self._compilations += 1
