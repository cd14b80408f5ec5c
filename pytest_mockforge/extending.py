"""What authors of extensions import: the types that our hooks take, and those that these are made of.

Each name is imported from where it lives when it is first used, so that a conftest.py or a package costs nothing in a
run that tests no plugin. All of them are public: they change as semantic versioning has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mockforge import _facade

if TYPE_CHECKING:
    from pytest_mockforge.checks.bench import Bench as Bench
    from pytest_mockforge.checks.bench import Trial as Trial
    from pytest_mockforge.checks.model import Finding as Finding
    from pytest_mockforge.checks.registry import Check as Check
    from pytest_mockforge.checks.registry import CheckFamily as CheckFamily
    from pytest_mockforge.contract.decode import Decoded as Decoded
    from pytest_mockforge.contract.dialects import Dialect as Dialect
    from pytest_mockforge.contract.dialects import HostDialect as HostDialect
    from pytest_mockforge.hosts.objections import Objection as Objection
    from pytest_mockforge.hosts.profile import Candidate as Candidate
    from pytest_mockforge.hosts.profile import Files as Files
    from pytest_mockforge.hosts.profile import HostProfile as HostProfile
    from pytest_mockforge.redaction import Redaction as Redaction
    from pytest_mockforge.report.model import Report as Report
    from pytest_mockforge.report.model import Section as Section
    from pytest_mockforge.report.sections import ReportSection as ReportSection
    from pytest_mockforge.runtimes.added import RuntimeRequest as RuntimeRequest
    from pytest_mockforge.runtimes.added import RuntimeScheme as RuntimeScheme
    from pytest_mockforge.runtimes.base import Exchange as Exchange
    from pytest_mockforge.runtimes.base import Runtime as Runtime
    from pytest_mockforge.runtimes.host_services import ImportedFunction as ImportedFunction
    from pytest_mockforge.runtimes.wasm.language import ModuleLanguage as ModuleLanguage

__all__, __getattr__, __dir__ = _facade(
    __name__,
    {
        "checks.bench": "Bench Trial",
        "checks.model": "Finding",
        "checks.registry": "Check CheckFamily",
        "contract.decode": "Decoded",
        "contract.dialects": "Dialect HostDialect",
        "hosts.objections": "Objection",
        "hosts.profile": "Candidate Files HostProfile",
        "redaction": "Redaction",
        "report.model": "Report Section",
        "report.sections": "ReportSection",
        "runtimes.added": "RuntimeRequest RuntimeScheme",
        "runtimes.base": "Exchange Runtime",
        "runtimes.host_services": "ImportedFunction",
        "runtimes.wasm.language": "ModuleLanguage",
    },
)
