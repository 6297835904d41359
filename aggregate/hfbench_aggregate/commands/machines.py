"""`hfbench-aggregate machines`: the machine keys of a store, and which of them may be one."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from hfbench_aggregate.commands.opened import STORE, opened

if TYPE_CHECKING:
    from hfbench_aggregate.tables import MachineRow


@click.command()
@STORE
def machines(address: str) -> None:
    """List the machines of a store by machine key, with their aliases.

    Keys that may be one machine, as their facts differ in spelling only, are named at the end. To
    let them count as one, say so in registry/hardware.json.
    """
    with opened(address) as store:
        from hfbench_aggregate.ledger import read_ledger
        from hfbench_aggregate.loading import accepted_submissions
        from hfbench_aggregate.machines import machine_rows
        from hfbench_aggregate.snapshot import newest

        snapshot = newest(store)
        rows = machine_rows(accepted_submissions(snapshot, read_ledger(snapshot)))
    click.echo("\n".join([*_listed(rows), *_candidates(rows)]))


def _listed(rows: "Sequence[MachineRow]") -> Iterator[str]:
    from hfbench_aggregate.wording import counted

    for row in rows:
        count = counted(len(row["submissions"]), "submission")
        yield f"{row['machine_key']}  {row['title']}, {count}"
        for alias in row.get("aliases", []):
            count = counted(len(alias["submissions"]), "submission")
            differing = ", ".join(alias["differing"]) or "its facts are those shown"
            yield f"  alias {alias['machine_key']}, {count}: {alias['reason']} ({differing})"


def _candidates(rows: "Sequence[MachineRow]") -> Iterator[str]:
    from hfbench_aggregate.lookalikes import lookalikes
    from hfbench_aggregate.machines import key_differences

    for a, b in lookalikes(rows):
        differing = ", ".join(key_differences(a["facts"], b["facts"]))
        yield f"{a['machine_key']} and {b['machine_key']} may be one machine: {differing}"
