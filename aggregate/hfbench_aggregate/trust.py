"""Tiers of trust: what stands behind a submission beside the word of its submitter.

They are computed from who submitted it, as the store knows, from who else measured the same, and
from what the registry says of both; never from a field of a document. From the least to the most:

- `self-reported`: nothing else. What nobody has repeated is no worse for it.
- `corroborated`: another submitter measured the same.
- `attested`: the account belongs to automation whose provenance the registry states.
- `reproduced`: a maintainer, who is not its submitter, measured the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from hfbench_aggregate.corroboration import Corroboration
from hfbench_aggregate.tables import TrustedRow

SELF_REPORTED: Final = "self-reported"
CORROBORATED: Final = "corroborated"
ATTESTED: Final = "attested"
REPRODUCED: Final = "reproduced"
TIERS: Final = (SELF_REPORTED, CORROBORATED, ATTESTED, REPRODUCED)
"""From the least to the most; the most that holds is said."""


@dataclass(frozen=True)
class Trusted:
    """Which accounts vouch for submissions; by default none does.

    Attributes:
        maintainers: by measuring the same themselves.
        automation: by what they are: the provenance of each, for people.
    """

    maintainers: frozenset[str] = frozenset()
    automation: Mapping[str, str] = field(default_factory=dict)

    def row(self) -> TrustedRow:
        """Return what a release's manifest says of it."""
        return {"maintainers": sorted(self.maintainers), "automation": dict(self.automation)}


def tier(submitter: str, seen: Corroboration | None, trusted: Trusted) -> str:
    """Return the highest tier that holds for a submission."""
    holds = seen is not None and seen.holds
    if seen is not None and holds and seen.by_maintainer:
        return REPRODUCED
    if submitter in trusted.automation:
        return ATTESTED
    return CORROBORATED if holds else SELF_REPORTED
