"""What a process run will take, before anything has run: rough, and corrected by what was seen.

Time comes from counting operations and bytes against an ordinary core or GPU; memory from
weights and the largest activations. Both are meant to be right within a factor of three.

A training counts three forward passes a step, one for the forward and two for the backward pass,
and keeps gradients, two states of AdamW for each weight, and the activations of all layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.submission import MEASURED_STATUSES, ProcessRun, role_of
from hfbench_schema.suites import Model, Suite
from hfbench_submit.planning.lengths import training_length
from hfbench_submit.planning.remaining import CONTAMINATED
from hfbench_submit.planning.slots import Slot

CORE_FLOPS = 4e10
"""Sustained fp32 operations a second of one core, as server processors of 2020 to 2025 reach."""
GPU_FLOPS = 2e13
HOST_BANDWIDTH = 1e10
"""Bytes a second that weights are read with, for all cores together."""
GPU_BANDWIDTH = 1e12
IMPORTS_S = 4.0
BUILD_PARAMETERS = 3e8
"""Parameters filled a second."""
COMPILE_S = {"compile": 45.0, "xla": 15.0, "graph": 5.0, "torchscript": 5.0, "eager": 0.0}
ENERGY_S = 90.0
CALLS_FACTOR = 3
"""Calls over timed calls, warm-up included, as it usually goes."""
_CALLS = {"cold": 5, "memory": 8}
PASSES = 3
"""Forward passes that a training step takes as long as."""
STEP_S = 0.005
"""What a step takes beside them: small operations, Python, ranks that wait for each other."""
COMPILINGS = 2
"""A training compiles its step, and then the evaluation."""
STATES = 4
"""Weights, their gradients, and two states of AdamW for each."""
IMPORTS_BYTES = 4e8

_HIDDEN = ("hidden_size", "n_embd", "d_model", "dim", "emb_dim")
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads")
_BYTES = {"bf16": 2, "fp16": 2}


@dataclass(frozen=True)
class Size:
    """What the size of a network is made of."""

    hidden: int
    layers: int
    heads: int
    vocabulary: int

    @property
    def parameters(self) -> float:
        """Weights of the layers (attention 4 h^2, two matrices of 4 h^2 each) and the embedding."""
        return self.layers * 12 * self.hidden**2 + self.vocabulary * self.hidden


@dataclass(frozen=True)
class Estimate:
    """Seconds that one process run takes, and bytes that it needs at its peak."""

    seconds: float
    memory_bytes: float


def estimate(suite: Suite, cell: Cell, cores: int, role: str = "latency") -> Estimate:
    """Estimate one process run of a cell."""
    model = suite.models[cell.model]
    size = _size(model)
    built = IMPORTS_S + size.parameters / BUILD_PARAMETERS
    if suite.tasks:
        trained = _training_seconds(suite, model, size, cell, cores, role)
        return Estimate(built + trained, _training_memory_bytes(size, cell))
    call = _call_seconds(model, size, cell, cores)
    calls = call * _CALLS.get(role, suite.iterations * CALLS_FACTOR)
    calls = ENERGY_S if role == "energy" else calls
    seconds = built + COMPILE_S.get(cell.mode, 0.0) + calls
    return Estimate(seconds, _memory_bytes(model, size, cell))


def _training_seconds(
    suite: Suite, model: Model, size: Size, cell: Cell, cores: int, role: str
) -> float:
    """Return compiling, steps and evaluations; on a CPU all devices share its cores."""
    share = cores if cell.device != "cpu" else cores / cell.world_size
    call = _call_seconds(model, size, cell, share)
    compiling = COMPILINGS * COMPILE_S.get(cell.mode, 0.0)
    if role == "memory":
        return compiling + _CALLS[role] * (PASSES * call + STEP_S)
    epochs, steps = training_length(suite, cell)
    batch = cell.global_batch_size
    evaluations = epochs * suite.tasks[cell.task].validation_examples / batch
    return compiling + steps * (PASSES * call + STEP_S) + evaluations * call


def _training_memory_bytes(size: Size, cell: Cell) -> float:
    """Return what one device takes; on a CPU, what all of them take of the machine."""
    tokens = cell.batch_size * cell.sequence_length
    # What the backward pass needs of a layer: some 17 fp32 numbers for each token and hidden unit,
    # and attention's scores before and after softmax and dropout.
    of_layer = tokens * size.hidden * 70 + cell.batch_size * size.heads * (
        cell.sequence_length**2 * 10
    )
    device = IMPORTS_BYTES + STATES * 4 * size.parameters + size.layers * of_layer
    return device * (cell.world_size if cell.device == "cpu" else 1)


def _size(model: Model) -> Size:
    config = model.config
    return Size(
        hidden=_first(config, _HIDDEN, 768),
        layers=_first(config, _LAYERS, 12) + int(config.get("decoder_layers", 0)),
        heads=_first(config, _HEADS, 12),
        vocabulary=int(config.get("vocab_size", 0)),
    )


def _first(config: dict[str, Any], names: Sequence[str], otherwise: int) -> int:
    return next((int(config[name]) for name in names if name in config), otherwise)


def _call_seconds(model: Model, size: Size, cell: Cell, cores: float) -> float:
    tokens = cell.batch_size * (1 if model.inputs == "decode" else cell.sequence_length)
    weights = size.layers * 12 * size.hidden**2
    attention = 4 * size.hidden * size.layers * cell.sequence_length
    operations = tokens * (2 * weights + attention)
    on_gpu = cell.device != "cpu"
    flops = GPU_FLOPS if on_gpu else CORE_FLOPS * cores
    bandwidth = GPU_BANDWIDTH if on_gpu else HOST_BANDWIDTH
    return max(operations / flops, weights * _BYTES.get(cell.precision, 4) / bandwidth)


def _memory_bytes(model: Model, size: Size, cell: Cell) -> float:
    """Weights twice where they are cast or compared with fp32 ones, and a layer's activations."""
    copies = 1 if cell.precision == "fp32" else 1.5
    tokens = cell.batch_size * cell.sequence_length
    activations = tokens * size.hidden * 40 + cell.batch_size * size.heads * (
        cell.sequence_length**2 * 8 if model.inputs != "decode" else 0
    )
    return IMPORTS_BYTES + 4 * size.parameters * copies + activations


