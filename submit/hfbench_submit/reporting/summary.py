"""What a sitting was worth: its noise, what it could detect, and what disturbed it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from statistics import median

from hfbench_schema.submission import (
    Anchor,
    EnvironmentFacts,
    Submission,
)
from hfbench_submit.reporting.detection import detection_lines
from hfbench_submit.reporting.figures import causes_of, percent
from hfbench_submit.reporting.precision import (
    detectable_change,
    log_medians,
    pooled_sd,
    ratio_interval,
)
from hfbench_submit.reporting.wording import counted, short_cell

NOISIEST = 3
MOST_CAUSES = 3
_FIGURE = re.compile(r":?\s*\d[\d.,]*( %| times)?")

_Logs = dict[tuple[str, int], list[float]]


def summary(submission: Submission) -> list[str]:
    """Return the lines for the end of a sitting; what was not measured has none."""
    logs = log_medians(submission["process_runs"])
    return [
        *_noisiest(logs),
        *(list(detection_lines(submission)) or _detectable(submission, logs)),
        *_drift(submission),
        *_canary(submission, logs),
        *_contamination(submission),
    ]


def detectable_changes(logs: _Logs, first: int, second: int) -> dict[str, float]:
    """Return, by cell, the smallest relative change detectable between two environments."""
    cells = dict.fromkeys(cell for cell, _ in logs)
    found = {
        cell: detectable_change(logs.get((cell, first), []), logs.get((cell, second), []))
        for cell in cells
    }
    return {cell: change for cell, change in found.items() if change is not None}


def _noisiest(logs: _Logs) -> Iterator[str]:
    cells: dict[str, list[list[float]]] = defaultdict(list)
    for (cell, _), values in logs.items():
        cells[cell].append(values)
    spreads = {cell: sd for cell, groups in cells.items() if (sd := pooled_sd(groups)) is not None}
    if spreads:
        yield "noisiest cells (standard deviation between process runs):"
    for cell in sorted(spreads, key=lambda cell: spreads[cell], reverse=True)[:NOISIEST]:
        yield f"  {percent(spreads[cell])}  {short_cell(cell)}"


def _detectable(submission: Submission, logs: _Logs) -> Iterator[str]:
    environments = submission["environments"]
    labels = [environment["label"] for environment in environments]
    lines = []
    for first, second in combinations(range(len(labels)), 2):
        replicas = environments[first]["replica"] or environments[second]["replica"]
        if not replicas and (changes := detectable_changes(logs, first, second)):
            lines.append(f"  {labels[first]} to {labels[second]}: {_changes(changes)}")
    if lines:
        yield "smallest change this sitting could detect (80 % power, 5 % level):"
        yield from lines


def _changes(changes: dict[str, float]) -> str:
    best, worst = (pick(changes, key=lambda cell: changes[cell]) for pick in (min, max))
    if best == worst:
        return f"{percent(changes[best])} in {short_cell(best)}"
    return (
        f"{percent(median(changes.values()))} in the median of {len(changes)} cells, "
        f"from {percent(changes[best])} in {short_cell(best)} "
        f"to {percent(changes[worst])} in {short_cell(worst)}"
    )


def _drift(submission: Submission) -> Iterator[str]:
    """Compare the anchors of an environment with its first one."""
    by_environment: dict[int, list[Anchor]] = defaultdict(list)
    for anchor in submission.get("anchors", []):
        by_environment[anchor["environment"]].append(anchor)
    for environment, anchors in by_environment.items():
        if len(anchors) > 1:
            label = submission["environments"][environment]["label"]
            matmul = _drift_of([median(anchor["matmul_ns"]) for anchor in anchors])
            copy = _drift_of([median(anchor["copy_ns"]) for anchor in anchors])
            yield f"drift of the anchor workload in {label}: matmul {matmul}; copy {copy}"


def _drift_of(times: list[float]) -> str:
    last, farthest = times[-1], max(times, key=lambda time: abs(time - times[0]))
    text = f"{100 * (last / times[0] - 1):+.1f} % by the end"
    if farthest != last:
        text += f", {100 * (farthest / times[0] - 1):+.1f} % at most"
    return text


def _canary(submission: Submission, logs: _Logs) -> Iterator[str]:
    """Compare environments that are the same but for the replica: any ratio but 1 is noise."""
    environments = submission["environments"]
    for index, environment in enumerate(environments):
        original = next(i for i, other in enumerate(environments) if _same(other, environment))
        if original != index:
            yield from _same_twice(submission, logs, original, index)


def _same(first: EnvironmentFacts, second: EnvironmentFacts) -> bool:
    """Tell whether environments hold the same, down to the last package."""
    return all(first.get(fact) == second.get(fact) for fact in ("python", "packages", "sources"))


def _same_twice(submission: Submission, logs: _Logs, first: int, second: int) -> Iterator[str]:
    label = submission["environments"][second]["label"]
    for cell in dict.fromkeys(cell for cell, environment in logs if environment == second):
        found = ratio_interval(logs.get((cell, first), []), logs[cell, second])
        if found is not None:
            ratio, low, high = found
            text = f"A/A {label}: ratio {ratio:.3f} ({low:.3f} to {high:.3f})"
            yield f"{text} in {short_cell(cell)}{'' if low <= 1 <= high else ', which is noise'}"


def _contamination(submission: Submission) -> Iterator[str]:
    runs, cores = submission["process_runs"], submission["machine"]["usable_cores"]
    causes = [found for run in runs if (found := causes_of(run, cores))]
    if not causes:
        return
    # The figures differ from one process run to the next; what they are figures of does not.
    kinds = Counter(_FIGURE.sub("", cause).strip() for found in causes for cause in found)
    most = ", ".join(f"{kind} ({count})" for kind, count in kinds.most_common(MOST_CAUSES))
    yield f"contaminated: {len(causes)} of {counted(len(runs), 'process run')}: {most}"
