"""Findings and reports: what a validator says, worded by one message catalogue."""

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

from hfbench_schema.canonical import strict_json

RULES_VERSION = 6
ERROR: Final = "error"
QUARANTINE: Final = "quarantine"
"""Stored, but counted only once a maintainer has looked: it may be true, and cannot be shown."""
_LONGEST_VALUE = 200


@dataclass(frozen=True)
class Rule:
    """One entry of the catalogue: what a rule says when it is broken, and what it is for.

    `severity` is `error`, `quarantine` or `warning`; `since` the first version of the rules that
    has it.
    """

    id: str
    group: str
    severity: str
    since: int
    message: str
    mend: str
    why: str

    @property
    def page(self) -> str:
        """Where it is documented, from the root of the source."""
        return f"docs/rules/{self.id}.md"


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
        return all(finding.severity != ERROR for finding in self.findings)

    @property
    def quarantined(self) -> bool:
        """Whether it is accepted, but not to be counted until a maintainer has looked."""
        return self.accepted and any(found.severity == QUARANTINE for found in self.findings)


@cache
def message_catalogue() -> dict[str, Rule]:
    """Return every rule, by id, in their order."""
    file = resources.files("hfbench_schema") / "messages.json"
    return {name: Rule(name, **entry) for name, entry in strict_json(file.read_bytes()).items()}


def finding(rule: str, pointer: str = "", **values: Any) -> Finding:
    """Word a finding from the catalogue; strangers' values are clipped and made printable.

    Raises:
        KeyError: the rule or a placeholder of its message is missing: a bug in the rule.
    """
    entry = message_catalogue()[rule]
    safe = {name: printable(value) for name, value in values.items()}
    message = entry.message.format_map(safe)
    return Finding(rule, entry.severity, printable(pointer), message, entry.mend)


def printable(value: object) -> str:
    """Return a stranger's value as short text that is safe to print on a terminal."""
    text = str(value)
    clipped = text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in clipped)