class Durations:
    """How long slots take: from process runs of the same kind, else from the estimate, scaled."""

    def __init__(self, suite: Suite, cores: int) -> None:
        self._suite = suite
        self._cores = cores
        self._seen: dict[tuple[str, str, str | None], list[float]] = {}
        self._estimates: dict[tuple[str, str], float] = {}
        self._scales: dict[tuple[str, str], float] = {}

    def learn(self, run: ProcessRun) -> None:
        """Take the wall time of a process run, if it did all it was to do."""
        if run["status"] in (*MEASURED_STATUSES, CONTAMINATED):
            key = (run["cell"], role_of(run), run.get("caches"))
            self._seen.setdefault(key, []).append(run["wall_ns"] / 1e9)
            self._scales.clear()

    def seconds(self, slot: Slot) -> float:
        """Return how long one slot will take."""
        if seen := self._seen.get((slot.cell, slot.role, slot.caches)):
            return median(seen)
        return self._estimate(slot.cell, slot.role) * self._scale(_mode(slot.cell), slot.role)

    def _estimate(self, cell: str, role: str) -> float:
        key = (cell, role)
        if key not in self._estimates:
            found = estimate(self._suite, parse_cell(cell), self._cores, role)
            self._estimates[key] = found.seconds
        return self._estimates[key]

    def _scale(self, mode: str, role: str) -> float:
        """Return by how much this machine is slower than the estimates of what it has run.

        Of the same mode and role if it has run any: compiling is estimated worst.
        """
        if (mode, role) not in self._scales:
            self._scales[mode, role] = median(self._ratios(mode, role) or self._ratios() or [1.0])
        return self._scales[mode, role]

    def _ratios(self, mode: str | None = None, role: str | None = None) -> list[float]:
        return [
            median(times) / self._estimate(cell, seen_role)
            for (cell, seen_role, _), times in self._seen.items()
            if mode is None or (_mode(cell), seen_role) == (mode, role)
        ]


def _mode(cell: str) -> str:
    """Return framework and mode of a cell id, as in `torch-compile`."""
    return cell.split("/")[2]
