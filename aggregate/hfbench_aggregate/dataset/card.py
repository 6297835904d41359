"""The dataset card: what the Hub shows of a store, and which files its viewer and `datasets` read.

Without `configs`, `datasets.load_dataset` would mix documents, ledger and tables.
"""

from typing import Final

from hfbench_schema import tree

CARD: Final = "README.md"
CONFIGS: Final = {
    "process_runs": tree.PROCESS_RUN_TABLES / "*.parquet",
    "submissions": tree.SUBMISSION_PARTS / "*.parquet",
}
"""The tables of the dataset viewer, the default one first; `datasets` reads one format only."""
_DATASET: Final = "hf://datasets/"
_TEXT = """\
---
license: cc0-1.0
pretty_name: hfbench
tags:
- benchmark
- performance
configs:
{configs}---

# hfbench: how fast transformers runs, measured by anybody, checked by everybody

Every row of `process_runs` is one fresh process that measured one cell of a published suite on
somebody's machine. Times are raw, in integer nanoseconds, warm-up included; nothing that a
contributor computed is in here. Rows of one process are not independent of each other, so do not
count iterations: compare medians of process runs, in blocks, as `hfbench-aggregate compare` does.

```python
from datasets import load_dataset

process_runs = load_dataset("{name}", "process_runs", split="train")
```

- `submissions`: the whole documents, each named by the SHA-256 of its bytes.
- The files in `{ledger}/` hold every decision about every document, one JSON object a line, each
  chained to the line before.
- Documents that came in this month lie in `{submissions}/` and join the tables when it is over.

Failures are rows too: `status` and `reason` say what happened. What was retracted stays in the
ledger; leave it out as it says, or use the releases under `{releases}/`, which have.

To contribute: `hfbench-submit run smoke`, then `hfbench-submit upload DOCUMENT`.
"""


def card(store_name: str) -> bytes:
    """Return the card of a store: the dataset `hf://datasets/org/name`, or a folder."""
    on_the_hub = store_name.startswith(_DATASET)
    name = store_name.removeprefix(_DATASET) if on_the_hub else "."
    first = next(iter(CONFIGS))
    configs = "".join(
        f"- config_name: {config}\n  data_files: {files}\n"
        + ("  default: true\n" if config == first else "")
        for config, files in CONFIGS.items()
    )
    places = {"submissions": tree.SUBMISSIONS, "ledger": tree.LEDGER, "releases": tree.RELEASES}
    return _TEXT.format(configs=configs, name=name, **places).encode()
