"""The cache: what every part may keep between calls, and anybody may delete."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return where it is: `$HFBENCH_CACHE`, or the user's cache folder."""
    named = os.environ.get("HFBENCH_CACHE")
    return Path(named).absolute() if named else Path(platformdirs.user_cache_dir("hfbench"))
