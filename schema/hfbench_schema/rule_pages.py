"""The documentation of the rules: one page each, made from the catalogue and nothing else.

python -m hfbench_schema.rule_pages docs/rules
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hfbench_schema.files import write_atomically
from hfbench_schema.reports import RULES_VERSION, Rule, message_catalogue

GROUPS: Final = {
    "bytes": "What the bytes are, before they mean anything",
    "schema": "What may stand where",
    "identity": "What was measured, in which suite, cell and environment",
    "time": "Moments and durations that fit together",
    "samples": "Enough measurements, each made once",
    "physics": "What a machine can do",
    "correctness": "Right answers, not only fast ones",
    "environment": "What a result is compared by",
    "privacy": "What must not be published",
    "repository": "What intake looks at beyond the document",
}
SEVERITIES: Final = {
    "error": "The document is refused.",
    "quarantine": "The document is stored, and counted only once a maintainer has released it.",
    "warning": "The document is accepted, and readers see the remark.",
}


def pages() -> dict[str, str]:
    """Return the text of every page, by file name; `README.md` lists them."""
    rules = message_catalogue().values()
    return {"README.md": _index(), **{f"{rule.id}.md": _page(rule) for rule in rules}}


def _page(rule: Rule) -> str:
    severity = f"**{rule.severity}** ({rule.group}): {SEVERITIES[rule.severity]}"
    parts = [f"# {rule.id}", severity, f"> {_worded(rule.message)}", f"## Why\n\n{rule.why}"]
    parts.append(f"## To mend it\n\n{rule.mend[0].upper()}{rule.mend[1:]}.")
    parts.append(f"In the rules since version {rule.since}. [All rules](README.md)")
    return "\n\n".join(parts) + "\n"


def _index() -> str:
    heading = (
        f"# The rules of a submission\n\nVersion {RULES_VERSION}, made from the catalogue by "
        f"`make rules`. A later version never changes what an earlier one decided."
    )
    return "\n\n".join([heading, *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    for group, title in GROUPS.items():
        rules = [rule for rule in message_catalogue().values() if rule.group == group]
        rows = [f"| [{r.id}]({r.id}.md) | {r.severity} | {_worded(r.message)} |" for r in rules]
        yield "\n".join([f"## {title}\n", "| rule | severity | says |", "|---|---|---|", *rows])


def _worded(message: str) -> str:
    """Return a message with its placeholders set apart: `{count}` becomes *count*."""
    return re.sub(r"{(\w+)}", lambda found: f"*{found[1].replace('_', ' ')}*", message)


def main() -> None:
    """Write all pages into the folder that the command line names, and remove others there."""
    (folder,) = map(Path, sys.argv[1:])
    written = pages()
    for name, text in written.items():
        write_atomically(folder / name, text.encode())
    for path in folder.glob("*.md"):
        if path.name not in written:
            path.unlink()


if __name__ == "__main__":
    main()
