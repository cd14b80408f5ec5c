"""MF8, --mockforge-compare and mockforge_differential as their users see them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pytest_mockforge.checks.registry import catalogue
from pytest_mockforge.documents.testfile import read_testfile
from tests.answering import ADMITTED, DENIED, write_answering
from tests.conftest import ROOT, RUST, Run
from tests.guests_for_fuzzing import guest, holding

PORTED = ROOT / "fixtures" / "ported" / "c"
OTHER = ADMITTED.replace('"calls":1', '"calls":2')
BRIEF = ("--mockforge-checks=MF8", "-k", "not MF803", "--mockforge-cache=off")
COMPARED = """
import pytest

from pytest_mockforge import PluginFailure

OLD = {old!r}


def test_authenticate(mockforge_differential, mockforge_plugin, mockforge_request):
    asked = [mockforge_request.auth(query={{"token": "alpha"}})]
    mockforge_differential(OLD, mockforge_plugin, requests=asked, samples=False)


def test_template_function(mockforge_differential, mockforge_plugin, mockforge_request):
    asked = [mockforge_request.template("length", "né🎸")]
    mockforge_differential(OLD, mockforge_plugin, requests=asked, samples=False)


def test_generate_response(mockforge_differential, mockforge_plugin, mockforge_request):
    asked = [mockforge_request.response("GET", "/greeting/Ada")]
    mockforge_differential(OLD, mockforge_plugin, requests=asked, samples=False)


def test_query_datasource(mockforge_differential, mockforge_plugin, mockforge_request):
    asked = [mockforge_request.query("SELECT * FROM users", limit=1)]
    mockforge_differential(OLD, mockforge_plugin, requests=asked, samples=False)
