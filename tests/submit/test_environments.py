"""Environments: layered, cached, isolated, and clear about why they cannot be built."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from tests.conftest import BASE, VERSIONS
from tests.submit import tiny_backend

from hfbench_schema.submission import submission_json_schema
from hfbench_submit.commands.envs import envs
from hfbench_submit.environments.environments import Environment, build_environments, canary_of
from hfbench_submit.errors import SubmitError

WHERE = (
    "import json, torch, transformers; print(json.dumps([torch.__file__, transformers.__file__]))"
)
PROJECT = """
[build-system]
requires = []
build-backend = "tiny_backend"
backend-path = ["."]
[project]
name = "{name}"
version = "{version}"
"""


def test_layers_share_one_torch_and_nothing_of_the_client(
    environments: Sequence[Environment],
) -> None:
    paths = []
    for environment in environments:
        command = [str(environment.python), "-I", "-c", WHERE]
        paths.append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
        visible = subprocess.run([*command[:3], "import click"], capture_output=True)
        packages = environment.facts["packages"]
        assert (visible.returncode == 0) == ("click" in packages)
        assert "pip" not in packages
    assert paths[0][0] == paths[1][0]
    assert paths[0][1] != paths[1][1]
    versions = [e.facts["packages"]["transformers"] for e in environments]
    assert versions == ["4.57.6", "5.23.0"]


def test_a_built_environment_is_found_again(environments: Sequence[Environment]) -> None:
    said: list[str] = []
    assert build_environments(BASE, VERSIONS, said.append) == environments
    assert said == []


def test_labels_and_replicas_tell_environments_apart(environments: Sequence[Environment]) -> None:
    assert environments
    twice = build_environments(BASE, [*VERSIONS, f" {VERSIONS[1]} "], print)
    canary = canary_of(twice[1], twice)
    assert [environment.facts["label"] for environment in [*twice, canary]] == [
        "transformers-4.57.6",
        "transformers-5.23.0",
        "transformers-5.23.0~1",
        "transformers-5.23.0~2",
    ]
    assert [environment.facts["replica"] for environment in [*twice, canary]] == [0, 0, 1, 2]
    assert len({environment.python for environment in twice}) == 3
    assert canary.python == twice[1].python


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder of tiny wheels, the only index that pip asks, with a cache of its own."""
    folder = tmp_path_factory.mktemp("index")
    for name in ("torch", "tensorflow-cpu", "transformers"):
        tiny_backend.write_wheel(folder, name, "1.0", **{name.replace("-", "_"): ""})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HFBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(folder))
        patch.delenv("PIP_CONSTRAINT")
        yield folder


def project(folder: Path, name: str = "transformers", **files: str) -> Path:
    """Write a project that builds without network; keywords are its modules."""
    (folder / "src").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT.format(name=name, version="5.24.0.dev0"))
    (folder / "tiny_backend.py").write_text(Path(tiny_backend.__file__).read_text())
    for module, text in files.items():
        (folder / "src" / f"{module}.py").write_text(text)
    return folder


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    return subprocess.run([*command, *arguments], capture_output=True, check=True, text=True).stdout


def commit(folder: Path) -> str:
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "a change")
    return git(folder, "rev-parse", "HEAD").strip()


def build(*layers: str, base: str = "torch==1.0") -> list[Environment]:
    """Build environments, and make sure that a submission may tell of them."""
    environments = build_environments(base, layers, print)
    rules = submission_json_schema()
    schema = rules["properties"]["environments"] | {"$defs": rules["$defs"]}
    Draft202012Validator(schema).validate([environment.facts for environment in environments])
    return environments


def printed(environment: Environment, code: str) -> str:
    command = [str(environment.python), "-I", "-c", code]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


@pytest.mark.usefixtures("index")
def test_a_folder_is_told_apart_by_what_its_files_say(tmp_path: Path) -> None:
    folder = project(tmp_path / "somebody", transformers="SPEED = 1")
    before = sorted(folder.rglob("*"))
    [first] = build(str(folder))
    assert sorted(folder.rglob("*")) == before, "building leaves nothing behind"
    (folder / "src" / "__pycache__").mkdir()
    assert build(str(folder)) == [first]
    (folder / "src" / "transformers.py").write_text("SPEED = 2")
    first_again, edited = [first, *build(f"{folder}[torch]")]
    code = "import transformers; print(transformers.SPEED)"
    assert [printed(first_again, code), printed(edited, code)] == ["1", "2"]
    source = edited.facts["sources"]["transformers"]
    assert source["kind"] == "folder"
    assert edited.facts["label"] == f"transformers[torch]-5.24.0.dev0@{source['content'][:12]}", (
        "neither path nor user name"
    )
    assert source != first.facts["sources"]["transformers"]


@pytest.mark.usefixtures("index")
def test_a_git_branch_is_followed_and_its_commit_recorded(tmp_path: Path) -> None:
    folder = project(tmp_path / "repository", transformers="")
    first_commit = commit(folder)
    [first] = build(f"transformers @ git+{folder.as_uri()}")
    assert first.facts["sources"] == {"transformers": {"kind": "git", "content": first_commit}}
    assert first.facts["label"] == f"transformers-5.24.0.dev0@{first_commit[:12]}"
    (folder / "src" / "other.py").touch()
    commit(folder)
    moved, pinned = build(f"git+{folder.as_uri()}", f"git+{folder.as_uri()}@{first_commit}")
    assert moved.python != first.python
    assert pinned.python == first.python


