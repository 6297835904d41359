"""What must never leave a machine: secrets, and the names of its user, its host and its folders."""

import contextlib
import getpass
import re
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Final

_SECRETS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "a token of the Hugging Face Hub": (("hf_",), r"hf_(?<=\bhf_)[A-Za-z0-9]{20,}"),
    "a token of GitHub": (
        ("gho_", "ghp_", "ghs_", "ghu_", "ghr_", "github_pat_"),
        r"g(?<=\bg)(?:h[opsur]_[A-Za-z0-9]{20,}|ithub_pat_\w{20,})",
    ),
    "a token of GitLab": (("glpat-",), r"glpat-(?<=\bglpat-)[\w-]{20,}"),
    "a key of AWS": (("AKIA", "ASIA"), r"A(?<=\bA)(?:KIA|SIA)[0-9A-Z]{16}\b"),
    "a token of Slack": (("xox",), r"xox(?<=\bxox)[abposr]-[\w-]{10,}"),
    "an API key": (("sk-",), r"sk-(?<=\bsk-)[\w-]{20,}"),
    "a key of Google": (("AIza",), r"AIza(?<=\bAIza)[\w-]{35}"),
    "a private key": (
        ("-----BEGIN ",),
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?s:.*)",
    ),
    # Its end is looked for from where a word begins: from each of its parts, that is quadratic.
    "a signed web token": (
        ("eyJ",),
        r"(?<![\w-])(?=[\w-]*+\.eyJ[\w-]{10,}+\.)[\w-]*?\beyJ[\w-]{10,}+\.eyJ[\w-]{10,}+\.[\w-]*",
    ),
    "a password in an address": (("://",), r"(?<=://)[^\s/:@]{0,256}:[^\s/@]{1,256}@"),
}
"""The forms of secrets that say what they are, as their issuers document them.

Before each stand the marks of which any such secret, or what is around it, has one. A form begins
with letters, and asks afterwards for a word to begin there: letters are found ten times as fast.
"""
_SECRET = {what: (marks, re.compile(form)) for what, (marks, form) in _SECRETS.items()}
_HOME = re.compile(
    r"(?:/home/|/Users/|/root\b|/private/var/|\\\\\w+\\|[A-Za-z]:\\Users\\)[^\s'\":,;)]*"
)
_HOME_MARKS: Final = ("/home/", "/Users/", "/root", "/private/var/", "\\\\", ":\\Users\\")
_MARKS: Final = (*(m for marks, _ in _SECRETS.values() for m in marks), *_HOME_MARKS, "@")
"""One of them is in every text that is not public, but for addresses of machines."""
_EMAIL_END = re.compile(r"@(?<=[\w.+-]@)[\w-]+\.[\w.]")
"""What every address has, and nothing else: to look for this is ten times as fast."""
# Each word is tried once, from its start: what is searched may be one long word.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+\.[\w.]+")
_IP_OR_MAC = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b(?!\.)|(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")
_IP_OR_MAC_REST = re.compile(
    r"\.(?<=\d\.)(?=\d{1,3}+\.\d{1,3}+\.\d{1,3}+\b(?!\.))"
    r"(?:(?<=\b\d\.)|(?<=\b\d\d\.)|(?<=\b\d\d\d\.))"
    r"|:(?<=[0-9a-fA-F]{2}:)(?:[0-9a-fA-F]{2}:){4}[0-9a-fA-F]{2}"
)
"""What is after the first point or colon of every address, and nowhere else; likewise faster."""
_PATH = re.compile(r"(?<![\w/])/(?:[\w.@+-]+/)+(?=[\w.@+-]+)")
_LEAST_NAME = 4  # a user called "me" must not blank every "name" in a traceback


def find_private(text: str) -> str | None:
    """Return the first part of `text` that looks like a home folder or an e-mail, or None."""
    found = _HOME.search(text) if _has(_HOME_MARKS, text) else None
    found = found or (_EMAIL.search(text) if _EMAIL_END.search(text) else None)
    return found.group() if found else None


def find_secret(text: str) -> str | None:
    """Return what kind of secret `text` holds, never the secret itself, or None."""
    forms = ((what, form) for what, (marks, form) in _SECRET.items() if _has(marks, text))
    return next((what for what, form in forms if form.search(text)), None)


def find_address(text: str) -> str | None:
    """Return the first part of `text` that looks like an IP or MAC address, or None.

    For free text only: versions such as 12.8.4.1 look the same.
    """
    found = _IP_OR_MAC.search(text) if _IP_OR_MAC_REST.search(text) else None
    return found.group() if found else None


def suspects(texts: Collection[str]) -> set[str]:
    """Return those of the texts in which the functions above may find something.

    To look for marks in all of them at once costs a tenth of searching each for each form.
    """
    joined = "\0".join(texts)
    marks = [mark for mark in _MARKS if mark in joined]
    return {text for text in texts if _has(marks, text) or _IP_OR_MAC_REST.search(text)}


def _has(marks: Collection[str], text: str) -> bool:
    return any(mark in text for mark in marks)


def scrub(text: str) -> str:
    """Return `text` without secrets, folders, addresses and the names of this user and host.

    Of a path only the file's name stays, so that a traceback can still be read.
    """
    for _, form in _SECRET.values():
        text = form.sub("<secret>", text)
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
