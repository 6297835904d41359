"""The index: the same numbers as from documents, by as little work as is new, whatever happens."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner
from tests.aggregate.conftest import NEW, OLD, Document, Maker
from tests.aggregate.engine.made_up_store import (
    CPUS,
    LAST_MONTH,
    from_documents,
    from_index,
    index_of,
    manifold,
    released,
    take,
)

from hfbench_aggregate.cli import main
from hfbench_aggregate.engine import index, update
from hfbench_aggregate.engine.manifest import Segment
from hfbench_aggregate.engine.partitions import RUNS
from hfbench_aggregate.engine.places import STORE_FILE
from hfbench_aggregate.engine.segments import SegmentFolder
from hfbench_aggregate.loading import Documents, Outline
from hfbench_aggregate.stores.store import StoreError

BY = ("--by", "Ada", "--reason", "the fan had failed")
BOTH = ("--baseline", f"transformers=={OLD}", "--candidate", f"transformers=={NEW}")


def call(*arguments: str | Path) -> str:
    result = CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect which documents are read from the store."""
    found: list[str] = []
    read_bytes, read_part = Documents.read_bytes, Documents.read_part

    def counted(self: Documents, sha256: str) -> bytes:
        found.append(sha256)
        return read_bytes(self, sha256)

    def counted_part(self: Documents, path: PurePosixPath) -> dict[str, bytes]:
        held = read_part(self, path)
        found.extend(held)
        return held

    monkeypatch.setattr(Documents, "read_bytes", counted)
    monkeypatch.setattr(Documents, "read_part", counted_part)
    return found


@pytest.fixture
def few_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let segments be merged when there are more than two."""
    monkeypatch.setattr(update, "MOST_SEGMENTS", 2)


def assert_same(folder: Path) -> None:
    """Releases from the index and from the documents must have the same bytes."""
    assert released(folder, from_index(folder)) == released(folder, from_documents(folder))


def sittings(maker: Maker, count: int) -> list[Document]:
    return [maker.document(process_runs=2, iterations=5) for _ in range(count)]


def on_machines(documents: list[Document]) -> list[Document]:
    for document, cpu in zip(documents, CPUS, strict=False):
        document["machine"]["cpu"]["name"] = cpu
    return documents


def test_a_release_has_the_same_bytes_as_from_documents(folder: Path, maker: Maker) -> None:
    documents = manifold(maker)
    take(folder, *documents[:3], moment=LAST_MONTH)
    assert_same(folder)
    take(folder, *documents[3:])
    assert_same(folder)
    call("compact", folder, "--before", "2026-12")
    assert_same(folder)
    shutil.rmtree(index_of(folder).folder)
    assert_same(folder)
    assert call("compare", folder, *BOTH) == call("compare", folder, *BOTH, "--executor", "threads")


def test_only_what_is_new_is_read(folder: Path, maker: Maker, reads: list[str]) -> None:
    first = take(folder, *sittings(maker, 3))
    from_index(folder)
    assert sorted(reads) == sorted(first)
    reads.clear()
    released(folder, from_index(folder))
    call("compare", folder, *BOTH)
    assert reads == []
    (second,) = take(folder, *sittings(maker, 1))
    reads.clear()
    released(folder, from_index(folder))
    assert reads == [second]
    (moved,) = take(folder, *sittings(maker, 1), moment=LAST_MONTH.replace(year=2027))
    call("compact", folder, "--before", "2028-01")
    reads.clear()
    from_index(folder)
    assert moved in reads  # with the others of its part
    reads.clear()
    from_index(folder)
    assert reads == []


def test_a_release_reads_the_index_machine_by_machine(
    folder: Path, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not submission by submission, although these come from machine after machine."""
    for _ in range(6):
        take(folder, *on_machines(sittings(maker, 3)))
    opened: list[str] = []
    read = SegmentFolder.read

    def counted(self: SegmentFolder, segment: Segment, file: str) -> bytes:
        opened.append(file)
        return read(self, segment, file)

    monkeypatch.setattr(index, "BUCKETS_KEPT", 1)
    monkeypatch.setattr(SegmentFolder, "read", counted)
    from_index(folder)
    assert RUNS not in opened
    released(folder, from_index(folder))
    assert opened.count(RUNS) <= 5 * len(CPUS)


def test_process_runs_are_read_from_the_store_if_somebody_asks(
    folder: Path, maker: Maker, reads: list[str]
) -> None:
    (name,) = take(folder, *sittings(maker, 1))
    (indexed,), (direct,) = from_index(folder), from_documents(folder)
    reads.clear()
    assert isinstance(indexed.document, Outline)
    assert {**indexed.document, "process_runs": []} == {**direct.document, "process_runs": []}
    assert reads == []
    assert indexed.document["process_runs"] == direct.document["process_runs"]
    assert reads == [name]
    with pytest.raises(KeyError):
        indexed.document["no such field"]


def test_what_is_retracted_stays_and_what_is_erased_goes(
    folder: Path, maker: Maker, reads: list[str]
) -> None:
    one, two, three = sorted(take(folder, *sittings(maker, 3)))
    from_index(folder)
    reads.clear()
    call("ledger", "retract", folder, one, *BY)
    assert [each.sha256 for each in from_index(folder)] == [two, three]
    call("ledger", "release", folder, one, *BY)
    assert [each.sha256 for each in from_index(folder)] == [one, two, three]
    assert reads == []
    call("ledger", "erase", folder, two, *BY)
    assert [each.sha256 for each in from_index(folder)] == [one, three]
    held = [path.read_bytes() for path in index_of(folder).folder.rglob("*.parquet")]
    assert not any(two.encode() in data for data in held)
    assert_same(folder)
    for name in (one, three):
        call("ledger", "erase", folder, name, *BY)
    with pytest.raises(StoreError, match="holds no accepted submission"):
        from_index(folder)
    assert not list(index_of(folder).folder.rglob("*.parquet"))


