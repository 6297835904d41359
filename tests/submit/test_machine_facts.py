"""The machine's facts: allow-listed, private names left out, limits respected."""

import getpass
import json
import os
import socket
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from hfbench_schema.submission import submission_json_schema
from hfbench_submit.machine.facts import machine_facts, usable_cores


def test_the_facts_are_what_the_schema_allows_and_name_nobody() -> None:
    facts = machine_facts()
    Draft202012Validator(submission_json_schema()["properties"]["machine"]).validate(facts)
    text = json.dumps(facts)
    for private in (socket.gethostname(), getpass.getuser(), os.environ.get("HOME", "/root")):
        assert private not in text


def test_cores_are_those_that_affinity_leaves() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no CPU affinity")
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from hfbench_submit.machine.facts import usable_cores; print(usable_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    assert usable_cores() >= 1
