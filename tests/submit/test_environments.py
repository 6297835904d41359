"""Environments: layered, cached, isolated, and clear about why they cannot be built."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.conftest import BASE, VERSIONS

from hfbench_submit.environments import Environment, build_environments
from hfbench_submit.errors import SubmitError

WHERE = (
    "import json, torch, transformers; print(json.dumps([torch.__file__, transformers.__file__]))"
)


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


def test_pip_s_own_error_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HFBENCH_CACHE", str(tmp_path))
    with pytest.raises(
        SubmitError, match=r"No matching distribution found for transformers==0\.0\.0"
    ):
        build_environments("transformers==0.0.0", [], print)
    left = {path.suffix for path in (tmp_path / "environments").iterdir()}
    assert left <= {".log", ".lock"}


@pytest.mark.parametrize(
    "layer",
    [".", "/srv/transformers", "git+https://example.org/transformers@main", "transformers'", ""],
)
def test_what_no_version_tells_apart_is_refused_before_anything_is_built(
    layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HFBENCH_CACHE", str(tmp_path))
    with pytest.raises(SubmitError, match="no list of requirements such as transformers==5"):
        build_environments(BASE, [layer], print)
    assert not list(tmp_path.iterdir())


def test_labels_and_replicas_tell_environments_apart(environments: Sequence[Environment]) -> None:
    assert environments
    twice = build_environments(BASE, [*VERSIONS, f" {VERSIONS[1]} "], print)
    assert [environment.facts["label"] for environment in twice] == [
        "transformers-4.57.6",
        "transformers-5.23.0",
        "transformers-5.23.0~1",
    ]
    assert [environment.facts["replica"] for environment in twice] == [0, 0, 1]
    assert len({environment.python for environment in twice}) == 3