"""


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """The folder of the run, with `old.wat` and `new.wat`, which differs from it in a claim."""
    write_answering(pytester.path / "old.wat", authenticate=ADMITTED)
    write_answering(pytester.path / "new.wat", authenticate=OTHER)
    return pytester.path


def short(result: pytest.RunResult) -> list[str]:
    """Give what failed, each with the first line of why."""
    return [line.removeprefix("FAILED ") for line in result.outlines if line.startswith("FAILED ")]


# --- the port with one planted difference an operation ----------------------------------------------------------------


def test_a_port_is_caught_in_each_operation_by_the_field_that_differs(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(COMPARED.format(old=str(RUST)))
    result = run(f"--mockforge-plugin=port={PORTED}", "--mockforge-checks=none", "-vv")
    result.assert_outcomes(failed=4)
    told = [re.sub(r".*Failure: ", "", line) for line in short(result)]
    assert told == [
        "port: authenticate: /claims/scope differs from rust, on 'request 1' (and 1 more)",
        "port: template_function: /chars differs from rust, on 'request 1'",
        "port: generate_response: /headers/content-language differs from rust, on 'request 1'",
        "port: query_datasource: /rows/0/note differs from rust, on 'request 1'",
    ]


def test_the_checks_name_the_field_with_both_replies(run: Run) -> None:
    result = run(f"--mockforge-plugin=port={PORTED}", f"--mockforge-compare={RUST}", *BRIEF)
    result.assert_outcomes(passed=3, failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "error MF802: authenticate: /claims/scope differs from rust, on 'a known token is admitted'",
            "    detail: authenticate:/claims/scope",
            '    expected: "read write"',
            "    got: nothing",
            '    rust replied: {"authenticated":true*"scope":"read write"*',
            '    port replied: {"authenticated":true*"scopes":"read write"*',
            '    request: {*"uri":"/api/users?token=~secret.*',
        ]
    )
    details = [line.strip() for line in result.outlines if line.startswith("    detail: ")]
    assert details == [
        "detail: authenticate:/claims/scope",
        "detail: authenticate:/claims/scopes",
        "detail: query_datasource:/rows/*/note",
        "detail: template_function:/chars",
    ]


@pytest.mark.slow
def test_drawn_requests_catch_the_port_too_and_the_test_to_paste_fails_alike(
    run: Run, pytester: pytest.Pytester
) -> None:
    args = (f"--mockforge-plugin=port={PORTED}", f"--mockforge-compare={RUST}", "--mockforge-checks=MF803")
    result = run(*args, "--mockforge-fuzz-examples=60", "--mockforge-fuzz-time=20s", search=True)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["error MF803: template_function: /chars differs from rust, on a drawn request"])
    text = result.stdout.str().partition("on a drawn request\n    detail: template_function:/chars")[2]
    lines = text.partition("reproduce with:\n")[2].partition("\nerror ")[0].partition("\nrule: ")[0].splitlines()
    pytester.makepyfile("\n".join(line.removeprefix("        ") for line in lines))
    again = run("--mockforge-checks=none", "-vv")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*/chars differs from rust, on 'request 1'*"])


# --- which plugins are compared ---------------------------------------------------------------------------------------


def test_nothing_is_compared_unless_a_run_says_with_what(run: Run, folder: Path) -> None:
    result = run(f"--mockforge-plugin={folder / 'new.wat'}", "--co", "-q")
    assert "MF701" in result.stdout.str()
    assert "MF8" not in result.stdout.str()


@pytest.mark.parametrize("reference", ["old", "old.wat", "./old.wat"])
def test_every_other_plugin_of_the_run_is_compared_with_one_of_them(run: Run, folder: Path, reference: str) -> None:
    write_answering(folder / "third.wat", authenticate=ADMITTED)
    plugins = [f"--mockforge-plugin={name}.wat" for name in ("new", "old", "third")]
    result = run(*plugins, f"--mockforge-compare={reference}", *BRIEF)
    assert [line.partition(" - ")[0] for line in short(result)] == ["mockforge::new::MF802"]
    result.assert_outcomes(passed=7, failed=1, deselected=2)
    assert "mockforge::old::" not in run(*plugins, f"--mockforge-compare={reference}", *BRIEF, "--co").stdout.str()


def test_the_ini_key_names_it_too_and_counts_from_its_file(run: Run, folder: Path) -> None:
    (folder / "pytest.ini").write_text("[pytest]\nmockforge_plugins = new.wat\nmockforge_compare = old.wat\n", "utf-8")
    run(*BRIEF).assert_outcomes(passed=3, failed=1, deselected=1)


def test_an_ini_key_does_not_disturb_a_run_without_plugins(run: Run, folder: Path) -> None:
    (folder / "pytest.ini").write_text("[pytest]\nmockforge_compare = nowhere.wat\n", "utf-8")
    (folder / "test_mine.py").write_text("def test_mine(): pass\n", "utf-8")
    run().assert_outcomes(passed=1)


def test_a_reference_with_the_label_of_a_plugin_gets_another(run: Run, folder: Path) -> None:
    (folder / "earlier").mkdir()
    (folder / "old.wat").rename(folder / "earlier" / "new.wat")
    result = run("--mockforge-plugin=new.wat", "--mockforge-compare=earlier/new.wat", *BRIEF)
    result.stdout.fnmatch_lines(["MF802 authenticate: /claims/calls differs from new-2, on *"])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ["--mockforge-plugin=new.wat", "--mockforge-compare=gone.wat"],
            "what is compared with: 'gone.wat' does not exist*it is no label either: the plugins are new",
        ),
        (["--mockforge-plugin=new.wat", "--mockforge-compare=new"], "'new' would be compared with itself"),
        (["--mockforge-plugin=new.wat", "--mockforge-compare=./new.wat"], "'./new.wat' would be compared with itself"),
        (["--mockforge-compare=old.wat"], "'old.wat' would be compared with no plugin"),
        (
            ["--mockforge-plugin=new.wat", "--mockforge-checks=MF8"],
            "'MF8' selects checks that compare, and nothing is compared*hint: add --mockforge-compare=SPEC",
        ),
        (["--mockforge-plugin=new.wat", "mockforge::new::MF802"], "mockforge::new::MF802 names no check of this run"),
        (
            [
                "--mockforge-plugin=new.wat",
                "--mockforge-plugin=old.wat",
                "--mockforge-compare=old",
                "mockforge::old::MF802",
            ],
            "mockforge::old::MF802 names no check of this run",
        ),
    ],
)
def test_what_cannot_be_compared_ends_the_run_with_the_reason(
    run: Run, folder: Path, args: list[str], said: str
) -> None:
    assert folder.is_dir()
    result = run(*args)
    text = " ".join(result.stderr.str().split())
    assert result.ret == 4
    assert all(part in text for part in said.split("*"))


def test_a_spec_means_the_plugin_of_the_run_that_it_leads_to(run: Run, folder: Path) -> None:
    assert folder.is_dir()
    args = ("--mockforge-plugin=new.wat", "--mockforge-plugin=old.wat", "--mockforge-compare=x=old.wat")
    run(*args, *BRIEF).stdout.fnmatch_lines(["MF802 authenticate: /claims/calls differs from old, on *"])


def test_one_check_is_run_by_its_id(run: Run, folder: Path) -> None:
    assert folder.is_dir()
    args = ("--mockforge-plugin=new.wat", "--mockforge-compare=old.wat", "mockforge::new::MF801")
    run(*args).assert_outcomes(passed=1)


def test_a_reference_that_does_not_load_skips_with_its_reason(run: Run, folder: Path) -> None:
    (folder / "old.wasm").write_bytes(b"\0asm\x01\0\0\0\x01\x7f")
    result = run("--mockforge-plugin=new.wat", "--mockforge-compare=old.wasm", "--mockforge-checks=MF8", "-rs")
    result.assert_outcomes(skipped=5)
    result.stdout.fnmatch_lines(["SKIPPED*the reference 'old' does not load: *"])


def test_a_file_that_two_specs_lead_to_is_not_compared_with_itself(run: Run) -> None:
    args = (f"--mockforge-plugin={RUST}", f"--mockforge-compare=same={RUST / 'plugin.wasm'}", "--mockforge-checks=MF8")
    result = run(*args, "-rs")
    result.assert_outcomes(skipped=5)
    result.stdout.fnmatch_lines(["SKIPPED*the reference 'same' is the plugin itself"])


def test_an_operation_that_is_not_there_fails_a_check_of_its_own(run: Run, folder: Path) -> None:
    write_answering(folder / "old.wat", authenticate=ADMITTED, template_function="1")
    write_answering(folder / "new.wat", authenticate=ADMITTED, query_datasource="1")
    result = run("--mockforge-plugin=new.wat", "--mockforge-compare=old.wat", *BRIEF)
    assert [line.partition(" - ")[0] for line in short(result)] == ["mockforge::new::MF804"]
    result.assert_outcomes(passed=3, failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "error MF804: template_function is not there, and old has it",
            "note MF804: query_datasource is there, and old does not have it: it is not compared",
        ]
    )


def test_plugins_without_a_common_operation_skip_what_compares_replies(run: Run, folder: Path) -> None:
    write_answering(folder / "new.wat", template_function="1")
    result = run("--mockforge-plugin=new.wat", "--mockforge-compare=old.wat", "--mockforge-checks=MF8", "-rs")
    result.assert_outcomes(failed=1, skipped=4)
    result.stdout.fnmatch_lines(["SKIPPED*no operation is common with 'old', see MF804"])


# --- what may differ --------------------------------------------------------------------------------------------------

DIFFERENCES = """
differences:
  - pointer: /claims/calls
    operation: authenticate
    reason: the port counts from two
