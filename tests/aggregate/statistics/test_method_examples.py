"""What `docs/method.md` shows: its examples run, and its table of seeds is right."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

from hfbench_aggregate.statistics import compare_quality

METHOD = Path(__file__).parents[3] / "docs" / "method.md"
EXAMPLES = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
VALIDATION_EXAMPLES = {"CoLA": 1043, "MRPC": 408, "SST-2": 872}


def _seed_rows() -> list[list[str]]:
    _, _, table = METHOD.read_text(encoding="utf-8").partition("| task, devices |")
    lines = table.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_examples_give_what_stands_there() -> None:
    blocks = EXAMPLES.findall(METHOD.read_text(encoding="utf-8"))
    assert len(blocks) >= 10
    examples = doctest.DocTestParser().get_doctest("".join(blocks), {}, "method", str(METHOD), 0)
    report: list[str] = []
    found = doctest.DocTestRunner().run(examples, out=report.append)
    assert not found.failed, "".join(report)
    assert found.attempted >= 40


@pytest.mark.parametrize("row", _seed_rows(), ids=lambda row: row[0])
def test_the_table_of_seeds(row: list[str]) -> None:
    """Four scores of just this sd are called, and of a little more are not."""
    task, amp, fp32, difference, example, to_call, to_find = row
    shift = 100 * (float(amp) - float(fp32))
    assert float(difference) == pytest.approx(shift)
    examples = VALIDATION_EXAMPLES[task.partition(",")[0]]
    assert float(example) == pytest.approx(100 / examples, abs=0.005)
    spread = np.array([-1.0, -1 / 3, 1 / 3, 1.0])
    scores = spread / spread.std(ddof=1)
    for sd, called in ((float(to_call) - 0.005, True), (float(to_call) + 0.005, False)):
        found = compare_quality([sd * scores], [shift + sd * scores], 10**6)
        assert (found.p[0] <= 0.05) == called
    for sd, detected in ((float(to_find) - 0.005, True), (float(to_find) + 0.005, False)):
        found = compare_quality([sd * scores], [shift + sd * scores], 10**6)
        assert (found.detectable[0] <= abs(shift)) == detected


def test_the_table_of_seeds_has_all_six_pairs() -> None:
    assert len(_seed_rows()) == 6
