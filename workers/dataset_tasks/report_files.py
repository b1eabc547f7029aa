"""How a child that checks rows leaves its report, or why they were refused, in the run folder. Pure."""

from pathlib import Path

import msgspec

from finetune_app.datasets.check_report import CheckReport
from finetune_app.errors import UserError

REPORT_NAME = "report.json"
REFUSAL_NAME = "refusal.json"


def write_report(run_folder: Path, report: CheckReport) -> None:
    """Leave the report for the other side."""
    (run_folder / REPORT_NAME).write_bytes(msgspec.json.encode(report))


def write_refusal(run_folder: Path, refusal: UserError) -> None:
    """Leave the refusal for the other side."""
    (run_folder / REFUSAL_NAME).write_bytes(msgspec.json.encode(refusal.as_json()))


def read_report(run_folder: Path) -> CheckReport:
    """The report.

    Raises:
        UserError: the files were refused.
    """
    if (path := run_folder / REFUSAL_NAME).exists():
        found = msgspec.json.decode(path.read_bytes())
        raise UserError(found["code"], found["message"], field=found.get("field", ""), details=found.get("details", []))
    return msgspec.json.decode((run_folder / REPORT_NAME).read_bytes(), type=CheckReport)
