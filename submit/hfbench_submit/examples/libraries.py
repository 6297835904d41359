"""The packages that only training needs: imported when they are, never with the client."""

import contextlib
import importlib
import os
from collections.abc import Iterator
from typing import Any

from hfbench_submit.errors import SubmitError

_DISCREET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",  # it reports to its own host, and heeds none of the timeouts
    "DO_NOT_TRACK": "1",
}


def library(name: str) -> Any:
    """Import a package of the `training` extra, so that it tells nobody that it is used.

    Raises:
        SubmitError: it is not installed.
    """
    for variable, value in _DISCREET.items():
        os.environ.setdefault(variable, value)  # read once, by the first import
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise SubmitError(
            "training needs more packages: pip install 'hfbench[training]'"
        ) from error


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep `tokenizers` from threads, of which it would warn in each worker started later."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
