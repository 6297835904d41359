"""The outbox: consistent after a kill at any moment, and readable for people."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.submit.uploads import STORE, made_up, outbox_in

from hfbench_submit.cli import commands
from hfbench_submit.errors import SubmitError
from hfbench_submit.uploading.documents import Document
from hfbench_submit.uploading.outbox import PROPOSED, QUEUED, Entry, Outbox

ONE, TWO = made_up(1), made_up(2)
ADD_UNTIL_KILLED = """
import sys
from itertools import cycle
from pathlib import Path
from dataclasses import replace
from tests.submit.test_outbox import entry
from tests.submit.uploads import made_up
from hfbench_submit.uploading.documents import Document
from hfbench_submit.uploading.outbox import Outbox
documents = [made_up(number) for number in range(20)]
print("ready", flush=True)
with Outbox(Path(sys.argv[1])).locked(print):
    for document in cycle(documents):
        Outbox(Path(sys.argv[1])).add(document, entry(document))
        Outbox(Path(sys.argv[1])).save(replace(entry(document), status="proposed"))
"""


def entry(document: Document) -> Entry:
    return Entry(document.sha256, str(STORE), push=False, queued_at="2026-11-20T18:00:00Z")


def silent(line: str) -> None:
    raise AssertionError(line)


@pytest.mark.parametrize("milliseconds", [3, 20, 50])
def test_a_kill_at_any_moment_leaves_it_consistent(milliseconds: int, tmp_path: Path) -> None:
    line = [sys.executable, "-c", ADD_UNTIL_KILLED, str(tmp_path)]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)
    outbox = Outbox(tmp_path)
    with outbox.locked(silent):
        entries = outbox.entries()
    queued = {one.sha256 for one in entries if one.status == QUEUED}
    assert {outbox.document(one).sha256 for one in entries if one.status == QUEUED} == queued
    names = {path.name for path in tmp_path.iterdir()} - {".lock"}
    states = {f"{one.sha256}.state.json" for one in entries}
    assert names == states | {f"{sha256}.json" for sha256 in queued}


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.add(ONE, entry(ONE))
    outbox.add(TWO, entry(TWO))
    (tmp_path / f"{TWO.sha256}.state.json").write_text(
        json.dumps({**vars(entry(TWO)), "status": PROPOSED})
    )
    (tmp_path / f"{'0' * 64}.json").write_bytes(b"{}")
    (tmp_path / ".writing-part").write_bytes(b"{")
    with outbox.locked(silent):
        assert [one.sha256 for one in outbox.entries()] == sorted([ONE.sha256, TWO.sha256])
    left = {path.name for path in tmp_path.iterdir()} - {".lock"}
    assert left == {f"{ONE.sha256}.json", *(f"{d.sha256}.state.json" for d in (ONE, TWO))}


def test_damage_is_told_with_a_way_out(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.add(ONE, entry(ONE))
    (tmp_path / f"{ONE.sha256}.json").write_bytes(ONE.data + b" ")
    with pytest.raises(SubmitError, match="upload the document again, or forget it"):
        outbox.document(entry(ONE))
    for damage in (b"{", b"{}", b"[]", b'{"sha256": 1, "later": 2}'):
        (tmp_path / f"{ONE.sha256}.state.json").write_bytes(damage)
        with pytest.raises(SubmitError, match="delete it, and upload the document again"):
            outbox.entries()
    with outbox.locked(silent):
        assert outbox.drop(ONE.key) == ONE.sha256
    assert outbox.entries() == []


def test_an_outbox_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "outbox").touch()
    locked = Outbox(tmp_path / "outbox").locked(silent)
    with pytest.raises(SubmitError, match="cannot write the outbox"), locked:
        raise AssertionError


def test_the_commands(tmp_path: Path) -> None:
    environment = {"XDG_DATA_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}

    def run(*arguments: str, exit_code: int = 0) -> str:
        done = CliRunner(env=environment).invoke(commands, ["outbox", *arguments])
        assert done.exit_code == exit_code
        return done.output

    assert run("list") == "the outbox is empty\n"
    assert run("flush") == "nothing waits in the outbox\n"
    outbox = outbox_in(tmp_path)
    page = "https://huggingface.co/datasets/hfbench/results/discussions/7"
    outbox.add(ONE, replace(entry(ONE), attempts=2))
    outbox.add(TWO, replace(entry(TWO), status=PROPOSED, proposal=page, attempts=1))
    assert "HF_HUB_OFFLINE is set" in run("flush", exit_code=75)
    found = {row.split()[0]: row for row in run("list").splitlines()[1:]}
    assert [text in found[ONE.key] for text in ("queued", str(STORE), "2x")] == [True] * 3
    assert "HF_HUB_OFFLINE is set" in found[ONE.key]
    assert found[TWO.key].rstrip().endswith(page)
    with pytest.raises(SubmitError, match="2 documents in the outbox have such a hash"):
        outbox.drop("")
    run("drop", ONE.key, TWO.key)
    assert outbox.entries() == []
    assert [path.name for path in outbox.folder.iterdir()] == [".lock"]
