"""How far a training is, from what its worker says: told once an epoch, never amid its steps."""

import re
from typing import Any

from hfbench_submit.launching.listening import OnMessage
from hfbench_submit.reporting.progress import Progress

_EVALUATION = re.compile(r"evaluation (\d+) of (\d+)")
"""The phase that follows an epoch's last step."""


def epochs_to(progress: Progress) -> OnMessage:
    """Return what takes a worker's answers and tells of each epoch as its evaluation begins."""
    told: set[str] = set()

    def on_message(message: dict[str, Any]) -> None:
        phase = str(message.get("name")) if message["event"] == "phase" else ""
        found = _EVALUATION.fullmatch(phase)
        if found and phase not in told:  # a long one is announced again and again
            told.add(phase)
            progress.trained(int(found[1]), int(found[2]))

    return on_message
