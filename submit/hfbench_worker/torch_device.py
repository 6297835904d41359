"""The device that torch computes on, and what it and torch say of themselves."""

from typing import Any

import torch
import transformers

from hfbench_worker.failures import unsupported
from hfbench_worker.workload import installed_version


def loaded() -> dict[str, Any]:
    """Return the versions installed, and thread counts as torch reports them."""
    own = {"torch": torch.__version__, "transformers": transformers.__version__}
    return {
        "packages": {name: installed_version(name) or own[name] for name in own},
        "threads": {
            "intra_op": torch.get_num_threads(),
            "inter_op": torch.get_num_interop_threads(),
        },
    }


def open_device(name: str, number: int = 0) -> torch.device:
    """Return the device, and make it the one that torch means by its type.

    Args:
        name: `cpu` or `cuda`.
        number: of the GPUs that can be seen, which one; the parent hides those not to be used.

    Raises:
        MeasurementError: the device is not there, or hfbench cannot synchronise it.
    """
    if name == "cpu":
        return torch.device("cpu")
    if name != "cuda":
        raise unsupported(f"device {name} has no synchronise function yet")
    if not torch.cuda.is_available():
        raise unsupported(f"torch {torch.__version__} finds no CUDA device here")
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def synchronize(device: torch.device) -> None:
    """Wait for the GPU; the CPU computes before it returns."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def device_memory(device: torch.device) -> dict[str, int]:
    """Return bytes `allocated`, `peak` and `reserved` by the CUDA allocator; nothing on the CPU."""
    if device.type == "cpu":
        return {}
    return {
        "allocated": torch.cuda.memory_allocated(),
        "peak": torch.cuda.max_memory_allocated(),
        "reserved": torch.cuda.max_memory_reserved(),
    }


def reset_device_memory(device: torch.device) -> None:
    """Let the CUDA allocator's peaks begin anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
