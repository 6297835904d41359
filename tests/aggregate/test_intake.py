"""Intake: every proposal decided once, whatever its bytes, and whenever it is killed."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.aggregate.conftest import Maker, propose

from hfbench_aggregate.intake import Intake, take_in
from hfbench_aggregate.ledger import LedgerError, read_ledger
from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.stores.local import LocalStore
from hfbench_aggregate.verification import verify_store
from hfbench_schema.canonical import canonical_bytes, sha256_hex

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


ENDINGS = (".json", ".txt")


def take(folder: Path, moment: datetime = NOW) -> Intake:
    return take_in(LocalStore(folder), lambda: moment)


def outcomes(intake: Intake) -> dict[str, str]:
    return {decision.name: decision.outcome for decision in intake.decisions}


def waiting(folder: Path) -> list[str]:
    return [path.name for path in (folder / "proposals").iterdir()]


def drop(folder: Path, name: str, data: bytes) -> None:
    (folder / "proposals" / name).write_bytes(data)


def test_good_edited_truncated_hostile_and_second_documents(folder: Path, maker: Maker) -> None:
    document = maker.document()
    good = propose(folder, document)
    data = canonical_bytes(document)
    drop(folder, f"{'e' * 64}.json", data.replace(b"4.57.6", b"4.57.7"))
    drop(folder, "cut.json", data[: len(data) // 2])
    drop(folder, "evil\x1b[2J\n.json", b"[" * 100_000)
    os.mkfifo(folder / "proposals" / "pipe")
    (folder / "proposals" / "link.json").symlink_to("/etc/passwd")
    (folder / "proposals" / "nested" / "deep").mkdir(parents=True)
    huge = folder / "proposals" / "huge.json"
    huge.touch()
    os.truncate(huge, 9 * 2**20)
    result = take(folder)
    assert Counter(outcomes(result).values()) == {"accepted": 1, "refused": 7}
    assert outcomes(result)[f"{good}.json"] == "accepted"
    assert (folder / "submissions" / "2026-11" / good[:2] / f"{good}.json").read_bytes() == data
    assert waiting(folder) == []
    edited = next(d for d in result.decisions if d.name.startswith("eee"))
    text = (folder / "refused" / f"{edited.report.sha256}.txt").read_text()
    assert "HFB006" in text
    assert "To mend it" in text
    kept = folder / "refused" / f"{edited.report.sha256}.json"
    assert sha256_hex(kept.read_bytes()) == edited.report.sha256
    links = [path for path in (folder / "refused").iterdir() if path.is_symlink()]
    assert [str(link.readlink()) for link in links] == ["/etc/passwd"]
    assert all(text.isprintable() for text in read_all_reports(folder))
    assert verify_store(newest(LocalStore(folder))).problems == []


def read_all_reports(folder: Path) -> list[str]:
    texts = [path.read_text() for path in (folder / "refused").glob("*.txt")]
    return [line for text in texts for line in text.splitlines()]


def test_the_same_document_again_is_harmless(folder: Path, maker: Maker) -> None:
    document = maker.document()
    for expected in ("accepted", "known", "known"):
        sha256 = propose(folder, document)
        assert outcomes(take(folder)) == {f"{sha256}.json": expected}
    assert len(read_ledger(newest(LocalStore(folder))).entries) == 1
    assert waiting(folder) == []


def test_a_document_that_went_missing_is_restored_by_proposing_it(
    folder: Path, maker: Maker
) -> None:
    document = maker.document()
    sha256 = propose(folder, document)
    take(folder)
    stored = newest(LocalStore(folder)).submissions()[sha256]
    (folder / stored).unlink()
    propose(folder, document)
    assert outcomes(take(folder)) == {f"{sha256}.json": "known"}
    assert (folder / stored).read_bytes() == canonical_bytes(document)
    assert verify_store(newest(LocalStore(folder))).problems == []


def test_a_crash_at_the_turn_of_the_month_leaves_one_document(folder: Path, maker: Maker) -> None:
    document = maker.document()
    sha256 = propose(folder, document)
    before = folder / "submissions" / "2026-10" / sha256[:2] / f"{sha256}.json"
    before.parent.mkdir(parents=True)
    before.write_bytes(canonical_bytes(document))
    take(folder)
    assert list((folder / "submissions").rglob("*.json")) == [before]
    assert verify_store(newest(LocalStore(folder))).problems == []


def test_a_full_disk_is_one_message_and_loses_nothing(folder: Path, maker: Maker) -> None:
    sha256 = propose(folder, maker.document())
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "from hfbench_aggregate.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "intake", str(folder)]
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert failed.stderr.startswith("Error: ")
    assert "run the same command again" in failed.stderr
    assert waiting(folder) == [f"{sha256}.json"]
    assert outcomes(take(folder)) == {f"{sha256}.json": "accepted"}
    assert verify_store(newest(LocalStore(folder))).problems == []


def test_a_sitting_is_accepted_once(folder: Path, maker: Maker) -> None:
    first, second = maker.document(), maker.document()
    propose(folder, first)
    take(folder)
    second["sitting"]["id"] = first["sitting"]["id"]
    propose(folder, second)
    (decision,) = take(folder).decisions
    assert decision.outcome == "refused"
    assert decision.report.findings[-1].rule == "HFB092"


def test_times_of_another_submission_are_looked_at(folder: Path, maker: Maker) -> None:
    first, second = maker.document(), maker.document()
    propose(folder, first)
    take(folder)
    for mine, theirs in zip(second["process_runs"], first["process_runs"], strict=True):
        warmup = mine["warmup_iterations"] = theirs["warmup_iterations"]
        times = theirs["iterations_ns"]
        mine["iterations_ns"] = times[:warmup] + [time + 5 for time in times[: warmup - 1 : -1]]
    propose(folder, second)
    (decision,) = take(folder).decisions
    assert decision.outcome == "quarantined"
    assert {found.rule for found in decision.report.findings} == {"HFB104"}


def test_a_refused_document_may_be_accepted_later(folder: Path, maker: Maker) -> None:
    sha256 = propose(folder, maker.document())
    early = datetime(2026, 10, 1, tzinfo=UTC)  # the sitting lies in the future then
    assert outcomes(take(folder, early)) == {f"{sha256}.json": "refused"}
    (folder / "refused" / f"{sha256}.json").rename(folder / "proposals" / f"{sha256}.json")
    assert outcomes(take(folder)) == {f"{sha256}.json": "accepted"}
    assert len(read_ledger(newest(LocalStore(folder))).entries) == 2
    assert len(list((folder / "ledger").iterdir())) == 2
    assert verify_store(newest(LocalStore(folder))).problems == []


KILL = """
import os, shutil, signal, sys
from pathlib import Path
from hfbench_aggregate.intake import take_in
from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.stores.local import LocalStore

