"""What a forward pass of TensorFlow returns, and what TensorFlow says when it refuses one."""

import hashlib
import re
from typing import Any

import numpy as np

from hfbench_worker.failures import MeasurementError, unsupported
from hfbench_worker.tensorflow_library import tf

REFUSED_CALL = (
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
    tf.errors.NotFoundError,
)
"""Types that do not go together, what XLA cannot compile, and a kernel that does not exist."""
REFUSED_TRACE = (*REFUSED_CALL, TypeError, ValueError)
_LONGEST_REASON = 1000


def compared_array(output: Any) -> Any:
    """Return the first floating-point tensor of a result, as an fp32 array.

    That is the last hidden state.
    """
    tensors = tf.nest.flatten(list(output.values()))
    found = next(tensor for tensor in tensors if tensor.dtype.is_floating)
    return tf.cast(found, tf.float32).numpy()


def distance(output: Any, reference: Any) -> float:
    """Return the Euclidean norm of the difference of two arrays, over that of the reference."""
    if output.shape != reference.shape:
        reason = f"the output has shape {output.shape}, the eager fp32 one {reference.shape}"
        raise MeasurementError("wrong_output", reason)
    exact = reference.astype(np.float64)
    return float(np.linalg.norm(output - exact) / np.linalg.norm(exact))


def digest(output: Any) -> str:
    """Return the SHA-256 of an fp32 array's bytes.

    Raises:
        MeasurementError: it holds NaN or infinity.
    """
    if not np.isfinite(output).all():
        raise MeasurementError("wrong_output", "the output holds NaN or infinity")
    return hashlib.sha256(np.ascontiguousarray(output).tobytes()).hexdigest()


def refused(cell: dict[str, Any], error: Exception) -> MeasurementError:
    """Return what an error is by which TensorFlow refuses a cell: `unsupported`, and why."""
    how, why = f"mode {cell['mode']} and precision {cell['precision']}", _told(error)
    return unsupported(f"tensorflow {tf.__version__} refuses it in {how}: {why}")


def _told(error: Exception) -> str:
    """Return the telling part of an error that came through Keras and AutoGraph.

    Each layer on the way wraps it in "Exception encountered ..." before and the arguments of
    its call after.
    """
    innermost = str(error).partition("Call arguments received")[0].strip()
    text = re.split(r"\n\s*\n", innermost)[-1].strip()
    if len(text) <= _LONGEST_REASON:
        return text
    half = _LONGEST_REASON // 2
    end = text[-half:].partition(" ")[2]  # what is left of a path no longer looks like one
    return f"{text[:half]} ... {end}"
