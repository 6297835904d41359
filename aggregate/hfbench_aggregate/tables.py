"""The tables of a release, as JSON: what the aggregator publishes and the website reads.

A release is the folder `releases/<version>/` with `manifest.json` and one file per table. All
files are canonical JSON, so that the same inputs give the same bytes; published floats are
rounded to six significant digits, because `log` differs in the last bits between processors.
Durations in tables are milliseconds, ratios are candidate over baseline (above 1 is slower).
"""

from typing import Final, NotRequired, TypedDict

from hfbench_schema.submission import EnvironmentFacts, Machine

RELEASE_SCHEMA: Final = "urn:hfbench:schema:release:1"


class InputRow(TypedDict):
    """One accepted submission that the release is computed from."""

    sha256: str
    received_at: str


class SuiteRow(TypedDict):
    """One suite version that occurs in the release."""

    name: str
    version: int
    sha256: str


class TrustedRow(TypedDict):
    """Which accounts vouched for submissions; the provenance of each that is automation."""

    maintainers: list[str]
    automation: dict[str, str]


Alias = TypedDict("Alias", {"is": str, "reason": str})
"""Which machine key another one is, and why, as the registry says."""


class Manifest(TypedDict):
    """What a release was made from, and how: enough to rebuild it byte for byte.

    `as_of` is the moment of the newest ledger entry, not of the building; `ledger_head` is the
    sha256 of that entry, up to which the ledger is pinned. `previous_sha256` is that of the
    manifest of the release before. `trusted` is what the registry said then, which had the sha256
    `registry_sha256`, null if there was none; releases of the first version have no `trusted`.
    `aliases` says which machine keys counted as others, by key; where none did, there is none.
    `schemas` names the forms of documents and machine keys. `constants` holds every number behind
    the statistics, seeds too. `tables` holds the sha256 of every other file of the release, by
    file name.
    """

    schema: str
    version: str
    previous: str | None
    previous_sha256: str | None
    as_of: str
    ledger_head: str
    inputs: list[InputRow]
    registry_sha256: str | None
    schemas: dict[str, str]
    rules_version: int
    method_version: str
    constants: dict[str, float]
    libraries: dict[str, str]
    suites: list[SuiteRow]
    trusted: NotRequired[TrustedRow]
    aliases: NotRequired[dict[str, Alias]]
    tables: dict[str, str]


class AliasRow(TypedDict):
    """A machine key that counts as that of the row it is in, and why.

    `facts` are those of its latest submission; `differing` says which of those in the key are
    others, as in `virtualised no / yes`, the alias first.
    """

    machine_key: str
    reason: str
    differing: list[str]
    facts: Machine
    submissions: list[str]


class MachineRow(TypedDict):
    """One machine key in `machines.json`.

    `facts` are those of its latest submission; of one that has the key itself, if there is any.
    `submissions` are all that count, those of its `aliases` too; without any, there is no list.
    """

    machine_key: str
    title: str
    facts: Machine
    submissions: list[str]
    aliases: NotRequired[list[AliasRow]]


class CorroborationRow(TypedDict):
    """How many shared cells agree with the submission `by` another submitter."""

    by: str
    shared: int
    agreeing: int


class SubmissionRow(TypedDict):
    """One submission in `submissions.json`.

    `statuses` counts process runs by status; `environments` are the labels for people. `trust` is
    one of `trust.TIERS`; `corroboration` is None where nobody else measured the same; releases of
    the first version have neither. `own_machine_key` is there where the key of its facts is an
    alias of `machine_key`.
    """

    sha256: str
    received_at: str
    submitter: str
    machine_key: str
    own_machine_key: NotRequired[str]
    suite: str
    client: str
    started_at: str
    finished_at: str
    environments: list[EnvironmentFacts]
    process_runs: int
    statuses: dict[str, int]
    trust: NotRequired[str]
    corroboration: NotRequired[CorroborationRow | None]


class ProcessRunRow(TypedDict):
    """One process run as a dot: `median_ms` over its timed iterations, null if not measured.

    `attempt` is 1 for a second one, after a contaminated first.
    """

    submission: str
    block: int
    attempt: int
    order: int
    status: str
    reason: str | None
    iterations: int
    warmup_iterations: int
    median_ms: float | None


