"""Failures are data: each exception has a status, and the parent stores it with its reason."""

import os
import traceback

_NO_HOST_MEMORY = (
    *("DefaultCPUAllocator", "can't allocate memory", "Cannot allocate memory", "std::bad_alloc"),
    "HOST_ALLOCATION_FAILED",
)
_NO_DEVICE_MEMORY = (
    *("CUDA out of memory", "CUDA error: out of memory", "CUDA_ERROR_OUT_OF_MEMORY"),
    # CUDA's libraries, whose workspaces the framework's allocator does not know of.
    *("_STATUS_ALLOC_FAILED", "DEVICE_ALLOCATION_FAILED"),
)
_GPU_FAILED = (
    *("CUDA error", "CUDA driver error", "CUDA_ERROR", "CUBLAS_STATUS", "CUDNN_STATUS"),
    *("cuDNN error", "NVML_ERROR", "GPU is lost", "fallen off the bus"),
)
_NO_KERNEL = (
    *("not implemented for 'Half'", "not implemented for 'BFloat16'", "not support bfloat16"),
    # What the GPU, or the framework as it was built, is too old or too new for.
    *("_STATUS_NOT_SUPPORTED", "_STATUS_ARCH_MISMATCH", "CUDA_ERROR_NOT_SUPPORTED"),
    *("CUDA error: operation not supported", "no kernel image", "CUDA_ERROR_NO_BINARY_FOR_GPU"),
)
_MIXED_TYPES = ("expected scalar type", "mixed dtype", "to have the same dtype")
_DEPRECATED = f"transformers{os.sep}models{os.sep}deprecated{os.sep}"
_NO_COMPILER = {
    "InvalidCxxCompiler": "there is no working C++ compiler",
    "No working C++ compiler found": "there is no working C++ compiler",
    "TritonMissing": "there is no working Triton",
    "Cannot find a working triton installation": "there is no working Triton",
    "GPUTooOldForTriton": "the GPU is too old for Triton",
}
_LONGEST_PLACED = 1500


class MeasurementError(Exception):
    """A failure whose status is known where it is raised."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def unsupported(reason: str) -> MeasurementError:
    """Return the error that says what cannot be measured here."""
    return MeasurementError("unsupported", reason)


def describe(error: BaseException) -> tuple[str, str]:
    """Return an exception's status, and the reason to keep with it.

    A reason that hfbench has words for is one sentence; any other is the whole traceback, of
    which the parent keeps the end.
    """
    if isinstance(error, MeasurementError):
        return error.status, str(error)
    text = f"{type(error).__name__}: {error}"
    for mark, sentence in _NO_COMPILER.items():
        if mark in text:
            return "unsupported", f"{sentence}, which mode compile needs: {_first_line(error)}"
    if any(mark in text for mark in _NO_KERNEL):
        return "unsupported", f"the framework has no kernel for it: {_first_line(error)}"
    if any(mark in text for mark in _MIXED_TYPES):
        return "unsupported", f"the network mixes types in this precision: {_first_line(error)}"
    status, details = classify(error), "".join(traceback.format_exception(error))
    if status == "error" and _DEPRECATED in details:
        return "unsupported", (
            "transformers keeps this architecture among its deprecated ones, where it no longer"
            f" works: {type(error).__name__}: {_first_line(error)}"
        )
    if status == "error" and gpu_failed(error):
        return status, f"the GPU failed or was lost: {_first_line(error)}"
    return status, details


def placed(error: Exception, where: str) -> MeasurementError:
    """Return a failure of the same status, its reason led by where it came about.

    The parent keeps the end of a long reason: of a long traceback only the end is kept here, from
    the beginning of a line on, so that the place stays with it.
    """
    status, reason = describe(error)
    if len(reason) > _LONGEST_PLACED:
        reason = "... " + reason[-_LONGEST_PLACED:].partition("\n")[2].strip()
    return MeasurementError(status, f"{where}: {reason}")


def classify(error: BaseException) -> str:
    """Return the status of an exception: `oom_device`, `oom_host`, `unsupported` or `error`."""
    text = str(error)
    if any(mark in text for mark in _NO_DEVICE_MEMORY):
        return "oom_device"
    if isinstance(error, MemoryError) or any(mark in text for mark in _NO_HOST_MEMORY):
        return "oom_host"
    if type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's, for either memory
        return "oom_device" if "GPU" in text else "oom_host"
    return "unsupported" if isinstance(error, ImportError) else "error"


def gpu_failed(error: BaseException) -> bool:
    """Tell whether it is the GPU, or its driver, that an exception speaks of."""
    return any(mark in str(error) for mark in _GPU_FAILED)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