"""


def test_a_difference_that_is_meant_is_named_in_the_test_file(run: Run, folder: Path) -> None:
    (folder / "plugin.test.yaml").write_text(DIFFERENCES, "utf-8")
    run("--mockforge-plugin=new.wat", "--mockforge-compare=old.wat", *BRIEF).assert_outcomes(passed=4, deselected=1)


def test_an_entry_that_covers_no_difference_any_more_fails(run: Run, folder: Path) -> None:
    (folder / "plugin.test.yaml").write_text(DIFFERENCES, "utf-8")
    write_answering(folder / "new.wat", authenticate=ADMITTED)
    args = ("--mockforge-plugin=new.wat", "--mockforge-compare=old.wat", "--mockforge-checks=MF805")
    result = run(*args, "--mockforge-fuzz-time=20s")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "error MF805: authenticate:/claims/calls may differ from old, and does not",
            "    expected: the difference of plugin.test.yaml:3 (the port counts from two)",
        ]
    )


def test_an_entry_that_has_run_out_is_named_in_the_finding(run: Run, folder: Path) -> None:
    (folder / "plugin.test.yaml").write_text(f"{DIFFERENCES}    expires: 2020-01-01\n", "utf-8")
    result = run("--mockforge-plugin=new.wat", "--mockforge-compare=old.wat", *BRIEF)
    assert [line.partition(" - ")[0] for line in short(result)] == ["mockforge::new::MF802"]
    result.stdout.fnmatch_lines(["    hint: plugin.test.yaml:3 allowed it until 2020-01-01"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("differences: [/claims]", "a difference that is allowed holds the wrong value"),
        ("differences: [{pointer: claims, reason: x}]", "'claims' is no JSON pointer"),
        ("differences: [{pointer: /claims}]", "a difference that is allowed has no 'reason'"),
        ("differences: [{pointer: /claims, reason: x, operation: login}]", "'login' is no operation"),
        ("differences: [{pointer: /claims, reason: x, expires: soon}]", "'soon' is no date"),
    ],
)
def test_an_entry_that_cannot_be_read_is_told_with_its_line(run: Run, folder: Path, text: str, said: str) -> None:
    (folder / "plugin.test.yaml").write_text(text, "utf-8")
    result = run("--mockforge-plugin=new.wat", "--mockforge-checks=MF701,MF208")
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*plugin.test.yaml:1*{said}*"])


def test_an_accepted_difference_is_an_expected_failure(run: Run, folder: Path) -> None:
    accept = "- code: MF802\n  detail: authenticate:/claims/*\n  reason: told to all\n"
    (folder / "accept.yaml").write_text(accept, "utf-8")
    result = run("--mockforge-plugin=new.wat", "--mockforge-compare=old.wat", *BRIEF, "--mockforge-accept=accept.yaml")
    result.assert_outcomes(passed=3, xfailed=1, deselected=1)


# --- where it shows ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_workers_compare_and_reports_tell(run: Run, folder: Path) -> None:
    reports = [f"--mockforge-report=out.{ending}" for ending in ("json", "md", "html")]
    args = ("--mockforge-plugin=new.wat", "--mockforge-compare=old.wat", *BRIEF, *reports)
    run(*args, "-p", "xdist", "-n", "2", subprocess=True).assert_outcomes(passed=3, failed=1)
    report = json.loads((folder / "out.json").read_text("utf-8"))
    (finding,) = [
        one for check in report["plugins"][0]["checks"] for one in check["findings"] if one["code"] == "MF802"
    ]
    assert (finding["expected"], finding["got"]) == ("1", "2")
    assert [*finding["replies"]] == ["old", "new"]
    assert "/claims/calls differs from old" in (folder / "out.md").read_text("utf-8")
    html = (folder / "out.html").read_text("utf-8")
    assert "/claims/calls differs from old" in html
    assert "old replied" in html


def test_the_header_says_what_is_compared_with(run: Run, folder: Path) -> None:
    assert folder.is_dir()
    result = run("--mockforge-plugin=new.wat", "--mockforge-compare=old.wat", "--mockforge-checks=MF804")
    result.stdout.fnmatch_lines(["mockforge: new (new.wat), compared with old (old.wat); host adapter; *"])


# --- the fixture ------------------------------------------------------------------------------------------------------


def test_a_test_compares_several_plugins_and_gets_a_report(run: Run, pytester: pytest.Pytester, folder: Path) -> None:
    write_answering(folder / "third.wat", authenticate=OTHER)
    pytester.makepyfile(
        """
        import pytest
        from pytest_mockforge import PluginFailure

        ALLOW = [{"pointer": "/claims/calls", "operation": "authenticate", "reason": "meant"}, "/metadata"]

        def test_report(mockforge_differential, mockforge_load):
            report = mockforge_differential("old.wat", mockforge_load("new.wat"), "third.wat", allow=ALLOW)
            assert report.plugins == ("old", "new", "third")
            assert report.differences == {}
            assert report.compared == 2 * 13
            assert (report.allowed, report.unused) == (("authenticate:/claims/calls",), ("/metadata",))

        def test_failure(mockforge_differential):
            with pytest.raises(PluginFailure) as raised:
                mockforge_differential("old.wat", "new.wat", "third.wat")
            text = str(raised.value)
            assert text.startswith("new: authenticate: /claims/calls differs from old, on 'get-without-token' and 12")
            assert "\\nthird:\\n" in text
        """
    )
    run(subprocess=False).assert_outcomes(passed=2)


def test_a_test_draws_requests_from_a_seed(run: Run, pytester: pytest.Pytester) -> None:
    otherwise = ADMITTED.replace("u-1", "u-2")
    for name, reply in (("old", ADMITTED), ("new", otherwise)):
        guest(pytester.path / f"{name}.wat", holding("'", "(;1;)"), replies=(ADMITTED, reply))
    pytester.makepyfile(
        """
        def test_it(mockforge_differential):
            mockforge_differential("old.wat", "new.wat", fuzz=100, seconds=10, seed=1)
        """
    )
    result = run("-vv")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*new: authenticate: /identity/user_id differs from old, on a drawn request",
            "*compared 13 requests with old, * drawn from seed 1",
            "*reproduce with:",
        ]
    )


def test_what_a_test_cannot_compare_is_refused_with_the_reason(
    run: Run, pytester: pytest.Pytester, folder: Path
) -> None:
    write_answering(folder / "third.wat", authenticate=DENIED, template_function="1")
    pytester.makepyfile(
        """
        import pytest
        from pytest_mockforge import LoadFailure, PluginFailure, RequestError, SettingsError, SetupError, SpecError

        @pytest.mark.parametrize(("plugins", "options", "error", "said"), [
            (["new.wat"], {}, SettingsError, "two plugins at least"),
            (["new.wat", "./new.wat"], {}, SettingsError, "'new' would be compared with itself"),
            (["old.wat", "gone.wat"], {}, SpecError, "'gone.wat' does not exist"),
            (["old.wat", "broken.wasm"], {}, LoadFailure, ""),
            (["old.wat", "new.wat"], {"samples": False}, SettingsError, "nothing was compared of 'old' and 'new'"),
            (["old.wat", "new.wat"], {"fuzz": -1}, SettingsError, "fuzz cannot be -1"),
            (["old.wat", "new.wat"], {"allow": ["x"]}, SettingsError, "'x' cannot be allowed"),
            (["third.wat", "new.wat"], {"ask": "template"}, PluginFailure, "new has no template_function"),
            (["new.wat", "third.wat"], {"ask": "template"}, PluginFailure, "new has no template_function"),
            (["third.wat", "new.wat"], {}, PluginFailure, "new: template_function is not there, and third has it"),
            (["old.wat", "new.wat"], {"ask": "bearer"}, RequestError, "does not carry credentials"),
        ])
        def test_it(mockforge_differential, mockforge_request, tmp_path, plugins, options, error, said):
            asked = {"template": mockforge_request.template("f"), "bearer": mockforge_request.auth(bearer="t")}
            requests = [asked[options.pop("ask")]] if "ask" in options else []
            with pytest.raises(error) as raised:
                mockforge_differential(*plugins, requests=requests, **options)
            assert said in str(raised.value)
        """
    )
    (folder / "broken.wasm").write_bytes(b"\0asm\x01\0\0\0\x01\x7f")
    run().assert_outcomes(passed=11)


# --- the page ---------------------------------------------------------------------------------------------------------


def blocks(language: str) -> list[str]:
    text = (ROOT / "docs" / "differential.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_the_tests_of_the_page_pass(run: Run, pytester: pytest.Pytester) -> None:
    (pytester.path / "fixtures").symlink_to(ROOT / "fixtures")
    pytester.makepyfile("\n\n".join(blocks("python")))
    c = ROOT / "fixtures" / "reference" / "c"
    run(f"--mockforge-plugin={c}", "--mockforge-checks=none", "-o", "mockforge_fuzz_time=3s").assert_outcomes(passed=3)


def test_the_documents_of_the_page_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "plugin.test.yaml"
    path.write_text("\n".join(blocks("yaml")), "utf-8")
    read = read_testfile(path)
    assert [str(one) for one in read.differences] == ["authenticate:/metadata/engine"]
    assert [one.code for one in read.accept] == ["MF801"]


def test_the_finding_of_the_page_is_what_is_shown(run: Run) -> None:
    shown = run(f"--mockforge-plugin=port={PORTED}", f"--mockforge-compare={RUST}", *BRIEF).outlines
    lines = blocks("text")[0].splitlines()
    start = shown.index(lines[0])
    for line, told in zip(lines, shown[start:], strict=False):
        assert all(part in told for part in line.split("…"))


def test_the_codes_of_the_page_are_those_of_the_family() -> None:
    text = (ROOT / "docs" / "differential.md").read_text("utf-8")
    codes = [check.code for check in catalogue() if check.family == "MF8"]
    assert re.findall(r"^\| (MF\d{3}) \|", text, re.MULTILINE) == codes
