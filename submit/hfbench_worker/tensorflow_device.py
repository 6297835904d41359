"""The devices that TensorFlow computes on, and what they and TensorFlow say of themselves."""

import os
from collections.abc import Sequence
from typing import Any

from hfbench_worker.failures import unsupported
from hfbench_worker.process import usable_cpus
from hfbench_worker.tensorflow_library import tf
from hfbench_worker.workload import installed_version

_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tf-keras", "transformers")


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


def open_devices(name: str, count: int = 1) -> list[str]:
    """Let TensorFlow see `count` of the cell's devices only: it would use every GPU it sees.

    On the CPU these are logical devices, which share the threads.

    Returns:
        What TensorFlow calls them.

    Raises:
        MeasurementError: there is no such device, or there are not so many.
    """
    if name not in ("cpu", "cuda"):
        raise unsupported(f"device {name} has no synchronise function yet")
    gpus = _find_gpus(count) if name == "cuda" else []
    tf.config.set_visible_devices(gpus, "GPU")
    if name == "cpu" and count > 1:
        _split_cpu(count)
    # TensorFlow would round fp32 factors to 11 bits, as torch does not unless it is told to.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    return [f"{'GPU' if gpus else 'CPU'}:{number}" for number in range(count)]


def set_threads() -> None:
    """Set both thread pools; OMP_NUM_THREADS means nothing to TensorFlow itself."""
    threads = int(os.environ["OMP_NUM_THREADS"])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def synchronize(devices: Sequence[str]) -> None:
    """Wait for the GPUs; on the CPU, operations and functions return when they are done."""
    if _are_gpus(devices):
        tf.test.experimental.sync_devices()


def device_memory(devices: Sequence[str]) -> dict[str, int]:
    """Return what the allocator of each GPU says, the largest of them; nothing of the CPU.

    What it has reserved, it does not say.
    """
    if not _are_gpus(devices):
        return {}
    memory = [tf.config.experimental.get_memory_info(device) for device in devices]
    names = {"allocated": "current", "peak": "peak"}
    return {name: max(each[field] for each in memory) for name, field in names.items()}


def reset_device_memory(devices: Sequence[str]) -> None:
    """Let the peaks of the GPUs' allocators begin anew."""
    if _are_gpus(devices):
        for device in devices:
            tf.config.experimental.reset_memory_stats(device)


def _are_gpus(devices: Sequence[str]) -> bool:
    return devices[0].startswith("GPU")


def _find_gpus(count: int) -> list[Any]:
    found: list[Any] = tf.config.list_physical_devices("GPU")
    if not found:
        raise unsupported(f"tensorflow {tf.__version__} finds no CUDA device here")
    if count > len(found):
        here = f"tensorflow finds {len(found)} here"
        raise unsupported(f"{count} ranks need {count} CUDA devices, and {here}")
    return found[:count]


def _split_cpu(count: int) -> None:
    cores = usable_cpus()
    if count > cores:
        raise unsupported(f"{count} ranks need {count} CPU cores, and there are {cores} here")
    (cpu,) = tf.config.list_physical_devices("CPU")
    logical = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    tf.config.set_logical_device_configuration(cpu, logical)
