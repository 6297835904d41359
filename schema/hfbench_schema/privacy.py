"""What must never leave a machine: the names of its user, its host and its folders."""

import contextlib
import getpass
import re
import socket
from pathlib import Path

_HOME = re.compile(r"(?:/home/|/Users/|/root\b|[A-Za-z]:\\Users\\)[^\s'\":,;)]*")
_ADDRESS = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.]+|\b(?:\d{1,3}\.){3}\d{1,3}\b(?!\.)|(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}"
)
_PATH = re.compile(r"(?<![\w/])/(?:[\w.@+-]+/)+(?=[\w.@+-]+)")
_LEAST_NAME = 4  # a user called "me" must not blank every "name" in a traceback


def find_private(text: str) -> str | None:
    """Return the first part of `text` that looks like a home folder or an address, or None."""
    found = _HOME.search(text) or _ADDRESS.search(text)
    return found.group() if found else None


def scrub(text: str) -> str:
    """Return `text` without folders, addresses and the names of this user and host.

    Of a path only the file's name stays, so that a traceback can still be read.
    """
    text = _PATH.sub("", text)
    text = _ADDRESS.sub("<address>", _HOME.sub("<home>", text))
    for name, replacement in _private_names():
        text = re.sub(rf"\b{re.escape(name)}\b", replacement, text)
    return text


def _private_names() -> list[tuple[str, str]]:
    names = [(socket.gethostname(), "<host>"), (Path.home().name, "<user>")]
    with contextlib.suppress(OSError, KeyError):  # a container's user may have no name
        names.append((getpass.getuser(), "<user>"))
    return [(name, replacement) for name, replacement in names if len(name) >= _LEAST_NAME]
