"""`hfbench-submit validate`: what the intake will say, before anything is sent."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from hfbench_schema.report_formats import reports_as_json, reports_as_sarif
from hfbench_schema.reports import Report, finding, printable
from hfbench_schema.rules_bytes import MAXIMUM_BYTES
from hfbench_schema.validation import validate as validate_bytes
from hfbench_submit.commands.printing import print_findings

FINDINGS: Final = 1
STDIN: Final = "-"
_FORMATS: Final = {"json": reports_as_json, "sarif": reports_as_sarif}
_PATH = click.Path(exists=True, allow_dash=True, path_type=Path)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=_PATH)
@click.option(
    "--format", "form", type=click.Choice(["text", *_FORMATS]), default="text", show_default=True
)
def validate(paths: tuple[Path, ...], form: str) -> None:
    """Check submissions as the intake will.

    PATHS are documents, folders of documents (*.json, also further below), or - for standard
    input. Exit 1 if one would be refused.
    """
    reports = {name: report for path in paths for name, report in _reports(path)}
    if form == "text":
        _print(reports)
    else:
        click.echo(json.dumps(_FORMATS[form](reports), indent=2))
    if not all(report.accepted for report in reports.values()):
        raise SystemExit(FINDINGS)


def _reports(path: Path) -> Iterator[tuple[str, Report]]:
    if str(path) == STDIN:
        yield "<stdin>", validate_bytes(sys.stdin.buffer.read(MAXIMUM_BYTES + 1))
        return
    for file in _documents(path) if path.is_dir() else [path]:
        yield str(file), _report(file)


def _documents(folder: Path) -> list[Path]:
    """Return the documents below a folder, sorted; links to folders are not followed.

    Raises:
        UsageError: there is none.
    """
    found = [
        Path(where, name)
        for where, _, names in os.walk(folder)
        for name in names
        if name.endswith(".json") and not name.startswith(".")
    ]
    if not found:
        raise click.UsageError(f"no document (*.json) in {folder}")
    return sorted(found)


def _report(path: Path) -> Report:
    """Validate one file; that it cannot be read is a finding like any other."""
    try:
        if (size := path.stat().st_size) > MAXIMUM_BYTES:
            return Report("", (finding("HFB001", size=size, limit=MAXIMUM_BYTES),))
        return validate_bytes(path.read_bytes(), name=path.name)
    except OSError as error:
        return Report("", (finding("HFB091", name=path.name, obstacle=error.strerror),))


def _print(reports: dict[str, Report]) -> None:
    for name, report in reports.items():
        print_findings(printable(name), report)
    refused = sum(not report.accepted for report in reports.values())
    if len(reports) > 1:
        accepted = len(reports) - refused
        click.echo(f"{len(reports)} documents: {accepted} would be accepted, {refused} refused")
