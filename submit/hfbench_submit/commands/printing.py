"""Submissions and findings on the terminal."""

import sys
import textwrap
from pathlib import Path

import click
from rich.console import Console

from hfbench_schema.canonical import strict_json
from hfbench_schema.reports import Report
from hfbench_schema.submission import Submission
from hfbench_submit.reporting.show import heading, reasons, submission_tables
from hfbench_submit.reporting.summary import summary


def print_submission(path: Path, report: Report) -> None:
    """Print a valid submission as tables, with the reasons of what was not measured."""
    submission: Submission = strict_json(path.read_bytes())
    click.echo(heading(submission, report.sha256) + "\n")
    console = Console(highlight=False, markup=False)
    for table in submission_tables(submission):
        console.print(table)
        click.echo()
    for text in (*reasons(submission), *map(str, report.findings)):
        click.echo(_wrapped(text, console.width))


def print_summary(path: Path) -> None:
    """Print what a sitting was worth: its noise, and what it could detect."""
    console = Console(highlight=False, markup=False)
    for line in summary(strict_json(path.read_bytes())):
        console.print(line)


def print_findings(name: str, report: Report) -> None:
    """Print the verdict on a document, and every finding; each in one line to a program."""
    click.echo(f"{name}: {_verdict(report)}")
    width = Console().width if sys.stdout.isatty() else sys.maxsize
    for found in report.findings:
        click.echo(_wrapped(str(found), width))


def _verdict(report: Report) -> str:
    if report.quarantined:
        return "accepted, to be counted once a maintainer has looked"
    return "accepted" if report.accepted else "refused"


def _wrapped(text: str, width: int) -> str:
    """Indent a sentence; cell ids and versions in it stay whole, to be copied."""
    return textwrap.fill(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
