"""Hooks that other packages and conftest.py files implement. Must import nothing but pytest: each run loads this.

All but `pytest_mockforge_host_functions` are asked before options are judged, and only in a run that has to do with
plugins: implement them in a package or in the conftest.py of the folder that pytest is started for. A package whose
users may lack pytest-mockforge marks them `@pytest.hookimpl(optionalhook=True)`, and imports
`pytest_mockforge.extending` inside of them. What is added is gone when the run ends; two things of one name are a usage
error that names both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_mockforge.extending import (
        CheckFamily,
        Dialect,
        HostProfile,
        ImportedFunction,
        ModuleLanguage,
        Redaction,
        ReportSection,
        RuntimeScheme,
    )


@pytest.hookspec
def pytest_mockforge_runtimes(config: pytest.Config) -> Sequence[RuntimeScheme] | None:
    """Give ways to plugins that SPECs name by a scheme of their own: `--mockforge-plugin=quiet://anywhere`.

    What is behind one is a service to us: MF2, MF3, MF5 and MF7 judge it as any other, and MF6 as far as that takes no
    more than whole requests.

        from pytest_mockforge.extending import Exchange, RuntimeScheme

        class Quiet:
            operations = frozenset({"template_function"})

            def __init__(self, request):
                self.limits = request.limits

            def invoke(self, operation, payload, fuel=None):
                return Exchange(
                    operation=operation, request=payload, reply=b"null", failure=None, fuel=None,
                    guest_seconds=0.0, fresh=False,
                )

            def health(self):
                return True

            def metrics(self):
                return {}

            def renew(self): ...

            def close(self, *, for_good=False): ...

        def pytest_mockforge_runtimes(config):
            return [RuntimeScheme(scheme="quiet", open=Quiet)]
    """


@pytest.hookspec
def pytest_mockforge_languages(config: pytest.Config) -> Sequence[ModuleLanguage] | None:
    """Give languages that modules are built from, told by what their toolchains leave behind.

    Reports, budgets (`moonbit: p95<5ms`) and mends know them as they know Rust.

        from pytest_mockforge.extending import ModuleLanguage

        def pytest_mockforge_languages(config):
            mends = {"memory": "export it: \\"export-memory-name\\": \\"memory\\" in moon.pkg.json"}
            return [ModuleLanguage(name="moonbit", producers=[("processed-by", "^moonc$")], mends=mends)]
    """


@pytest.hookspec
def pytest_mockforge_dialects(config: pytest.Config) -> Sequence[Dialect] | None:
    """Give the JSON shapes that another kind of peer speaks: `--mockforge-dialect=shouting`.

    `auto` tries them with services, after the two that are built in.

        from pytest_mockforge.extending import HostDialect

        class Shouting(HostDialect):
            name = "shouting"

            def encode(self, request):
                return super().encode(request) + b"\\n"

        def pytest_mockforge_dialects(config):
            return [Shouting()]
    """


@pytest.hookspec
def pytest_mockforge_hosts(config: pytest.Config) -> Sequence[HostProfile] | None:
    """Give the rules of hosts that load modules: `--mockforge-host=edge`. What they object to is a finding of MF1.

    from pytest_mockforge.extending import Objection

    class Edge:
        name = "edge"
        as_shipped = ""

        def not_compiled(self, files):
            return "edge: bad module"

        def judge_files(self, files):
            if len(files.data) > 1_000_000:
                yield Objection(
                    rule="size", detail="too-large", message="the edge takes 1 MB",
                    expected="at most 1,000,000 bytes", got=f"{len(files.data):,}",
                )

        def judge(self, candidate):
            return ()

    def pytest_mockforge_hosts(config):
        return [Edge()]
    """


@pytest.hookspec
def pytest_mockforge_host_functions(config: pytest.Config) -> Sequence[ImportedFunction] | None:
    """Give Python functions that plugins under test may import, beside those that are always there.

    They answer in every test and in the built-in suite; whether MockForge would link the import is another matter, and
    MF103 tells. Asked once the tests are collected, so that any conftest.py may implement it. Functions that stand for
    the same import, or for one of ours, are a usage error that names both.

        from pytest_mockforge.extending import ImportedFunction

        def now(memory):
            return 1_700_000_000

        def pytest_mockforge_host_functions(config):
            return [ImportedFunction(module="clock", name="now", function=now, results=["i64"])]
    """


@pytest.hookspec
def pytest_mockforge_checks(config: pytest.Config) -> Sequence[CheckFamily] | None:
    """Give checks under codes of your own: each is an item as the built-in ones are, `mockforge::rust::ACME001`.

    `--mockforge-checks=ACME` selects the family, an accept file accepts its findings, `--mockforge-explain=ACME001`
    prints the docstring.

        from pytest_mockforge.extending import Check, CheckFamily, Finding

        def short_replies(bench):
            \"\"\"Replies are kept by our gateway for a day, and it has little room.

            Mend: leave out what the client does not ask for.
            \"\"\"
            for trials in bench.survey.values():
                for trial in trials:
                    size = len(trial.observation.reply_bytes or b"")
                    if size > 100_000:
                        yield Finding(
                            code="ACME001", severity="error", detail=f"{trial.operation}:too-long",
                            message=f"{trial.operation}: a reply of {size:,} bytes", expected="100,000 at most",
                        )

        def pytest_mockforge_checks(config):
            check = Check(code="ACME001", title="replies are short", run=short_replies)
            return [CheckFamily(prefix="ACME", title="our gateway", checks=[check])]
    """


@pytest.hookspec
def pytest_mockforge_redactions(config: pytest.Config) -> Sequence[Redaction] | None:
    """Give what snapshots leave out beside ids, times and secrets, or what else is a secret wherever text is shown.

    from pytest_mockforge.extending import Redaction

    def pytest_mockforge_redactions(config):
        return [
            Redaction(word="ticket", pattern=r"TCK-[0-9]{6}"),
            Redaction(word="badge", names=["badge_number"], secret=True),
        ]
    """


@pytest.hookspec
def pytest_mockforge_budget_defaults(config: pytest.Config) -> Sequence[str] | None:
    """Give budgets that `--mockforge-budget=default` stands for, beside what MockForge's documents promise.

    def pytest_mockforge_budget_defaults(config):
        return ["rust: p95<2ms", "size<1MiB"]
    """


@pytest.hookspec
def pytest_mockforge_report_sections(config: pytest.Config) -> Sequence[ReportSection] | None:
    """Give sections for every report: the summary on the terminal, and the files of `--mockforge-report`.

    They are made once, in the controller of a distributed run, of what was found and measured.

        from pytest_mockforge.extending import ReportSection, Section

        def sizes(report):
            rows = [(plugin.label, str(plugin.identity.get("size"))) for plugin in report.plugins]
            return Section(title="Sizes", head=("plugin", "bytes"), rows=tuple(rows))

        def pytest_mockforge_report_sections(config):
            return [ReportSection(name="sizes", build=sizes)]
    """
