"""Runs a command, and ends it with all its children as soon as whoever started this is gone.

Run as a script, with a pipe as standard input that only the starter holds open: a starter that is
killed closes it too. It must lead a session of its own.
"""

import os
import signal
import subprocess
import sys
import threading


def _end_with_starter() -> None:
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    """Run the command that the arguments are, and return its exit status."""
    threading.Thread(target=_end_with_starter, daemon=True).start()
    return subprocess.call(sys.argv[1:], stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
