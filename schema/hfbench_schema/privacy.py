"""What must never leave a machine: the names of its user, its host and its folders."""

import contextlib
import getpass
import re
import socket
from pathlib import Path

_HOME = re.compile(r"(?:/home/|/Users/|/root\b|[A-Za-z]:\\Users\\)[^\s'\":,;)]*")
# Each word is tried once, from its start: what is searched may be one long word.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+\.[\w.]+")
_IP_OR_MAC = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b(?!\.)|(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")
_PATH = re.compile(r"(?<![\w/])/(?:[\w.@+-]+/)+(?=[\w.@+-]+)")
_LEAST_NAME = 4  # a user called "me" must not blank every "name" in a traceback


def find_private(text: str) -> str | None:
    """Return the first part of `text` that looks like a home folder or an e-mail, or None."""
    found = _HOME.search(text) or _EMAIL.search(text)
    return found.group() if found else None


def find_address(text: str) -> str | None:
    """Return the first part of `text` that looks like an IP or MAC address, or None.

    For free text only: versions such as 12.8.4.1 look the same.
    """
    found = _IP_OR_MAC.search(text)
    return found.group() if found else None


def scrub(text: str) -> str:
    """Return `text` without folders, addresses and the names of this user and host.

    Of a path only the file's name stays, so that a traceback can still be read.
    """
    text = _PATH.sub("", text)
    text = _EMAIL.sub("<address>", _HOME.sub("<home>", text))
    text = _IP_OR_MAC.sub("<address>", text)
    for name, replacement in _private_names():
        text = re.sub(rf"\b{re.escape(name)}\b", replacement, text)
    return text


def _private_names() -> list[tuple[str, str]]:
    names = [(socket.gethostname(), "<host>"), (Path.home().name, "<user>")]
    with contextlib.suppress(OSError, KeyError):  # a container's user may have no name
        names.append((getpass.getuser(), "<user>"))
    return [(name, replacement) for name, replacement in names if len(name) >= _LEAST_NAME]
