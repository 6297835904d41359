"""Entry point: read the plan, measure, answer, leave at once."""

import json
import os
import sys
import traceback
from typing import Any

from hfbench_worker.failures import MeasurementError, classify
from hfbench_worker.lifeline import die_with_parent


def main() -> None:
    """Measure the cell that the plan on stdin names; never returns."""
    plan: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    die_with_parent()
    with os.fdopen(plan["answer_fd"], "w", encoding="utf-8") as answer:
        for message in _measured(plan):
            answer.write(json.dumps(message) + "\n")
            answer.flush()
    sys.stdout.flush()
    sys.stderr.flush()
    # Tearing down torch takes a second that nobody needs.
    os._exit(0)


def _measured(plan: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        return _measure(plan)
    except Exception as error:  # every failure is data: the parent stores its status and reason
        status = error.status if isinstance(error, MeasurementError) else classify(error)
        reason = str(error) if isinstance(error, MeasurementError) else traceback.format_exc()
        return [{"event": "failed", "status": status, "reason": reason}]


def _measure(plan: dict[str, Any]) -> list[dict[str, Any]]:
    from hfbench_worker import torch_cell  # imports torch, which may fail and then is data too

    loaded, measured = torch_cell.measure(plan)
    return [{"event": "loaded", **loaded}, {"event": "measured", **measured}]


if __name__ == "__main__":
    main()
