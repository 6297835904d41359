"""A torch cell: build the model from its embedded config, rotate inputs, time the forward pass."""

import hashlib
from collections.abc import Callable
from typing import Any

import torch
import transformers

from hfbench_worker.failures import MeasurementError
from hfbench_worker.timing import time_calls
from hfbench_worker.torch_models import build_inputs, build_model

SUPPORTED = {"framework": ("torch",), "mode": ("eager",), "precision": ("fp32",)}


def measure(plan: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure the plan's cell.

    Returns:
        What was loaded (versions, and thread counts as torch reports them), and what was
        measured (status, durations in ns, digest of the first input's output).

    Raises:
        MeasurementError: the cell is unsupported here, or its output is not finite.
    """
    cell = plan["cell"]
    synchronize = _synchronizer(cell)
    model = build_model(plan["model"], plan["seed"], cell["device"])
    inputs = build_inputs(plan["model"], cell, plan["seed"])
    with torch.inference_mode():
        iterations_ns, warmup, steady = time_calls(
            lambda number: model(**inputs[number % len(inputs)]), synchronize, plan["iterations"]
        )
        digest = _digest(model(**inputs[0])[0])
    return _loaded(), {
        "status": "ok" if steady else "no_steady_state",
        "warmup_iterations": warmup,
        "iterations_ns": iterations_ns,
        "output_sha256": digest,
    }


def _loaded() -> dict[str, Any]:
    return {
        "packages": {"torch": torch.__version__, "transformers": transformers.__version__},
        "threads": {
            "intra_op": torch.get_num_threads(),
            "inter_op": torch.get_num_interop_threads(),
        },
    }


def _synchronizer(cell: dict[str, Any]) -> Callable[[], None]:
    """Return the one function that every timing waits with, for the cell's device."""
    for dimension, supported in SUPPORTED.items():
        if cell[dimension] not in supported:
            raise _unsupported(f"{dimension} {cell[dimension]} is not measured yet")
    if cell["device"] == "cpu":
        return lambda: None
    if cell["device"] == "cuda" and torch.cuda.is_available():
        return lambda: torch.cuda.synchronize()
    if cell["device"] == "cuda":
        raise _unsupported(f"torch {torch.__version__} finds no CUDA device here")
    raise _unsupported(f"device {cell['device']} has no synchronise function yet")


def _unsupported(reason: str) -> MeasurementError:
    return MeasurementError("unsupported", reason)


def _digest(output: Any) -> str:
    if not bool(torch.isfinite(output).all()):
        raise MeasurementError("wrong_output", "the output holds NaN or infinity")
    return hashlib.sha256(output.cpu().contiguous().numpy().tobytes()).hexdigest()
