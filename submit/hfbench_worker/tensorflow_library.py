"""TensorFlow, Keras 2 and transformers' classes for them, or the reason why there are none."""

import os

# TensorFlow reads it as it is imported; its errors, which may be a reason, are still printed.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import transformers

from hfbench_worker.failures import MeasurementError

_FIRST_WITHOUT = 5
_NEEDED = "TensorFlow cells need an environment with transformers 4.x, tensorflow and tf-keras"

if int(transformers.__version__.partition(".")[0]) >= _FIRST_WITHOUT:
    raise MeasurementError(
        "unsupported",
        f"transformers {transformers.__version__} has no TensorFlow models, 5.0 removed them;"
        f" {_NEEDED}",
    )
try:
    import tensorflow as tf
    import tf_keras
    from transformers import AutoConfig, TFAutoModel, TFAutoModelForSequenceClassification
except ImportError as error:
    raise MeasurementError("unsupported", f"{error}; {_NEEDED}") from error

__all__ = [
    "AutoConfig",
    "TFAutoModel",
    "TFAutoModelForSequenceClassification",
    "tf",
    "tf_keras",
    "transformers",
]
