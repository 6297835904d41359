"""`hfbench-aggregate plan`: from what a store holds to what a change takes, and what is unknown."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.aggregate.conftest import NEW, OLD, Maker
from tests.aggregate.test_compare_and_release import call, store_with

GPT2 = "smoke/gpt2/torch-eager/cpu/fp32/b1-s64"


def planned(folder: Path, *options: str) -> list[dict[str, Any]]:
    result = call("plan", folder, "--detect", "3%", *options, "--format", "json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.output)
    return found


def test_a_plan_follows_the_noise_and_the_time_of_each_cell(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document(noise=0.02, process_runs=40))
    (plan,) = planned(folder)
    assert (plan["suite"], plan["sittings"], plan["environments"]) == ("smoke-1", 1, 2)
    assert plan["prior_df"] == 0
    for row in plan["cells"]:
        # 40 process runs in each of two environments show the sd to within 8 %.
        assert row["process_sd"] == pytest.approx(0.02, rel=0.2)
        assert 6 <= row["interleaved"]["process_runs"] <= 12
        assert row["detectable"]["10"] < row["detectable"]["5"]
        taken = 2 * row["interleaved"]["process_runs"] * row["process_run_seconds"]
        assert row["interleaved"]["seconds"] == pytest.approx(taken, rel=1e-4)
    assert plan["unmeasured"] == 3
    # One sitting a version leaves the process runs' own sd as a guess of what sittings differ by.
    assert plan["sitting_source"] == "assumed"
    assert plan["sitting_alone"] > 0.05 > plan["sitting_most"]


def test_more_process_runs_show_smaller_changes(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document(noise=0.02))
    (three,), (ten,) = planned(folder), planned(folder, "--detect", "10%")
    for small, large in zip(three["cells"], ten["cells"], strict=True):
        assert small["interleaved"]["process_runs"] >= large["interleaved"]["process_runs"]


def test_the_text_says_what_is_assumed_and_what_cannot_be(folder: Path, maker: Maker) -> None:
    loud, alike = maker.document(noise=0.3), maker.document([OLD, NEW], process_runs=1)
    store_with(folder, loud, alike)
    output = call("plan", folder, "--detect", "3%").output
    table = output.split("\n\n")[1].splitlines()
    assert max(map(len, table)) <= 80
    assert table[0].split() == ["cell", "sd", "5", "10", "interleaved", "time", "separate", "time"]
    assert table[1].split()[0] == "bert-base/b1-s64"
    assert table[1].split()[-2:] == ["cannot", "-"]
    assert table[-1].split()[0] == "total"
    assert "(assumed: too few sittings of one version, or cells in them)" in output
    assert "separate cannot: the sitting term alone hides" in output
    assert "unknown: 3 cells of the suite not measured here" in output
    narrow = call("plan", folder, "--detect", "3%", width=40).output
    assert all(word in narrow for line in table for word in line.split())


def test_one_process_run_a_version_says_nothing_of_spread(folder: Path, maker: Maker) -> None:
    store_with(folder, maker.document(process_runs=1))
    (plan,) = planned(folder, "--cells", "smoke/gpt2/*")
    (row,) = plan["cells"]
    assert (row["cell"], row["process_sd"], row["interleaved"]) == (GPT2, None, None)
    assert row["remark"] == "its spread is unknown"
    output = call("plan", folder, "--detect", "3%").output
    assert "gpt2/b1-s64: its spread is unknown" in output
    assert "cannot" not in output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--detect", "3"), "write it as in 3% or 2.5%"),
        (("--detect", "0.1%"), "no verdict calls a change below 1%"),
        (("--detect", "3%", "--machine", "m1-0"), "was measured on m1-0; there are"),
        (("--detect", "3%", "--suite", "inference"), "no latency of inference was measured"),
        (("--detect", "3%", "--cells", "smoke/bart/*"), "no cell matches smoke/bart/*; there are"),
    ],
)
def test_what_cannot_be_planned_is_one_clear_message(
    options: tuple[str, ...], said: str, folder: Path, maker: Maker
) -> None:
    store_with(folder, maker.document(process_runs=2))
    result = call("plan", folder, *options)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
