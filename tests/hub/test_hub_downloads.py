"""Files of the test Hub: downloads, resumed ones, parts, large files, and `datasets`."""

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfFileSystem, get_session
from tests.hub.clients import client, send
from tests.hub.faults import truncated
from tests.hub.fixtures import RESULTS, uploads_large_files
from tests.hub.state import Hub

README = b"---\nconfigs:\n- config_name: default\n  data_files: data/*.parquet\n---\n"
CODE = """
import io, json
import pyarrow, pyarrow.parquet
from datasets import load_dataset
from huggingface_hub import HfApi
table = pyarrow.table({"score": [1.5, 2.5]})
pyarrow.parquet.write_table(table, "part.parquet")
HfApi().upload_file(
    path_or_fileobj="part.parquet", path_in_repo="data/part.parquet", repo_id="hfbench/results",
    repo_type="dataset",
)
print(json.dumps([
    load_dataset("hfbench/results", split="train")["score"][:],
    load_dataset("hfbench/results", data_files="data/p*.parquet", split="train")["score"][:],
]))
"""


def test_a_pinned_file_is_downloaded_once(hub: Hub, tmp_path: Path) -> None:
    ada = client(hub, "ada")
    sha = hub.push(RESULTS, "main", {"a b/1.json": b"one"}).oid
    for _ in range(2):
        place = ada.hf_hub_download(
            RESULTS, "a b/1.json", repo_type="dataset", revision=sha, cache_dir=tmp_path
        )
        assert Path(place).read_bytes() == b"one"
    assert [request.method for request in hub.log] == ["HEAD", "GET"]


def test_a_snapshot_has_every_file_of_a_pull_request(hub: Hub, tmp_path: Path) -> None:
    ada = client(hub, "ada")
    send(ada, {f"data/{number}.json": b"{}" for number in range(5)}, create_pr=True)
    hub.push(RESULTS, "refs/pr/1", large={"data/x.parquet": b"PAR1"})
    folder = Path(
        ada.snapshot_download(
            RESULTS, repo_type="dataset", revision="refs/pr/1", cache_dir=tmp_path
        )
    )
    found = {str(place.relative_to(folder)): place.read_bytes() for place in folder.rglob("*.*")}
    assert found == hub.files(RESULTS, "refs/pr/1")


def test_a_download_that_is_cut_off_is_resumed(hub: Hub, tmp_path: Path) -> None:
    content = hashlib.sha256(b"seed").digest() * (22 * 2**20 // 32)
    hub.push(RESULTS, "main", large={"large.parquet": content})
    hub.faults.nth(1, "GET", "/resolve/", truncated())
    place = client(hub, "ada").hf_hub_download(
        RESULTS, "large.parquet", repo_type="dataset", cache_dir=tmp_path
    )
    assert Path(place).read_bytes() == content
    seen = [(request.status, request.fault) for request in hub.log if request.method == "GET"]
    assert seen == [(200, "truncated"), (206, None)]


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=10-", 416, None),
    ],
)
def test_a_part_of_a_file_is_served(hub: Hub, asked: str, status: int, part: bytes | None) -> None:
    hub.push(RESULTS, "main", {"digits.txt": b"0123456789"})
    url = f"{hub.endpoint}/datasets/{RESULTS}/resolve/main/digits.txt"
    answer = get_session().get(url, headers={"Range": asked})
    assert answer.status_code == status
    assert part in (None, answer.content)


def test_the_file_system_finds_and_reads_files(hub: Hub) -> None:
    hub.push(RESULTS, "main", {"digits.txt": b"0123456789"})
    files = HfFileSystem(endpoint=hub.endpoint, token="hf_eve", skip_instance_cache=True)  # noqa: S106
    place = f"datasets/{RESULTS}/digits.txt"
    assert files.glob(f"datasets/{RESULTS}/*.txt") == [place]
    assert files.cat_file(place, start=2, end=5) == b"234"


@uploads_large_files
@pytest.mark.parametrize(
    ("path", "content"), [("small.parquet", b"PAR1"), ("large.bin", bytes(10 * 2**20 + 1))]
)
def test_parquet_and_what_is_over_10_mib_go_by_lfs(hub: Hub, path: str, content: bytes) -> None:
    owner = client(hub, "hfbench")
    for name in (path, f"again.{path}"):
        owner.create_commit(
            RESULTS,
            [CommitOperationAdd(name, io.BytesIO(content))],
            commit_message="Add a large file",
            repo_type="dataset",
        )
    (fact,) = owner.get_paths_info(RESULTS, [path], repo_type="dataset")
    lfs = getattr(fact, "lfs", None)
    assert lfs
    assert (lfs.size, lfs.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert hub.files(RESULTS)[path] == hub.files(RESULTS)[f"again.{path}"] == content
    assert [request.method for request in hub.log].count("PUT") == 1


def test_datasets_reads_a_parquet_file_that_was_uploaded(
    hub: Hub, hub_environment: Mapping[str, str], tmp_path: Path
) -> None:
    hub.push(RESULTS, "main", {"README.md": README, "other.json": b'{"not": "this"}'})
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**hub_environment, "HF_TOKEN": "hf_hfbench"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[1.5, 2.5]] * 2
    assert [request.method for request in hub.log].count("PUT") == 1
