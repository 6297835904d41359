"""Reports as data: JSON of hfbench's own, and SARIF 2.1.0, which code hosts and editors show."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from hfbench_schema import __version__
from hfbench_schema.reports import RULES_VERSION, Finding, Report, Rule, message_catalogue

REPORTS_SCHEMA: Final = "urn:hfbench:schema:validation:1"
SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"error": "error", "quarantine": "warning", "warning": "note"}


def reports_as_json(reports: Mapping[str, Report]) -> dict[str, Any]:
    """Return reports, by the name of what each is about, as one JSON object."""
    return {
        "schema": REPORTS_SCHEMA,
        "rules_version": RULES_VERSION,
        "documents": [_document(name, report) for name, report in reports.items()],
    }


def findings_as_json(report: Report) -> list[dict[str, Any]]:
    """Return the findings of one report as JSON objects."""
    return [_finding(found) for found in report.findings]


def reports_as_sarif(reports: Mapping[str, Report]) -> dict[str, Any]:
    """Return reports, by path relative to where they are read, as one SARIF log with one run."""
    rules = list(message_catalogue().values())
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    driver = {"name": "hfbench", "version": __version__, "rules": [_sarif_rule(r) for r in rules]}
    results = [
        _sarif_result(name, found, numbers[found.rule])
        for name, report in reports.items()
        for found in report.findings
    ]
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _document(name: str, report: Report) -> dict[str, Any]:
    return {
        "path": name,
        "sha256": report.sha256,
        "accepted": report.accepted,
        "quarantined": report.quarantined,
        "findings": findings_as_json(report),
    }


def _finding(found: Finding) -> dict[str, Any]:
    rule = message_catalogue()[found.rule]
    return {
        "rule": found.rule,
        "group": rule.group,
        "severity": found.severity,
        "pointer": found.pointer,
        "message": found.message,
        "mend": found.mend,
        "page": rule.page,
    }


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.message},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"To mend it: {rule.mend}. See {rule.page}."},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"group": rule.group, "since": rule.since},
    }


def _sarif_result(name: str, found: Finding, number: int) -> dict[str, Any]:
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": {"uri": quote(name)}}}
    if found.pointer:
        location["logicalLocations"] = [{"fullyQualifiedName": found.pointer}]
    return {
        "ruleId": found.rule,
        "ruleIndex": number,
        "level": _LEVELS[found.severity],
        "message": {"text": f"{found.message}. To mend it: {found.mend}."},
        "locations": [location],
    }
