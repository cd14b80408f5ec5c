"""What extensions may add, and how it stands beside what is built in; without pytest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import wasmtime

from pytest_mockforge import Operation, SettingsError, SpecError, extending, hookspecs
from pytest_mockforge.additions import Origin, install
from pytest_mockforge.admission import Given, admit
from pytest_mockforge.budgets.expressions import DEFAULTS, parse_budgets
from pytest_mockforge.checks.registry import find, select
from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.dialects import HostDialect, dialect_named
from pytest_mockforge.contract.requests import TemplateCall
from pytest_mockforge.documents.accepted import read_accept_file
from pytest_mockforge.documents.testfile import read_testfile
from pytest_mockforge.errors import DocumentError, ExtensionError, RequestError
from pytest_mockforge.extending import (
    Bench,
    Candidate,
    Check,
    CheckFamily,
    Exchange,
    Files,
    Finding,
    ModuleLanguage,
    Objection,
    Redaction,
    Report,
    ReportSection,
    RuntimeRequest,
    RuntimeScheme,
    Section,
)
from pytest_mockforge.hosts.mends import mend, page
from pytest_mockforge.hosts.objections import Rule
from pytest_mockforge.hosts.profile import profile
from pytest_mockforge.masking import Redactor
from pytest_mockforge.opening import dialects, hosts, load
from pytest_mockforge.report.html import to_html
from pytest_mockforge.report.json_report import from_json, to_json
from pytest_mockforge.report.markdown import to_markdown
from pytest_mockforge.report.sections import add_sections, section_lines
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.language import detect_language
from pytest_mockforge.spec import parse_spec
from tests.conftest import ROOT
from tests.report_cases import HOSTILE, full_report

FIELDS = (
    *("runtimes", "languages", "dialects", "hosts", "checks", "redactions"),
    *("budget_defaults", "report_sections"),
)


class Quiet:
    """A runtime whose plugin answers null."""

    operations = frozenset({Operation.TEMPLATE_FUNCTION})

    def __init__(self, request: RuntimeRequest) -> None:
        self.request = request
        self.limits: Limits = request.limits

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:
        if b"raise" in payload:
            raise ValueError("no luck")
        reply = None if b"nothing" in payload else b"null"
        return Exchange(
            operation=operation, request=payload, reply=reply, failure=None, fuel=fuel, guest_seconds=0.0, fresh=False
        )

    def health(self) -> bool:
        return True

    def metrics(self) -> dict[str, str]:
        return {}

    def renew(self) -> None: ...

    def close(self, *, for_good: bool = False) -> None: ...


class Shouting(HostDialect):
    """A dialect that breaks on request."""

    name = "shouting"

    def encode(self, request: object) -> bytes:
        assert isinstance(request, TemplateCall)
        match request.function_name:
            case "refuse":
                raise RequestError("template_function: cannot be shouted")
            case "raise":
                raise KeyError("lost")
            case "text":
                return "text"  # type: ignore[return-value] # as an author may err
        return b"HEY"

    def decode(self, operation: Operation, payload: bytes) -> Decoded:
        return "text" if payload == b"text" else super().decode(operation, payload)  # type: ignore[return-value] # as above

    def refused(self, _operation: Operation, payload: bytes) -> str | None:
        return {b"number": 5, b"NO": "no"}.get(payload)  # type: ignore[return-value] # as above


class Edge:
    """A host that takes nothing."""

    name = "edge"
    as_shipped = ""

    def __init__(self, *objections: object) -> None:
        self._objections = objections

    def not_compiled(self, _files: Files) -> str:
        return "edge: no"

    def judge_files(self, _files: Files) -> Iterator[Objection]:
        yield from self._objections  # type: ignore[misc] # as an author may err

    def judge(self, _candidate: Candidate) -> tuple[Objection, ...]:
        return ()


def rule(_bench: Bench) -> Iterator[Finding]:
    """A rule of ours.

    Mend: keep it.
    """
    yield from ()


def family(prefix: str = "ACME", code: str = "ACME001", **changes: object) -> CheckFamily:
    check = Check(code=code, title="a rule", run=rule)
    for name, value in changes.items():
        object.__setattr__(check, name, value)
    return CheckFamily(prefix=prefix, title="ours", checks=[check])


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    before = install()
    yield
    install(before)


def add(field: str, *things: object, plugins: tuple[str, ...] = ("'one'", "'two'")) -> None:
    """Let each thing be given by a plugin of its own."""
    hook = f"pytest_mockforge_{field}"
    owners = [*plugins, *["'more'"] * len(things)]
    given: Given = [(Origin(hook=hook, plugin=who), one) for who, one in zip(owners, things, strict=False)]
    admit({name: given if name == field else () for name in FIELDS})


REFUSED: dict[str, tuple[str, tuple[object, ...], str]] = {
    "no-type": ("redactions", (5,), "gave 5, which is no Redaction\n  hint: give a list of pytest_mockforge.extending"),
    "no-members": ("hosts", (object(),), "which is no HostProfile\n  expected: an object with name, as_shipped"),
    "a-class": ("dialects", (Shouting,), "which is no Dialect\n.*\n  got: a class"),
    "two": ("hosts", (Edge(), Edge()), "'edge' is given by pytest_mockforge_hosts of 'one', and by .* of 'two'"),
    "our-dialect": ("dialects", (HostDialect(),), "the dialect 'host' is given by .*, and is pytest-mockforge's own"),
    "our-scheme": ("runtimes", (RuntimeScheme(scheme="grpc", open=Quiet),), "the scheme 'grpc' is given by"),
    "short-scheme": ("runtimes", (RuntimeScheme(scheme="q", open=Quiet),), "a scheme cannot be called 'q'"),
    "no-function": ("report_sections", (ReportSection(name="s", build=5),), "build of the section 's' cannot be 5"),  # type: ignore[arg-type]
    "our-language": ("languages", (ModuleLanguage(name="rust"),), "the language 'rust' is given by"),
    "operation": ("languages", (ModuleLanguage(name="authenticate"),), "the language 'authenticate' is given by"),
    "no-topic": ("languages", (ModuleLanguage(name="moon", mends={"luck": "x"}),), "mends 'luck', which is no topic"),
    "our-kind": ("redactions", (Redaction(word="jwt", pattern="x"),), "the redaction 'jwt' is given by"),
    "our-prefix": ("checks", (family("MFX", "MFX001"),), "the prefix of codes cannot be called 'MFX'"),
    "selecting": ("checks", (family("ALL", "ALL001"),), "the prefix of codes 'ALL' is given by"),
    "another-prefix": ("checks", (family("ACME", "XY001"),), "'XY001' is no code of the family ACME"),
    "four-digits": ("checks", (family(code="ACME0001"),), "'ACME0001' is no code"),
    "no-need": ("checks", (family(need="luck"),), "need of ACME001 cannot be 'luck'"),
    "no-page": ("checks", (family(run=lambda _: ()),), "ACME001 has no page"),
    "no-budget": ("budget_defaults", ("rust: p95",), "pytest_mockforge_budget_defaults of 'one': p95 is not compared"),
    "default-again": ("budget_defaults", ("default",), "gave 'default', which is no budget"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_added_is_refused_by_hook_and_plugin(case: str) -> None:
    field, things, said = REFUSED[case]
    with pytest.raises(SettingsError, match=f"(?s){said}") as caught:
        add(field, *things)
    assert f"pytest_mockforge_{field} of 'one'" in str(caught.value)


def test_a_redaction_says_what_it_is_about() -> None:
    with pytest.raises(SettingsError, match="'r' says not what it is about"):
        Redaction(word="r")
    with pytest.raises(SettingsError, match="the pattern of the redaction 'r' is none: "):
        Redaction(word="r", pattern="(")
    with pytest.raises(SettingsError, match="matches an empty text"):
        Redaction(word="r", pattern="x*")


def test_a_scheme_of_an_extension_is_a_spec(tmp_path: Path) -> None:
    add("runtimes", RuntimeScheme(scheme="quiet", open=Quiet))
    spec = parse_spec("QUIET://any/where?x=1", tmp_path)
    assert (spec.kind, spec.label, spec.scheme, spec.folder) == ("added", "any-where-x-1", "quiet", None)
    with pytest.raises(SpecError, match=r"unknown scheme 'loud'\n.*; quiet:// is an extension's"):
        parse_spec("loud://x", tmp_path)
    with pytest.raises(SpecError, match="names nothing behind quiet://"):
        parse_spec("quiet://", tmp_path)
    with pytest.raises(SpecError, match="holds credentials") as caught:
        parse_spec("quiet://me:hush@host", tmp_path)
    assert "hush" not in str(caught.value)


def test_a_plugin_test_yaml_may_name_a_scheme_of_an_extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "plugin.test.yaml"
    (tmp_path / "plugin.yaml").write_text("id: a\n", "utf-8")
    file.write_text("remote: {url: quiet://there, auth: {type: bearer, env: QUIET_TOKEN}}\n", "utf-8")
    with pytest.raises(DocumentError, match="has none of the schemes"):
        read_testfile(file)
    seen: list[RuntimeRequest] = []

    def opened(request: RuntimeRequest) -> Quiet:
        seen.append(request)
        return Quiet(request)

    add("runtimes", RuntimeScheme(scheme="quiet", open=opened))
    monkeypatch.setenv("QUIET_TOKEN", "hush")
    with load(tmp_path, timeout="1s") as plugin:
        assert plugin.template_function("f") is None
    assert {(one.address, one.secret, one.limits.timeout) for one in seen} == {("quiet://there", "hush", 1.0)}


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("raise", "pytest_mockforge_runtimes of 'one': the runtime of quiet://, invoke raised ValueError: no luck"),
        ("nothing", "the runtime of quiet://, invoke gave what cannot be used\n  expected: an Exchange with a reply"),
    ],
)
def test_a_runtime_that_breaks_is_named_and_not_the_plugin(argument: str, said: str) -> None:
    add("runtimes", RuntimeScheme(scheme="quiet", open=Quiet))
    with load("quiet://x", dialect="host") as plugin, pytest.raises(ExtensionError, match=said):
        plugin.template_function("f", argument)


def test_what_is_no_runtime_is_named() -> None:
    add("runtimes", RuntimeScheme(scheme="quiet", open=lambda _: object()))  # type: ignore[arg-type,return-value]
    with pytest.raises(ExtensionError, match="open gave what cannot be used\n  expected: a Runtime, which has limits"):
        load("quiet://x")


def test_a_closed_plugin_behind_an_added_scheme_cannot_be_called() -> None:
    add("runtimes", RuntimeScheme(scheme="quiet", open=Quiet))
    with load("quiet://x", dialect="host") as plugin:
        pass
    with pytest.raises(Exception, match="the plugin is closed"):
        plugin.template_function("f")


def test_a_dialect_is_asked_for_by_name_and_named_where_it_breaks() -> None:
    add("dialects", Shouting())
    assert dialects()[-1] == "shouting"
    dialect = dialect_named("shouting")
    assert dialect.encode(TemplateCall(function_name="f")) == b"HEY"
    with pytest.raises(RequestError, match="cannot be shouted"):
        dialect.encode(TemplateCall(function_name="refuse"))
    with pytest.raises(ExtensionError, match="of 'one': encode of the dialect 'shouting' raised KeyError: 'lost'"):
        dialect.encode(TemplateCall(function_name="raise"))
    with pytest.raises(ExtensionError, match="encode of the dialect 'shouting' gave what cannot be used"):
        dialect.encode(TemplateCall(function_name="text"))


def test_a_dialect_whose_reading_cannot_be_used_is_named_with_what_it_gave() -> None:
    add("dialects", Shouting())
    dialect = dialect_named("shouting")
    assert dialect.decode(Operation.TEMPLATE_FUNCTION, b"1").value == 1
    with pytest.raises(ExtensionError, match="decode of the dialect 'shouting' gave what cannot be used") as caught:
        dialect.decode(Operation.TEMPLATE_FUNCTION, b"text")
    assert "expected: Decoded\n  got: 'text'" in str(caught.value)
    assert dialect.refused(Operation.TEMPLATE_FUNCTION, b"NO") == "no"
    assert dialect.refused(Operation.TEMPLATE_FUNCTION, b"1") is None
    with pytest.raises(ExtensionError, match="refused of the dialect 'shouting' gave what cannot be used") as caught:
        dialect.refused(Operation.TEMPLATE_FUNCTION, b"number")
    assert "expected: text or None\n  got: 5" in str(caught.value)


def test_a_host_is_asked_for_by_name_and_may_only_object_by_a_rule() -> None:
    files = Files(data=b"", adapter="rust")
    objection = Objection(rule="size", detail="d", message="m", expected="e", got="g")
    add("hosts", Edge(objection))
    assert hosts()[-1] == "edge"
    assert tuple(profile("edge").judge_files(files)) == (objection,)
    add("hosts", Edge(Objection(rule="luck", detail="d", message="m", expected="e", got="g")))  # type: ignore[arg-type]
    with pytest.raises(ExtensionError, match="judge_files of the host profile 'edge' gave what cannot be used"):
        profile("edge").judge_files(files)


def test_a_language_is_told_by_its_traces_and_goes_before_ours_on_equal_evidence() -> None:
    data = bytes(wasmtime.wat2wasm('(module (@producers (processed-by "rustc" "1") (processed-by "moonc" "2")))'))
    info = inspect_module(data)
    assert detect_language(info, data).language == "rust"
    moon = ModuleLanguage(name="moonbit", producers=[("processed-by", "^moonc$")], mends={"memory": "by moon.pkg"})
    add("languages", moon)
    assert detect_language(info, data).language == "moonbit"
    assert detect_language(info, data).evidence == ("producers: processed-by 'moonc 2'",)
    add("languages", ModuleLanguage(name="moonbit", data=[b"moonc"]))
    assert detect_language(info, data).language == "rust"


def test_a_mend_and_a_budget_know_an_added_language() -> None:
    with pytest.raises(SettingsError, match="'moonbit' is no language"):
        parse_budgets("moonbit: p95<1ms", source="s")
    general = mend("operations", "moonbit")
    add("languages", ModuleLanguage(name="moonbit", mends={"memory": "by moon.pkg"}))
    assert mend("memory", "moonbit") == "by moon.pkg"
    assert mend("operations", "moonbit") == general
    assert "  moonbit: by moon.pkg" in page(["memory"])
    (budget,) = parse_budgets("moonbit: p95<2x rust", source="s")
    assert budget.scope.languages == {"moonbit"}


def test_default_stands_for_the_budgets_of_extensions_too() -> None:
    add("budget_defaults", "size<1MiB")
    *ours, theirs = parse_budgets("default", source="--mockforge-budget")
    assert len(ours) == len(DEFAULTS)
    assert (theirs.text, theirs.by_default) == ("size<1MiB", True)
    assert theirs.source == "--mockforge-budget (pytest_mockforge_budget_defaults of 'one')"


def test_checks_are_selected_explained_and_accepted_by_their_codes(tmp_path: Path) -> None:
    file = tmp_path / "accept.yaml"
    file.write_text("- {code: ACME001, reason: for now}", "utf-8")
    with pytest.raises(DocumentError, match="is no check's code"):
        read_accept_file(file)
    with pytest.raises(SettingsError, match="selects no check"):
        select("ACME")
    add("checks", family())
    assert [check.code for check in select("acme")] == ["ACME001"]
    assert select("default")[-1].code == "ACME001"
    assert "ACME001" not in [check.code for check in select("all,-ACME")]
    assert find("acme001").page.startswith("ACME001  a rule\nfamily ACME: ours\n\nA rule of ours.")
    assert find("ACME001").remedy == "keep it"
    assert read_accept_file(file)[0].code == "ACME001"


def test_a_secret_of_an_extension_is_masked_by_form_and_by_name() -> None:
    add(
        "redactions",
        Redaction(word="badge", names=["badge_number"], secret=True),
        Redaction(word="ticket", pattern="TCK-[0-9]{6}", secret=True),
        Redaction(word="plain", pattern="nothing secret"),
    )
    assert Redactor().value({"Badge-Number": "B-2210", "x": 1}) == {"Badge-Number": "~secret.1~", "x": 1}
    assert Redactor().text("of TCK-000417, TCK-000417") == "of ~secret.1~, ~secret.1~"
    assert Redactor().text("nothing secret") == "nothing secret"


def with_section(*sections: ReportSection) -> Report:
    from pytest_mockforge.additions import current

    add("report_sections", *sections)
    return add_sections(full_report(), current().sections.values())


def test_a_section_stands_in_every_form_of_report() -> None:
    section = Section(title="Sizes", lines=("of all",), head=("plugin", "bytes"), rows=(("rust", "12"),))
    report = with_section(ReportSection(name="sizes", build=lambda _: section))
    assert from_json(to_json(report)) == report
    assert report.sections[0].name == "sizes"
    assert "| `rust` | `12` |" in to_markdown(report)
    assert '<section id="section-sizes" aria-labelledby="section-sizes-title">' in to_html(report)
    assert section_lines(report.sections[0], 80) == ["Sizes", "  of all", "  plugin  bytes", "  rust    12"]
    assert section_lines(report.sections[0], 12)[2:] == ["  rust: bytes 12"]


def test_a_section_is_left_out_where_there_is_nothing_to_say() -> None:
    assert with_section(ReportSection(name="sizes", build=lambda _: None)).sections == ()


def test_what_a_section_says_is_harmless_and_masked() -> None:
    section = Section(title=HOSTILE, lines=(HOSTILE, "token=hush-hush-1"), head=("a",), rows=((HOSTILE,),))
    report = with_section(ReportSection(name="s", build=lambda _: section))
    for text in (to_html(report), "\n".join(section_lines(report.sections[0], 200)), to_json(report)):
        assert "hush-hush" not in text
        assert "\x1b" not in text
    assert "<script>" not in to_html(report)
    assert "<script>alert" not in to_markdown(report).replace(f"`{HOSTILE}`", "").partition("<details")[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("text", "expected: a Section, of text alone"),
        (Section(title="t", head=("a", "b"), rows=(("1",),)), "expected: a Section whose rows are as long as its head"),
        (Section(title="t", lines=(5,)), "expected: a Section, of text alone"),  # type: ignore[arg-type]
    ],
)
def test_a_section_that_cannot_be_made_says_so_and_keeps_no_other_back(given: object, said: str) -> None:
    report = with_section(
        ReportSection(name="bad", build=lambda _: given),  # type: ignore[arg-type,return-value]
        ReportSection(name="good", build=lambda _: Section(title="good")),
    )
    assert [section.name for section in report.sections] == ["bad", "good"]
    assert said in report.sections[0].failed
    assert "pytest_mockforge_report_sections of 'one'" in to_markdown(report)


def test_the_page_for_authors_names_every_hook_rule_and_name_that_they_meet() -> None:
    text = (ROOT / "docs" / "extending.md").read_text("utf-8")
    hooks = [name for name in vars(hookspecs) if name.startswith("pytest_")]
    assert [name for name in (*hooks, *get_args(Rule)) if f"`{name}`" not in text] == []
    kinds = {"Candidate", "Files", "Report", "RuntimeRequest", "Bench", "Exchange"}
    assert kinds <= set(extending.__all__)
    assert [name for name in kinds if f"`{name}`" not in text] == []


def test_every_name_for_authors_can_be_imported() -> None:
    for name in extending.__all__:
        assert getattr(extending, name).__doc__
        assert name in dir(extending)
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        _ = extending.Nonsense