OPERATIONS = ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate")

def intake_killed_at(step, folder):
    def count(event, args):
        nonlocal step
        if event in OPERATIONS and str(folder) in str(args[0]):
            step -= 1
            if not step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    take_in(LocalStore(folder))
    os._exit(0)

take_in(LocalStore(Path(sys.argv[2])))  # so that nothing is imported for the first time below
killed, step = True, 0
while killed:
    step += 1
    folder = Path(f"{sys.argv[1]}-killed-at-{step:03}")
    shutil.copytree(sys.argv[1], folder)
    child = os.fork()
    if not child:
        intake_killed_at(step, folder)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    killed = status != 0
"""


def test_killed_at_every_file_operation_it_loses_and_doubles_nothing(
    folder: Path, maker: Maker, tmp_path: Path
) -> None:
    """An intake killed at its first file operation, one at its second, and so on to its end."""
    good = [propose(folder, maker.document(process_runs=2)) for _ in range(2)]
    broken = [b"1", b"{}"]
    for number, data in enumerate(broken):
        drop(folder, f"{number}.json", data)
    other = tmp_path / "other"
    propose(other, maker.document(process_runs=2))
    subprocess.run([sys.executable, "-c", KILL, str(folder), str(other)], check=True)
    stores = sorted(tmp_path.glob("store-killed-at-*"))
    assert len(stores) > 30
    for store in stores:
        take(store)
        check_settled(store, good, [sha256_hex(data) for data in broken])


def check_settled(folder: Path, accepted: list[str], refused: list[str]) -> None:
    """Every document has one entry and lies in one place, and nothing else is there."""
    assert waiting(folder) == []
    files = [path.name for path in (folder / "submissions").rglob("*") if path.is_file()]
    assert sorted(files) == sorted(f"{sha256}.json" for sha256 in accepted)
    files = [path.name for path in (folder / "refused").iterdir()]
    assert sorted(files) == sorted(f"{sha256}{end}" for sha256 in refused for end in ENDINGS)
    entries = [(e["event"], e["sha256"]) for e in read_ledger(newest(LocalStore(folder))).entries]
    decided = [("accepted", sha256) for sha256 in accepted]
    assert sorted(entries) == sorted(decided + [("refused", sha256) for sha256 in refused])
    assert verify_store(newest(LocalStore(folder))).problems == []


def test_two_intakes_at_once(folder: Path, maker: Maker) -> None:
    good = [propose(folder, maker.document(process_runs=2)) for _ in range(8)]
    program = "from hfbench_aggregate.cli import main; main()"
    command = [sys.executable, "-c", program, "intake", str(folder)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(output.count("accepted: ") for output in outputs) == len(good)
    assert sorted(newest(LocalStore(folder)).submissions()) == sorted(good)
    assert len(read_ledger(newest(LocalStore(folder))).entries) == len(good)
    assert verify_store(newest(LocalStore(folder))).problems == []


def test_a_torn_last_line_is_mended_by_the_next_intake(folder: Path, maker: Maker) -> None:
    propose(folder, maker.document())
    take(folder)
    second = propose(folder, maker.document())
    ledger = folder / "ledger" / "2026-11.jsonl"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + b'{"at":"2026-')
    (problem,) = [p for p in verify_store(newest(LocalStore(folder))).problems if "ledger" in p]
    assert "torn" in problem
    result = take(folder)
    assert ["torn" in note for note in result.notes] == [True]
    assert ledger.read_bytes().startswith(whole)
    assert read_ledger(newest(LocalStore(folder))).entries[-1]["sha256"] == second
    assert verify_store(newest(LocalStore(folder))).problems == []


def edit(entry: dict[str, Any]) -> None:
    entry["submitter"] = "another"


def renumber(entry: dict[str, Any]) -> None:
    entry["seq"] += 1


def add_field(entry: dict[str, Any]) -> None:
    entry["note"] = ""


@pytest.mark.parametrize(
    ("change", "named"), [(edit, "line 3"), (renumber, "line 2"), (add_field, "line 2")]
)
def test_a_changed_line_breaks_the_chain(
    folder: Path, maker: Maker, change: Callable[[dict[str, Any]], None], named: str
) -> None:
    for _ in range(3):
        propose(folder, maker.document(process_runs=2))
    take(folder)
    ledger = folder / "ledger" / "2026-11.jsonl"
    lines = ledger.read_bytes().splitlines()
    entry = json.loads(lines[1])
    change(entry)
    lines[1] = canonical_bytes(entry)
    ledger.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(LedgerError, match=rf"ledger/2026-11.jsonl {named} .*To mend it"):
        read_ledger(newest(LocalStore(folder)))
    with pytest.raises(LedgerError):
        take(folder)
    (problem,) = verify_store(newest(LocalStore(folder))).problems
    assert named in problem


def test_a_dropped_line_breaks_the_chain_over_months(folder: Path, maker: Maker) -> None:
    for month in (11, 12):
        propose(folder, maker.document())
        take(folder, datetime(2026, month, 28, tzinfo=UTC))
    assert len(read_ledger(newest(LocalStore(folder))).entries) == 2
    (folder / "ledger" / "2026-11.jsonl").unlink()
    with pytest.raises(LedgerError, match=r"2026-12.jsonl line 1 does not follow"):
        read_ledger(newest(LocalStore(folder)))


def test_a_clock_set_back_does_not_disorder_the_ledger(folder: Path, maker: Maker) -> None:
    for month in (12, 11):
        propose(folder, maker.document())
        take(folder, datetime(2026, month, 28, tzinfo=UTC))
    moments = [entry["at"] for entry in read_ledger(newest(LocalStore(folder))).entries]
    assert moments == ["2026-12-28T00:00:00Z"] * 2