@pytest.mark.usefixtures("few_segments")
def test_many_small_segments_become_few(folder: Path, maker: Maker) -> None:
    for document in sittings(maker, 10):
        take(folder, document)
        index_of(folder).submissions()
    with sqlite3.connect(index_of(folder).folder / "manifest.sqlite") as manifest:
        levels = [level for (level,) in manifest.execute("SELECT level FROM segments")]
    manifest.close()
    assert len(levels) <= 5
    assert max(levels) == 2
    assert_same(folder)


def test_another_reducer_reads_its_own_iterations(
    folder: Path, maker: Maker, reads: list[str]
) -> None:
    take(folder, *manifold(maker))
    wanted = released(folder, from_index(folder))
    with sqlite3.connect(index_of(folder).folder / "manifest.sqlite") as manifest:
        manifest.execute("UPDATE segments SET reducer = 0, digests = replace(digests, '-1', '-0')")
    manifest.close()
    for path in index_of(folder).folder.rglob("reduced-1.parquet"):
        path.unlink()
    reads.clear()
    assert released(folder, from_index(folder)) == wanted
    assert reads == []


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("*/*/submissions.parquet", _flipped),
        ("*/*/runs.parquet", _flipped),
        ("*/*/reduced-1.parquet", Path.unlink),
        ("*/*/runs.parquet", lambda path: path.write_bytes(b"")),
        ("*/*", shutil.rmtree),
        ("manifest.sqlite", lambda path: path.write_bytes(b"no database")),
        ("manifest.sqlite", lambda path: path.write_bytes(path.read_bytes()[:5000])),
    ],
)
def test_what_is_damaged_is_noticed_and_made_anew(
    folder: Path,
    maker: Maker,
    capsys: pytest.CaptureFixture[str],
    pattern: str,
    damage: Callable[[Path], object],
) -> None:
    take(folder, *on_machines(sittings(maker, 3)))
    from_index(folder)
    for path in sorted(index_of(folder).folder.glob(pattern)):
        damage(path)
    capsys.readouterr()
    assert_same(folder)
    assert "damaged" in capsys.readouterr().err
    assert_same(folder)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("few_segments")
def test_damaged_iterations_are_noticed_when_they_are_merged(
    folder: Path, maker: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *rest = sittings(maker, 3)
    take(folder, first)
    index_of(folder).submissions()
    (samples,) = index_of(folder).folder.rglob("samples.parquet")
    _flipped(samples)
    for document in rest:
        take(folder, document)
        index_of(folder).submissions()
    assert "samples.parquet" not in capsys.readouterr().out
    assert_same(folder)


def _killed_at(step: int, folder: Path) -> None:
    """Bring the index up to date, and be killed at the step-th file operation of it."""

    def count(event: str, _: object) -> None:
        nonlocal step
        if event in {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.utime"}:
            step -= 1
            if not step:
                os.kill(os.getpid(), signal.SIGKILL)

    update.MOST_SEGMENTS = 2  # type: ignore[misc]
    held = index_of(folder)
    sys.addaudithook(count)
    held.submissions()
    os._exit(0)


@pytest.mark.usefixtures("few_segments")
def test_killed_at_any_operation_it_goes_on(folder: Path, maker: Maker) -> None:
    """Three updates, the last of which merges; each is killed at every third operation."""
    for place, document in enumerate(sittings(maker, 3)):
        take(folder, document)
        for step in range(1 + place, 1000, 3):
            if not (child := os.fork()):
                _killed_at(step, folder)
            if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
                break
        assert step > 5
    assert_same(folder)


def test_two_at_once_take_in_once(folder: Path, maker: Maker) -> None:
    names = take(folder, *sittings(maker, 6))
    program = "from hfbench_aggregate.cli import main; main()"
    command = [sys.executable, "-c", program, "compare", str(folder), *BOTH]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0] == outputs[1]
    assert sorted(index_of(folder).submissions()) == sorted(names)
    assert len(list(index_of(folder).folder.rglob("samples.parquet"))) == 1


def test_a_missing_document_is_named_although_the_index_has_it(folder: Path, maker: Maker) -> None:
    name, _ = take(folder, *sittings(maker, 2))
    from_index(folder)
    (path,) = folder.rglob(f"{name}.json")
    path.unlink()
    with pytest.raises(StoreError, match=f"{name} was accepted and is missing"):
        from_index(folder)


def test_indexes_of_stores_that_are_gone_go_too(
    folder: Path, maker: Maker, tmp_path: Path, cache: Path
) -> None:
    take(folder, *sittings(maker, 1))
    from_index(folder)
    shutil.copytree(folder, other := tmp_path / "other")
    from_index(other)
    assert {(one / STORE_FILE).read_text().strip() for one in cache.iterdir()} == {
        str(folder),
        str(other),
    }
    folder.rename(third := tmp_path / "third")
    from_index(third)
    assert {(one / STORE_FILE).read_text().strip() for one in cache.iterdir()} == {
        str(other),
        str(third),
    }


def test_a_cache_that_cannot_be_written_is_explained(
    folder: Path, maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(folder, *sittings(maker, 1))
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HFBENCH_CACHE", str(tmp_path / "file"))
    result = CliRunner().invoke(main, ["compare", str(folder), *BOTH])
    assert result.exit_code == 2
    assert "name another folder in HFBENCH_CACHE" in result.output
