"""What a request resolved to: which environment that is, how it is called, how it is installed."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from hfbench_schema.canonical import document_sha256
from hfbench_schema.submission import Source
from hfbench_submit.environments.cache import Built
from hfbench_submit.environments.pip import Resolved
from hfbench_submit.environments.requirements import Wanted

_LONGEST_LABEL = 100
_KEY_DIGITS = 16
_UNTOLD = {"tf-keras"}
"""Goes with TensorFlow, version by version: in a label it would only take room."""


@dataclass(frozen=True)
class Resolution:
    """The packages that make up an environment.

    Attributes:
        asked: all that was asked for.
        staged: what of it is not left to the base; local folders are copies.
        packages: what pip resolved it to, sorted by name, without what the base has.
        base: the base, or None if it is one.
    """

    asked: Sequence[Wanted]
    staged: Sequence[Wanted]
    packages: Sequence[Resolved]
    base: Built | None

    @property
    def key(self) -> str:
        """The name of the environment in the cache: the same packages, the same key."""
        return digest(
            {
                "python": sys.version,
                "base": self.base.folder if self.base else None,
                "packages": [[p.name, p.version, p.kind, p.content] for p in self.packages],
            }
        )

    @property
    def label(self) -> str:
        """What was asked for in few words, without paths: names, versions, contents."""
        names = {requirement.name for requirement in self.asked}
        unnamed = (p for p in self.packages if p.requested and p.source and p.name not in names)
        found = {p.name: p for p in self.packages}
        parts = [
            self._part(wanted, found.get(wanted.name) if wanted.name else next(unnamed, None))
            for wanted in self.asked
            if wanted.name not in _UNTOLD
        ]
        return "+".join(parts)[:_LONGEST_LABEL]

    @property
    def sources(self) -> dict[str, Source]:
        """Where packages came from that no index has; a layer's own hide those of its base."""
        sources = dict(self.base.sources) if self.base else {}
        for package in self.packages:
            sources.pop(package.name, None)
            if package.source is not None:
                sources[package.name] = package.source
        return dict(sorted(sources.items()))

    @property
    def requirements(self) -> list[str]:
        """Just these packages: what was asked for by place stays so, the rest is pinned."""
        asked = [requirement.text for requirement in self.staged if requirement.direct]
        rest = [p.requirement for p in self.packages if p.source is None or not p.requested]
        return asked + rest

    def _part(self, wanted: Wanted, own: Resolved | None) -> str:
        if not wanted.direct and wanted.identity:
            return wanted.text.replace("==", "-")
        name = own.name if own else wanted.name or "unnamed"
        version = own.version if own else (self.base.packages if self.base else {}).get(name, "")
        source = own.source if own else (self.base.sources if self.base else {}).get(name)
        content = f"@{source['content'][:12]}" if source else ""
        return f"{name}{wanted.extras}-{version}{content}"


def digest(value: object) -> str:
    """Return a short hash of a JSON value."""
    return document_sha256(value)[:_KEY_DIGITS]
