"""Stores by their address, as people write it."""

import re
from pathlib import Path
from typing import Final

from hfbench_aggregate.stores.local import LocalStore
from hfbench_aggregate.stores.store import Store, StoreError

_DATASET: Final = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)/?", re.ASCII)


def open_store(address: str) -> Store:
    """Open the store in a folder, or in a dataset on the Hub (`hf://datasets/ORG/NAME`).

    The Hub's endpoint and the token are those that `huggingface_hub` finds.

    Raises:
        StoreError: the address is none, or there is no store.
    """
    if found := _DATASET.fullmatch(address):
        # Here, so that whoever has a folder does not load the Hub's client.
        from hfbench_aggregate.stores.hub import HubStore

        return HubStore(found[1])
    if re.match(r"hf:|\w+:/", address):
        raise StoreError(
            f"{address} is no address of a store: give a folder, or a dataset on the Hub as "
            f"hf://datasets/ORG/NAME"
        )
    return LocalStore(Path(address))
