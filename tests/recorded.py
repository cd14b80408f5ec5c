"""What an inner run of pytest reported, item by item: a conftest that writes it down, and its reader."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

RECORDER = """
import json
from pathlib import Path

def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        row = [report.nodeid, report.outcome, report.duration, report.longreprtext, getattr(report, "mockforge", None)]
        with Path(__file__).with_name("reports.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\\n")
"""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One item's report."""

    nodeid: str
    outcome: str
    seconds: float
    text: str
    plugin: str
    findings: tuple[dict[str, str], ...]

    def codes(self) -> set[str]:
        """Codes of errors as they stand, those of warnings behind `warning:`."""
        return {said.partition(" ")[0] for said in self.said() if not said.startswith("note:")}

    def said(self) -> set[str]:
        """Code and detail of errors as they stand, those of warnings and notes behind the word and a colon."""
        prefix = {"error": "", "warning": "warning:", "note": "note:"}
        return {f"{prefix[one['severity']]}{one['code']} {one['detail']}" for one in self.findings}


def recorded(folder: Path) -> tuple[Recorded, ...]:
    """Read what the recorder wrote into `folder`."""
    reports = []
    for line in (folder / "reports.jsonl").read_text("utf-8").splitlines():
        nodeid, outcome, seconds, text, plain = json.loads(line)
        plain = plain or {}
        reports.append(
            Recorded(
                nodeid=nodeid,
                outcome=outcome,
                seconds=seconds,
                text=text,
                plugin=plain.get("plugin", ""),
                findings=tuple(plain.get("findings", ())),
            )
        )
    return tuple(reports)


def codes_by_plugin(reports: tuple[Recorded, ...]) -> dict[str, set[str]]:
    """All codes of each plugin."""
    codes: dict[str, set[str]] = {}
    for report in reports:
        codes.setdefault(report.plugin, set()).update(report.codes())
    return codes
