"""The notes of a release: what is in it, in words, written from its tables."""

from collections.abc import Iterator, Mapping, Sequence

from hfbench_aggregate.markdown import plain
from hfbench_aggregate.statistics.verdict import Verdict
from hfbench_aggregate.tables import ComparedCell, Comparison, MachineRow, Manifest
from hfbench_aggregate.wording import counted, in_common, summary


def release_notes(
    manifest: Manifest,
    previous: Manifest | None,
    machines: Sequence[MachineRow],
    process_runs: Mapping[str, Sequence[int]],
    comparisons: Sequence[Comparison],
) -> str:
    """Return the notes as Markdown; strangers' text in it is plain text.

    `process_runs` counts those of each role: measured, and not.
    """
    sections = [
        f"# Release {manifest['version']}",
        _counts(manifest, process_runs, machines),
        _news(manifest, previous),
        "## Verdicts",
        *_verdicts(machines, comparisons),
        "## Provisional",
        _provisional(comparisons),
    ]
    return "\n\n".join(sections) + "\n"


def _counts(
    manifest: Manifest, process_runs: Mapping[str, Sequence[int]], machines: Sequence[MachineRow]
) -> str:
    roles = []
    for role, (measured, missing) in process_runs.items():
        failed = f" ({missing} more failed or were set aside)" if missing else ""
        roles.append(f"{measured} of role {role}{failed}")
    return (
        f"As of {manifest['as_of']}: {counted(len(manifest['inputs']), 'submission')} from "
        f"{counted(len(machines), 'machine')}. Measured process runs: {', '.join(roles)}."
    )


def _news(manifest: Manifest, previous: Manifest | None) -> str:
    if previous is None:
        return "This is the first release."
    before = {row["sha256"] for row in previous["inputs"]}
    after = {row["sha256"] for row in manifest["inputs"]}
    changes = [f"{counted(len(after - before), 'submission')} more"]
    if before - after:
        changes.append(f"{counted(len(before - after), 'submission')} fewer")
    if previous["method_version"] != manifest["method_version"]:
        changes.append(f"method {manifest['method_version']} for {previous['method_version']}")
    return f"Since {previous['version']}: {', '.join(changes)}."


def _verdicts(machines: Sequence[MachineRow], comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield one paragraph or list a comparison, machine by machine."""
    if not comparisons:
        yield "Nothing to compare: no machine has measured two versions of transformers."
    for machine in machines:
        own = [c for c in comparisons if c["machine_key"] == machine["machine_key"]]
        if own:
            yield f"### {plain(machine['title'])}"
        for comparison in own:
            where = f"{comparison['suite']}, {in_common(comparison)}"
            lines = [f"{plain(where)}: {plain(summary(comparison))}."]
            lines += [_line(row) for row in comparison["cells"] if _called(row)]
            yield "\n".join(lines)


def _called(row: ComparedCell) -> bool:
    return row["verdict"] in (Verdict.SLOWER, Verdict.FASTER)


def _line(row: ComparedCell) -> str:
    return f"- `{row['cell']}`: {plain(row['wording'])}"


def _provisional(comparisons: Sequence[Comparison]) -> str:
    lines = [
        f"- {plain(summary(comparison))}: {comparison['provisional']}"
        for comparison in comparisons
        if comparison["provisional"]
    ]
    return "\n".join(lines) or "No verdict is provisional."