def test_an_unpinned_requirement_follows_the_index_and_does_without_it(index: Path) -> None:
    [first], [same] = build("transformers"), build("transformers")
    assert same == first
    newer = index / tiny_backend.write_wheel(index, "transformers", "2.0", transformers="")
    said: list[str] = []
    try:
        [second] = build("transformers")
        [wheel] = build(str(newer))
    finally:
        newer.rename(index / "gone")
    assert (first.facts["label"], second.facts["label"]) == ("transformers-1.0", "transformers-2.0")
    assert wheel.facts["sources"]["transformers"]["kind"] == "archive"
    (index / "transformers-1.0-py3-none-any.whl").rename(index / "gone too")
    try:
        [offline] = build_environments("torch==1.0", ["transformers"], said.append)
    finally:
        (index / "gone too").rename(index / "transformers-1.0-py3-none-any.whl")
    assert offline == second
    assert "No matching distribution found for transformers" in said[-1]
    assert "taking transformers-2.0 as it was resolved and built on" in said[-1]


@pytest.mark.usefixtures("index")
def test_frameworks_choose_the_base_and_share_it() -> None:
    torch, tensorflow, alone = build(
        "transformers==1.0", "transformers==1.0 tensorflow-cpu==1.0", "tensorflow-cpu==1.0"
    )
    assert set(torch.facts["packages"]) == {"torch", "transformers"}
    assert set(tensorflow.facts["packages"]) == {"tensorflow-cpu", "transformers"}
    assert tensorflow.facts["label"] == "transformers-1.0+tensorflow-cpu-1.0"
    where = "import tensorflow_cpu; print(tensorflow_cpu.__file__)"
    assert printed(tensorflow, where) == printed(alone, where)


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("transformers==0.0.0", r"No matching distribution found for transformers==0\.0\.0"),
        ("git+file:///srv/no/such/repository", "does not appear to be a git repository"),
        ("{broken}", r"RuntimeError: no compiler here\n(.|\n)*Its whole output is in .*\.log"),
    ],
)
def test_a_failed_build_names_the_reason_and_leaves_a_log(
    layer: str, message: str, tmp_path: Path
) -> None:
    broken = project(tmp_path / "broken")
    (broken / "build.py").write_text("raise RuntimeError('no compiler here')")
    build("transformers==1.0")
    before = _folders()
    with pytest.raises(SubmitError, match=message):
        build(layer.format(broken=broken))
    assert _folders() == before


def _folders() -> set[str]:
    folder = Path(os.environ["HFBENCH_CACHE"]) / "environments"
    return {path.name for path in folder.iterdir() if path.is_dir()} - {"requests", "names"}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("", "names no package"),
        ("transformers'", "No closing quotation"),
        ("transformers=5", "no requirement such as transformers==5"),
        ("-e .", "'-e' is an option of pip"),
        ("hg+https://example.org/transformers", r"only git\+"),
        ("./nowhere[torch]", r"nowhere does not exist"),
        ("{empty}", "no Python project: it has neither a pyproject.toml nor a setup.py"),
        ("{empty}/notes.txt", "neither a folder nor one of .whl"),
    ],
)
def test_what_means_nothing_is_refused_before_anything_is_built(
    layer: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HFBENCH_CACHE", str(tmp_path / "cache"))
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").touch()
    with pytest.raises(SubmitError, match=message):
        build(layer.format(empty=empty))
    assert not (tmp_path / "cache").exists()


def test_names_are_created_listed_measured_and_removed(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert index
    monkeypatch.setenv("HFBENCH_CACHE", str(tmp_path))
    run = CliRunner(catch_exceptions=False).invoke
    arguments = ["create", "mine", "--with", "transformers", "--base", "torch==1.0"]
    assert "mine is transformers-1.0\n" in run(envs, arguments).output
    with pytest.raises(SubmitError, match="there is an environment mine already"):
        run(envs, arguments)
    named, other = build_environments("torch==1.0", ["tensorflow-cpu==1.0"], print, named=["mine"])
    assert named.facts["label"] == "transformers-1.0"
    assert other.facts["label"] == "tensorflow-cpu-1.0"
    listed = run(envs, ["list"]).output
    for shown in ("mine", "tensorflow-cpu-1.0", "base:torch-1.0", "base:tensorflow-cpu-1.0"):
        assert shown in listed
    with pytest.raises(SubmitError, match=r"base:torch-1\.0 is used by mine"):
        run(envs, ["remove", "base:torch-1.0"])
    assert "MB freed" in run(envs, ["remove", "mine", "tensorflow-cpu-1.0"]).output
    assert "no environments yet" in run(envs, ["list"]).output
    assert all(folder.startswith("pip-") for folder in _folders())
    with pytest.raises(SubmitError, match="no environment has the name mine; there are none"):
        build_environments("torch==1.0", [], print, named=["mine"])


@pytest.mark.usefixtures("index")
def test_a_killed_build_ends_pip_and_leaves_nothing_half_built(tmp_path: Path) -> None:
    folder = project(tmp_path / "slow")
    script = f"import os, time; Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    (folder / "build.py").write_text(f"{script}; time.sleep(60)")
    code = (
        "import sys; from hfbench_submit.environments.environments import build_environments\n"
        "build_environments('torch==1.0', sys.argv[1:], print)"
    )
    client = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
    with client:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert client.poll() is None
            time.sleep(0.05)
        client.send_signal(signal.SIGKILL)
    builder = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(builder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(builder)
    build("transformers==1.0")
    assert not any(name.startswith("scratch-") for name in _folders())
