"""What the validator would refuse is an error here already."""

from hfbench_schema.reports import Report
from hfbench_schema.validation import validate
from hfbench_submit.errors import SubmitError


def require_accepted(data: bytes, refused: str, name: str | None = None) -> Report:
    """Return the report of a submission without errors.

    Args:
        data: the submission's bytes.
        refused: how the message begins if it has errors.
        name: its file name, if it has one.

    Raises:
        SubmitError: it has errors; the message lists all findings.
    """
    report = validate(data, name=name)
    if not report.accepted:
        findings = "\n  ".join(str(finding) for finding in report.findings)
        raise SubmitError(f"{refused}:\n  {findings}")
    return report
