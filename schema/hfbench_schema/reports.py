"""Findings and reports: what a validator says, worded by one message catalogue."""

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from hfbench_schema.canonical import strict_json

RULES_VERSION = 3
_LONGEST_VALUE = 200


@dataclass(frozen=True)
class Finding:
    """One breach of one rule: which, where (a JSON pointer), what, and how to mend it."""

    rule: str
    severity: str
    pointer: str
    message: str
    mend: str

    def __str__(self) -> str:
        where = f" at {self.pointer}" if self.pointer else ""
        return f"{self.rule} {self.severity}{where}: {self.message}. To mend it: {self.mend}."


@dataclass(frozen=True)
class Report:
    """All findings about one document; `sha256` is that of its bytes."""

    sha256: str
    findings: tuple[Finding, ...] = field(default=())

    @property
    def accepted(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity != "error" for finding in self.findings)


@cache
def message_catalogue() -> dict[str, dict[str, str]]:
    """Return severity, message template and mend of every rule, by id."""
    file = resources.files("hfbench_schema") / "messages.json"
    catalogue: dict[str, dict[str, str]] = strict_json(file.read_bytes())
    return catalogue


def finding(rule: str, pointer: str = "", **values: Any) -> Finding:
    """Word a finding from the catalogue; strangers' values are clipped and made printable.

    Raises:
        KeyError: the rule or a placeholder of its message is missing: a bug in the rule.
    """
    entry = message_catalogue()[rule]
    safe = {name: printable(value) for name, value in values.items()}
    message = entry["message"].format_map(safe)
    return Finding(rule, entry["severity"], printable(pointer), message, entry["mend"])


def printable(value: object) -> str:
    """Return a stranger's value as short text that is safe to print on a terminal."""
    text = str(value)
    clipped = text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in clipped)