class CellRow(TypedDict):
    """One cell in one environment on one machine, in `cells.json`.

    `centre_ms` is the geometric mean of the process runs' medians, `low_ms` and `high_ms` its
    95 % interval within these sittings; null where there is nothing to compute them from.
    """

    machine_key: str
    suite: str
    environment: str
    cell: str
    measured: int
    sittings: int
    centre_ms: float | None
    low_ms: float | None
    high_ms: float | None
    flags: list[str]
    process_runs: list[ProcessRunRow]


class BreakEvenRow(TypedDict):
    """After how many calls a mode has paid for its preparation, in `break_even.json`.

    `cell` runs in a mode other than eager, begun with compile caches `empty` or `warm`.
    `compile_ms` is what its first call and its preparation took beyond a steady call, `eager_ms`
    and `mode_ms` a steady call: medians over `process_runs`, [cold, eager, mode]. `calls` is
    null if the mode saves nothing: never. `low` and `high` bound it at 95 %; both null without
    an interval, `high` alone null if it may be never.
    """

    machine_key: str
    suite: str
    environment: str
    cell: str
    caches: str
    compile_ms: float
    eager_ms: float
    mode_ms: float
    calls: float | None
    low: float | None
    high: float | None
    wording: str
    process_runs: list[int]
    flags: list[str]


class MemoryRow(TypedDict):
    """The memory of one cell in one environment, in `memory.json`: MiB, medians of process runs.

    `host_*` are of the whole process: after importing the framework, with the model built, and at
    the peak of the calls. `device_*` are the framework's allocator's, null on a CPU.
    """

    machine_key: str
    suite: str
    environment: str
    cell: str
    measured: int
    host_imported: float | None
    host_built: float | None
    host_peak: float | None
    device_built: float | None
    device_peak: float | None
    device_reserved: float | None
    flags: list[str]


class EnergyRow(TypedDict):
    """The energy of one call in joules, in `energy.json`: medians of process runs.

    `joules` is all that the counter rose by, `net_joules` what is left of it without the power
    drawn while nothing ran; `spread` is (largest - smallest) / median of `joules`. `source` is
    the counter, null if no process run could read one; `flags` then say why.
    """

    machine_key: str
    suite: str
    environment: str
    cell: str
    source: str | None
    measured: int
    joules: float | None
    net_joules: float | None
    busy_watts: float | None
    idle_watts: float | None
    spread: float | None
    flags: list[str]


class VerdictFigures(TypedDict):
    """A verdict and the figures behind it, of one machine or across contributors.

    `low` and `high` bound `ratio` at 95 %; `selected_low` and `selected_high` allow for having
    been selected as a finding (null unless the verdict is faster or slower).
    `detectable` is the smallest ratio above 1 that this data would have shown with 80 % power.
    """

    verdict: str
    ratio: float | None
    low: float | None
    high: float | None
    selected_low: float | None
    selected_high: float | None
    p: float | None
    q: float | None
    p_equivalent: float | None
    detectable: float | None


class ComparedCell(VerdictFigures):
    """One verdict, about one cell.

    `process_runs` is [baseline, candidate]. `wording` says the verdict in a sentence.
    `candidate_ms` / `baseline_ms` is `ratio`: of several interleaved sittings both are the times
    at the mean level of these, so they may differ a little from `CellRow.centre_ms`.
    """

    cell: str
    wording: str
    process_runs: list[int]
    baseline_ms: float | None
    candidate_ms: float | None
    flags: list[str]


class Comparison(TypedDict):
    """One family: every cell of one suite on one machine, baseline against candidate.

    `baseline` and `candidate` are environment titles, the keys of `CellRow.environment`.
    `design` is `interleaved`, `estimated` or `default`: where the sitting term comes from, which
    only cells have that are not interleaved. `interleaved` counts the cells that are, and those
    that both sides measured; `provisional` says what weakens the verdicts of the others, or is
    null. `same_versions` marks
    an A/A comparison. `tested` is the number of cells in the Benjamini-Hochberg family.
    """

    machine_key: str
    suite: str
    baseline: str
    candidate: str
    same_versions: bool
    design: str
    interleaved: list[int]
    sitting_sd: float
    sittings: list[int]
    provisional: str | None
    tested: int
    warnings: list[str]
    cells: list[ComparedCell]
