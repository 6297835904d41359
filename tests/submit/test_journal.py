"""The journal survives whatever cuts it short, and refuses what somebody changed."""

from pathlib import Path

import pytest

from hfbench_schema.submission import ProcessRun
from hfbench_submit.errors import SubmitError
from hfbench_submit.sitting.journal import Journal, create_journal, open_journal


def process_run(block: int) -> ProcessRun:
    return {
        "cell": "a",
        "environment": 0,
        "block": block,
        "started_at": "2026-11-23T12:00:00Z",
        "wall_ns": 1,
        "status": "error",
        "reason": "none",
    }


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = create_journal(tmp_path / "journal.jsonl", {"seed": 7})
    journal.add_invocation("2026-11-23T12:00:00Z")
    for block in range(3):
        journal.add_process_run(process_run(block))
    return journal


def test_a_journal_reads_back(journal: Journal) -> None:
    assert open_journal(journal.path) == journal


def test_cut_off_at_any_byte_it_loses_at_most_the_last_line(journal: Journal) -> None:
    data = journal.path.read_bytes()
    for size in range(len(data)):
        journal.path.write_bytes(data[:size])
        whole_lines = data[:size].count(b"\n")
        found = open_journal(journal.path)
        if whole_lines == 0:
            assert found is None
            continue
        assert found is not None
        assert len(found.process_runs) == max(0, whole_lines - 2)
        found.add_process_run(process_run(9))
        again = open_journal(journal.path)
        assert again is not None
        assert again.process_runs == found.process_runs


def test_a_damaged_line_is_named(journal: Journal) -> None:
    lines = journal.path.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"process_run": oops}\n'
    journal.path.write_bytes(b"".join(lines))
    with pytest.raises(SubmitError, match="line 3 is damaged"):
        open_journal(journal.path)
    journal.path.write_bytes(b'{"invocation": "2026"}\n')
    with pytest.raises(SubmitError, match="no journal's header"):
        open_journal(journal.path)


def test_a_full_disk_is_one_clear_message() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(SubmitError, match=r"No space left on device.*repeat the same command"):
        create_journal(Path("/dev/full"), {"seed": 7})
