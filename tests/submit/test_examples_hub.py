"""Examples and checkpoints of the Hub: the real library, against a Hub on this machine."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from tests.conftest import REPOSITORY
from tests.submit.test_examples import REVISION, ROWS, prepare, small_suite

from hfbench_submit.errors import SubmitError
from hfbench_submit.examples import hub
from hfbench_submit.examples.examples import Examples
from hfbench_submit.examples.tokenizing import train_tokenizer

CODE = """
import json, sys
from pathlib import Path
from hfbench_submit.errors import SubmitError
from tests.submit.test_examples import prepare
try:
    prepared = prepare(Path(sys.argv[1]), "one", model=sys.argv[2])
    print(json.dumps([prepared.tasks, {k: str(v) for k, v in prepared.checkpoints.items()}]))
except SubmitError as error:
    print(json.dumps(str(error)))
"""


def tokenizer_json() -> bytes:
    examples = Examples([(row["sentence"],) for row in ROWS], [0] * len(ROWS))
    text: str = train_tokenizer(small_suite().models["tiny"], examples).encoder.to_str()
    return text.encode()


def repositories() -> dict[str, dict[str, bytes]]:
    lines = [json.dumps(row) + "\n" for row in ROWS]
    return {
        "datasets/maker/tasks": {
            "one/train.jsonl": "".join(lines).encode(),
            "one/validation.jsonl": "".join(reversed(lines)).encode(),
            "one/test.jsonl": b"never asked for",
            "two/train.jsonl": b"never asked for",
        },
        "models/maker/large": {
            "config.json": b"{}",
            "tokenizer.json": tokenizer_json(),
            "model.safetensors": b"weights",
            "tf_model.h5": b"never asked for",
        },
    }


class LocalHub(ThreadingHTTPServer):
    """Serves repositories as the Hub does; `taken` has the files that were downloaded."""

    def __init__(self, content: dict[str, dict[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.taken = content, list[str]()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def find(self, path: str) -> bytes | None:
        """Return a list of files, or a file; nothing at the top, None where nothing is."""
        for repository, files in self.content.items():
            if path == f"/api/{repository}/tree/{REVISION}":
                return json.dumps([entry(*file) for file in files.items()]).encode()
            place = f"/{repository.removeprefix('models/')}/resolve/{REVISION}/"
            if path.startswith(place):
                return files.get(path.removeprefix(place))
        return b"" if path == "/" else None


class Handler(BaseHTTPRequestHandler):
    """Answers what the library asks."""

    server: LocalHub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path) or "/"
        if (data := self.server.find(path)) is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("ETag", f'"{oid(data)}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)
            self.server.taken += [path.partition(f"/{REVISION}/")[2]] * ("/resolve/" in path)
        return None

    def log_message(self, *_: Any) -> None:
        pass


def entry(path: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(data), "oid": oid(data)}


def oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:40]


@contextmanager
def hub_here(content: dict[str, dict[str, bytes]]) -> Iterator[LocalHub]:
    with LocalHub(content) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def prepared_elsewhere(folder: Path, model: str, **environ: str) -> Any:
    """Prepare task `one` in a process with a Hub cache in `folder`."""
    command = [sys.executable, "-c", CODE, str(folder), model]
    home = {"HF_HOME": str(folder / "cache")}
    done = subprocess.run(
        command, env=os.environ | home | environ, cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_hub_is_asked_once_and_its_cache_is_enough_afterwards(tmp_path: Path) -> None:
    with hub_here(repositories()) as server:
        online = prepared_elsewhere(tmp_path, "large", HF_ENDPOINT=server.address)
    assert sorted(server.taken) == [
        "config.json", "model.safetensors", "one/train.jsonl", "one/validation.jsonl",
        "tokenizer.json",
    ]  # fmt: skip
    tasks, checkpoints = online
    assert tasks["one"]["source"] == "hub"
    assert tasks["one"]["tokenizers"]["large"]["kind"] == "checkpoint"
    assert (Path(checkpoints["large"]) / "model.safetensors").read_bytes() == b"weights"
    assert prepared_elsewhere(tmp_path, "large", HF_HUB_OFFLINE="1") == online


def test_another_number_of_examples_is_not_what_was_published(tmp_path: Path) -> None:
    content = repositories()
    content["datasets/maker/tasks"]["one/train.jsonl"] += json.dumps(ROWS[0]).encode()
    with hub_here(content) as server:
        said = prepared_elsewhere(tmp_path, "tiny", HF_ENDPOINT=server.address)
    assert "task one has 37 train examples in the Hub's cache, and those published are 36" in said


def test_what_the_hub_lacks_is_told_with_every_way_out(tmp_path: Path) -> None:
    content = repositories()
    del content["models/maker/large"]["model.safetensors"]
    del content["datasets/maker/tasks"]
    with hub_here(content) as server:
        said = prepared_elsewhere(tmp_path, "large", HF_ENDPOINT=server.address)
    assert "maker/tasks, for task one (1 cells): " in said
    assert "404" in said
    assert f"it has not all of config.json, tokenizer.json, model.safetensors at {REVISION}" in said
    assert "--data one=PATH, with the columns sentence and label (0 or 1)" in said
    assert "hf download maker/large config.json tokenizer.json model.safetensors --rev" in said
    assert "--cells 'training/*/grammar'" in said


def test_a_hub_that_says_nothing_is_waited_for_so_long_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_ANSWER_S", 0.5)
    for name in hub._OFFLINE:
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(SubmitError, match=r"127.0.0.1:\d+ cannot be reached: .*\n") as raised:
            prepare(tmp_path, "one", model="large")
        assert time.monotonic() - began < 5
    assert str(raised.value).count("cannot be reached") == 2
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SubmitError, match=r"for task one .*: HF_HUB_OFFLINE is set"):
        prepare(tmp_path, "one")
