"""The three forms in which Linux writes numbers into files; what cannot be read is absent.

Every reader of kernel files takes the folder that they lie under (`ROOT`, but for tests).
"""

import contextlib
from pathlib import Path

ROOT = Path("/")


def number_in(file: Path) -> int | None:
    """Return the one number that a file holds, None without it."""
    with contextlib.suppress(OSError, ValueError):
        return int(file.read_text())
    return None


def counts_in(file: Path) -> dict[str, int]:
    """Return the lines `name number` of a file by name, empty without the file."""
    counts = {}
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            with contextlib.suppress(ValueError):
                name, count = line.split()
                counts[name] = int(count)
    return counts


def cpus_in(file: Path) -> list[int]:
    """Return the CPUs of a list such as `0-3,8`, in its order, empty without the file."""
    cpus: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        for part in file.read_text().strip().split(","):
            first, _, last = part.partition("-")
            cpus += range(int(first), int(last or first) + 1)
    return cpus
