"""Publishing that was cut off between a release and its tag is completed by the next."""

from pathlib import Path

import pytest
from tests.aggregate.conftest import Maker
from tests.aggregate.places import Dataset, Folder, Place
from tests.hub import fixtures
from tests.hub.faults import status
from tests.hub.fixtures import RESULTS, uploads_large_files
from tests.hub.state import Hub

from hfbench_aggregate.intake import take_in
from hfbench_aggregate.publication import publish
from hfbench_aggregate.stores.store import StoreError
from hfbench_schema.canonical import canonical_bytes, sha256_hex
from hfbench_schema.tree import RELEASES

hub = fixtures.hub


def take_one_in(place: Place, maker: Maker) -> None:
    data = canonical_bytes(maker.document(process_runs=3))
    place.propose(f"{sha256_hex(data)}.json", data)
    (decision,) = take_in(place.open()).decisions
    assert decision.outcome == "accepted"


@uploads_large_files
@pytest.mark.parametrize("changed", [False, True], ids=["nothing new", "a new release"])
def test_on_the_hub_the_tag_names_the_commit_of_the_release(
    hub: Hub, maker: Maker, changed: bool
) -> None:
    place = Dataset(hub)
    take_one_in(place, maker)
    hub.faults.nth(1, "POST", "/tag/", status(403))
    with pytest.raises(StoreError, match="does not let this token do that"):
        publish(place.open())
    released = hub.head(RESULTS)
    store = place.open()
    (name,) = {path.parent.name for path in store.files(RELEASES, store.head())}
    assert store.tagged(name) is None
    place.fill({"registry/note.txt": b"something else"})
    if changed:
        take_one_in(place, maker)
    publication = publish(store)
    assert publication.new == changed
    assert store.tagged(name) == released
    assert store.tagged(publication.version) == (hub.head(RESULTS) if changed else released)


def test_in_a_folder_it_names_a_revision_that_holds_the_release(folder: Path, maker: Maker) -> None:
    place = Folder(folder)
    take_one_in(place, maker)
    store = place.open()
    version = publish(store).version
    tag = folder / "tags" / version
    tag.unlink()  # as if killed before it was made
    take_one_in(place, maker)
    held = store.head()
    assert publish(place.open()).version != version
    assert store.tagged(version) == held
    tag.unlink()
    publish(place.open())
    assert not tag.exists()  # only the last release can lack its tag
