"""Strangers' text in Markdown."""

import re
from typing import Final

_MARKUP: Final = re.compile(r"([\\`*_\[\]<>|&!#~])")


def plain(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return _MARKUP.sub(r"\\\1", text)
