"""Releases that were frozen: they rebuild byte for byte, or are told to be of another method."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.aggregate.test_compare_and_release import call
from tests.frozen.stores import frozen_methods, unpacked

from hfbench_aggregate import manifest
from hfbench_aggregate.manifest import METHOD_VERSION, present_libraries
from hfbench_aggregate.published import read_published
from hfbench_aggregate.rebuilding import Rebuilt, rebuild
from hfbench_aggregate.snapshot import Snapshot, newest
from hfbench_aggregate.statistics import verdict
from hfbench_aggregate.stores.local import LocalStore

FREEZE = "freeze its releases beside the older ones: python -m benchmarks.frozen_release"


needs_frozen = pytest.mark.skipif(
    METHOD_VERSION not in frozen_methods(), reason=f"method {METHOD_VERSION} is new; {FREEZE}"
)


def frozen(method: str, folder: Path) -> Snapshot:
    return newest(LocalStore(unpacked(method, folder)))


def test_each_method_has_its_frozen_releases() -> None:
    assert frozen_methods()[-1] == METHOD_VERSION, f"method {METHOD_VERSION} is new; {FREEZE}"


@needs_frozen
def test_frozen_releases_are_made_again_byte_for_byte(tmp_path: Path) -> None:
    snapshot = frozen(METHOD_VERSION, tmp_path)
    versions = snapshot.releases()
    assert len(versions) == 2
    for version in versions:
        found = rebuild(snapshot, version)
        assert _real(found, snapshot, version) == {}, (
            f"release {version} is not made any more as it was frozen: {'; '.join(found.reasons)}. "
            f"Where that is a fault, mend it; where it is meant, raise METHOD_VERSION and {FREEZE}"
        )


def _real(found: Rebuilt, snapshot: Snapshot, version: str) -> Mapping[str, str]:
    """Leave out how another version of pyarrow writes the same rows: it signs its files."""
    written = read_published(snapshot, version).manifest["libraries"]["pyarrow"]
    if written == present_libraries()["pyarrow"]:
        return found.differing
    parquet = {name for name in found.differing if name.endswith(".parquet")}
    return {
        name: how
        for name, how in found.differing.items()
        if name not in parquet | {"manifest.json"}
    }


@pytest.mark.parametrize("method", frozen_methods())
def test_a_release_of_another_method_is_refused_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """The method here is another one than any: later ones will find older releases like that."""
    monkeypatch.setattr(manifest, "METHOD_VERSION", "a-later-one")
    snapshot = frozen(method, tmp_path)
    for version in snapshot.releases():
        told = call("rebuild", tmp_path, version)
        assert told.exit_code == 1
        assert "differs: manifest.json" in told.output
        assert f"made by another method (then / now): method {method} / a-later-one" in told.output
    assert call("verify", tmp_path).exit_code == 0


@needs_frozen
def test_another_build_of_the_same_version_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = frozen(frozen_methods()[-1], tmp_path)
    (version, _) = snapshot.releases()
    then = read_published(snapshot, version).manifest["libraries"]
    monkeypatch.setattr(manifest, "present_libraries", lambda: then)
    libraries: dict[str, Any] = {**then, manifest.SOURCE: "0123456789ab"}
    monkeypatch.setattr("hfbench_aggregate.rebuilding.present_libraries", lambda: libraries)
    monkeypatch.setattr(verdict, "ALPHA", 0.5)  # a change that nobody raised METHOD_VERSION for
    told = call("rebuild", tmp_path, version).output
    assert "differs: comparisons.json" in told
    assert "made by another build of this version of hfbench (then / now)" in told
    assert f"hfbench source {then[manifest.SOURCE]} / 0123456789ab. To make sure" in told
    libraries[manifest.SOURCE] = then[manifest.SOURCE]
    assert "this very build of hfbench" in call("rebuild", tmp_path, version).output


def test_parquet_in_a_frozen_release_holds_what_it_held(tmp_path: Path) -> None:
    """Whatever version of pyarrow reads it, and whatever method is here."""
    for method in frozen_methods():
        snapshot = frozen(method, tmp_path / method)
        for version in snapshot.releases():
            release = read_published(snapshot, version)
            rows = pq.read_table(io.BytesIO(release.read("findings.parquet"))).to_pylist()
            assert rows == release.table("findings.json") != []
