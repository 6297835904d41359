"""Failures are data: each exception has a status, and the parent stores it with its reason."""

_NO_HOST_MEMORY = ("DefaultCPUAllocator", "can't allocate memory", "Cannot allocate memory")
_NO_DEVICE_MEMORY = ("CUDA out of memory", "CUDA error: out of memory")


class MeasurementError(Exception):
    """A failure whose status is known where it is raised."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def classify(error: Exception) -> str:
    """Return the status of an exception: `oom_device`, `oom_host`, `unsupported` or `error`."""
    text = str(error)
    if any(mark in text for mark in _NO_DEVICE_MEMORY):
        return "oom_device"
    if isinstance(error, MemoryError) or any(mark in text for mark in _NO_HOST_MEMORY):
        return "oom_host"
    return "unsupported" if isinstance(error, ImportError) else "error"
