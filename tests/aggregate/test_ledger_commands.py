"""What maintainers decide later, and what is counted then: by the command line, as they do."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.aggregate.conftest import Document, Maker, propose

from hfbench_aggregate.cli import main
from hfbench_aggregate.intake import take_in
from hfbench_aggregate.ledger import read_ledger
from hfbench_aggregate.loading import Documents
from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.stores.local import LocalStore

LAST_MONTH = datetime(2026, 11, 28, tzinfo=UTC)
NOW = datetime(2026, 12, 10, tzinfo=UTC)
BY = ["--by", "Ada", "--reason", "the fan had failed"]


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)


def counted(folder: Path) -> set[str]:
    return set(read_ledger(newest(LocalStore(folder))).accepted())


def taken_in(folder: Path, document: Document, moment: datetime = NOW) -> str:
    sha256 = propose(folder, document)
    take_in(LocalStore(folder), lambda: moment)
    return sha256


def assert_sound(folder: Path) -> None:
    result = call("verify", folder)
    assert result.exit_code == 0, result.output


def test_documents_are_taken_back_and_counted_again(folder: Path, maker: Maker) -> None:
    first, second = (taken_in(folder, maker.document(process_runs=2)) for _ in range(2))
    assert counted(folder) == {first, second}
    assert call("ledger", "retract", folder, first[:12], *BY).exit_code == 0
    assert counted(folder) == {second}
    assert call("ledger", "appeal", folder, first, *BY).exit_code == 0
    assert call("ledger", "release", folder, first, *BY).exit_code == 0
    assert counted(folder) == {first, second}
    assert call("ledger", "supersede", folder, first, "--with", second, *BY).exit_code == 0
    assert call("ledger", "annotate", folder, first, *BY).exit_code == 0
    assert counted(folder) == {second}
    shown = call("ledger", "show", folder, first).output
    events = [line.split()[2] for line in shown.splitlines()]
    assert events == ["accepted", "retracted", "appealed", "released", "superseded", "annotated"]
    assert f"by Ada  in favour of {second}  the fan had failed" in shown
    assert_sound(folder)


def test_what_cannot_be_believed_waits_for_a_maintainer(folder: Path, maker: Maker) -> None:
    document = maker.document(process_runs=2)
    for run in document["process_runs"]:
        run["iterations_ns"] = [time // 1000 for time in run["iterations_ns"]]
    sha256 = propose(folder, document)
    result = call("intake", folder)
    assert result.exit_code == 0
    assert f"quarantined: submissions/{datetime.now(UTC):%Y-%m}/" in result.output
    assert "HFB100 quarantine" in result.output
    assert "1 in quarantine" in result.output
    assert counted(folder) == set()
    assert "no accepted submission" in call("release", folder).output
    assert call("ledger", "release", folder, sha256, *BY).exit_code == 0
    assert counted(folder) == {sha256}
    assert_sound(folder)


def test_what_makes_no_sense_is_refused(folder: Path, maker: Maker) -> None:
    first = taken_in(folder, maker.document(process_runs=2))
    attempts: list[tuple[list[str | Path], str]] = [
        (["retract", folder, "0" * 64], "names no documents of the ledger"),
        (["retract", folder, first[:5]], "first 12 digits"),
        (["release", folder, first], "cannot be released: it counts (accepted)"),
        (["supersede", folder, first, "--with", first], "by itself"),
    ]
    for arguments, said in attempts:
        result = call("ledger", *arguments, *BY)
        assert (result.exit_code, said in result.output) == (2, True), result.output
    assert counted(folder) == {first}


@pytest.mark.parametrize("compacted", [False, True], ids=["file", "part"])
def test_what_is_erased_stays_away(folder: Path, maker: Maker, compacted: bool) -> None:
    documents = [maker.document(process_runs=2) for _ in range(3)]
    names = [taken_in(folder, document, LAST_MONTH) for document in documents]
    if compacted:
        assert call("compact", folder, "--before", "2026-12").exit_code == 0
    assert call("ledger", "erase", folder, names[0], *BY).exit_code == 0
    assert counted(folder) == set(names[1:])
    for path in filter(Path.is_file, folder.rglob("*")):
        assert names[0] not in path.name
        assert documents[0]["sitting"]["id"].encode() not in path.read_bytes() or (
            path.suffix == ".jsonl"
        )
    propose(folder, documents[0])
    (decision,) = take_in(LocalStore(folder), lambda: NOW).decisions
    assert [found.rule for found in decision.report.findings] == ["HFB094"]
    assert_sound(folder)


def test_compacted_documents_are_the_same_documents(folder: Path, maker: Maker) -> None:
    documents = [maker.document() for _ in range(3)]
    names = [taken_in(folder, document, LAST_MONTH) for document in documents]
    late = taken_in(folder, maker.document())
    before = call("compare", folder, "--baseline", "transformers==4.57.6", "--candidate",
                  "transformers==5.23.0", "--format", "json").output  # fmt: skip
    result = call("compact", folder, "--before", "2026-12")
    assert result.output == "2026-11: 3 documents in 1 part\n"
    loose = [path.stem for path in (folder / "submissions").rglob("*.json")]
    assert loose == [late]
    held = Documents(newest(LocalStore(folder)))
    assert [held.read(name) for name in names] == documents
    after = call("compare", folder, "--baseline", "transformers==4.57.6", "--candidate",
                 "transformers==5.23.0", "--format", "json").output  # fmt: skip
    assert after == before
    assert_sound(folder)
    assert taken_in(folder, documents[0]) == names[0]  # known, and not doubled
    assert len(list((folder / "submissions").rglob("*.json"))) == 1
    assert "no month" in call("compact", folder, "--before", "2026-12").output
    (part,) = (folder / "data" / "submissions").iterdir()
    part.write_bytes(part.read_bytes()[:-5])
    broken = call("verify", folder)
    assert (broken.exit_code, part.name in broken.output) == (1, True)
