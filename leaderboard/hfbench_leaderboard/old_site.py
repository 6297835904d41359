"""The site of the last build: the pages that the next one may take over from it."""

from pathlib import Path
from typing import Any, Final

from hfbench_leaderboard.pages import Part, part_above_foot
from hfbench_schema.canonical import StrictJSONError, strict_json

BUILD_FILE: Final = ".build.json"
"""Of each page the key of what it was made from, and the hash of its part above the foot."""
Built = dict[str, tuple[str, str]]


class OldSite:
    """A folder with a site, or with none; pages are read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built = _built(folder)

    def part(self, path: str, key: str) -> Part | None:
        """Return the part above the foot of a page that was made from the same.

        None if there is no such page, or if somebody has changed it since.
        """
        known, digest = self._built.get(path, ("", ""))
        if known != key:
            return None
        try:
            part = Part(part_above_foot((self._folder / path).read_bytes()))
        except OSError:
            return None
        return part if part.digest == digest else None


def _built(folder: Path) -> Built:
    try:
        held: Any = strict_json((folder / BUILD_FILE).read_bytes())
        return {path: (str(key), str(digest)) for path, (key, digest) in held.items()}
    except (OSError, StrictJSONError, AttributeError, TypeError, ValueError):
        return {}
