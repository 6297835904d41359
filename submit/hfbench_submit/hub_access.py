"""Where the Hub is, and asking it without waiting for ever."""

import os
import threading
import urllib.parse
from collections.abc import Callable
from typing import Final, TypeVar

NO_ADDRESS: Final = "HF_ENDPOINT is no address such as https://huggingface.co"
_TRUE: Final = {"1", "ON", "YES", "TRUE"}

_T = TypeVar("_T")


def hub_endpoint() -> str:
    """Return the Hub's address, or that of the mirror that stands for it."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def host_of(endpoint: str) -> str:
    """Return an address without the password that it may hold."""
    return urllib.parse.urlsplit(endpoint).netloc.rpartition("@")[2]


def is_web_address(endpoint: str) -> bool:
    """Tell whether an address is one that can be asked at all; if not, say `NO_ADDRESS`."""
    return urllib.parse.urlsplit(endpoint).scheme in ("http", "https")


def is_switched_on(variable: str) -> bool:
    """Tell whether an environment variable says yes, as the Hub's own tools read it."""
    return os.environ.get(variable, "").upper() in _TRUE


def within(seconds: float, act: Callable[[], _T]) -> _T:
    """Do something in a thread that is left alone after so many seconds.

    No socket timeout holds for name resolution.

    Raises:
        TimeoutError: it took longer.
        Exception: what it raised.
    """
    results: list[_T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(act())
        except Exception as error:  # it would be lost with the thread
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return results[0]
