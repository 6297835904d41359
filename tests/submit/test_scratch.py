"""Temporary folders of workers go, however the worker or its client ends."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.submit.test_launching import worker_that_runs

from hfbench_submit.launching.scratch import scratch_folder
from hfbench_submit.launching.spawn import run_worker

LEAVES_FILES = """
import pathlib, tempfile
pathlib.Path(tempfile.mkdtemp(), "left").write_text("behind")
say("left", folder=os.environ["TMPDIR"])
"""


def test_what_a_worker_leaves_in_its_temporary_folder_goes_with_it(tmp_path: Path) -> None:
    outcome = run_worker(worker_that_runs(LEAVES_FILES, tmp_path), {}, 1, 1)
    assert outcome.timed_out
    folder = Path(outcome.messages["left"]["folder"])
    assert folder.parent == Path(tempfile.gettempdir())
    assert not folder.exists()


def test_a_temporary_folder_outlives_its_client_until_the_next_one(tmp_path: Path) -> None:
    code = (
        "from hfbench_submit.launching.scratch import scratch_folder as s; import time\n"
        "with s() as folder: print(folder, flush=True); time.sleep(99)"
    )
    client = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    with client, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        assert client.stdout is not None
        folder = Path(client.stdout.readline().strip())
        os.utime(folder, (0, 0))
        with scratch_folder():
            assert folder.exists(), "its client lives"
        client.kill()
        client.wait()
        with scratch_folder() as own:
            assert list(tmp_path.iterdir()) == [own]
    assert not own.exists()
