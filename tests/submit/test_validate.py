"""`hfbench-submit validate`, as its user runs it: every kind of path, every format, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sarif_pydantic import Sarif

from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json

CLIENT = str(Path(sys.executable).with_name("hfbench-submit"))
(REAL,) = Path("tests/schema/corpus").resolve().glob("submission-1/3f50bb1bdb30*.json")
HOSTILE = "\x1b[31mred\u202e</script>\u200b"


def validate(*arguments: str | Path, sent: bytes = b"") -> subprocess.CompletedProcess[str]:
    command = [CLIENT, "validate", *map(str, arguments)]
    done = subprocess.run(command, input=sent, capture_output=True, timeout=60, check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err
    return subprocess.CompletedProcess(command, done.returncode, out, err)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good document, an edited one below it, one cut short, and what is none."""
    (tmp_path / REAL.name).write_bytes(REAL.read_bytes())
    edited = strict_json(REAL.read_bytes())
    edited["client"]["name"] = HOSTILE
    data = canonical_bytes(edited)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / f"{sha256_hex(data)}.json").write_bytes(data)
    (tmp_path / "cut short.json").write_bytes(data[:700])
    (tmp_path / "journal.jsonl").write_text("{}\n")
    return tmp_path


def test_files_folders_and_standard_input(folder: Path) -> None:
    good = validate(REAL)
    assert good.returncode == 0
    assert good.stdout.startswith(f"{REAL}: accepted\n  HFB048 warning: 4 of 4 process runs")
    assert validate("-", sent=REAL.read_bytes()).stdout.startswith("<stdin>: accepted\n")
    assert validate("-", sent=b"[1").returncode == 1
    found = validate(folder)
    assert found.returncode == 1
    for rule in ("HFB002", "HFB003", "HFB006", "HFB048"):
        assert rule in found.stdout
    assert found.stdout.endswith("3 documents: 1 would be accepted, 2 refused\n")


def test_what_cannot_be_validated_is_said(folder: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ([], "Missing argument 'PATHS...'"),
        (["nowhere.json"], "'nowhere.json' does not exist"),
        ([folder / "below" / ".."], ""),
        (["--format", "xml", REAL], "'xml' is not one of"),
    ):
        done = validate(*arguments)
        assert said in done.stderr
        assert done.returncode == (2 if said else 1)
    (tmp_path / "empty").mkdir()
    assert "no document (*.json) in" in validate(tmp_path / "empty").stderr
    (tmp_path / "empty" / "dangling.json").symlink_to("gone")
    done = validate(tmp_path / "empty", REAL)
    assert done.returncode == 1
    assert "HFB091 error: dangling.json is not a file that can be read" in done.stdout
    assert f"{REAL}: accepted" in done.stdout  # the others are checked all the same
    with (tmp_path / "large.json").open("wb") as stream:
        stream.truncate(50_000_000_000)
    assert "HFB001 error: the document has 50000000000 bytes" in validate(stream.name).stdout


def test_strangers_text_is_inert_in_every_format(folder: Path) -> None:
    for form in ("text", "json", "sarif"):
        found = validate(folder, "--format", form).stdout
        assert not {"\x1b", "\u202e", "\u200b"} & set(found)


def test_programs_get_json(folder: Path) -> None:
    found = json.loads(validate(folder, "--format", "json").stdout)
    assert found["schema"] == "urn:hfbench:schema:validation:1"
    accepted = {Path(one["path"]).name[:4]: one["accepted"] for one in found["documents"]}
    assert sorted(accepted.values()) == [False, False, True]
    finding = found["documents"][-1]["findings"][0]
    assert finding.keys() >= {"rule", "group", "severity", "pointer", "message", "mend", "page"}
    assert Path(finding["page"]).is_file()


def test_code_hosts_get_sarif(folder: Path) -> None:
    text = validate(folder, "--format", "sarif").stdout
    (run,) = Sarif.model_validate_json(text).runs
    assert run.tool.driver.rules is not None
    for result in run.results or []:
        assert result.rule_index is not None
        assert run.tool.driver.rules[result.rule_index].id == result.rule_id
    paths = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in json.loads(text)["runs"][0]["results"]
    }
    assert any(path.endswith("cut%20short.json") for path in paths)


def test_a_reader_that_has_seen_enough(folder: Path) -> None:
    command = f"{CLIENT} validate {folder}/below {REAL} {REAL} --format json | head -c 1"
    done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""
