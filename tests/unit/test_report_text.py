"""What the summary is made of: harmless text, lines that fit, one plugin's lines from its results."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from pytest_mockforge.checks.model import CheckResult, Figure, Finding
from pytest_mockforge.contract.violations import Severity
from pytest_mockforge.report.findings import failure_text, finding_lines
from pytest_mockforge.report.terminal import Line, plugin_lines, summary_lines
from pytest_mockforge.report.text import cells, counted, harmless, shortened, size, wrapped

IDENTITY: dict[str, Figure] = {
    "language": "rust",
    "adapter": "rust",
    "convention": "multi-value",
    "size": 156_676,
    "host": "adapter",
    "version": "0.3.213",
    "loads": True,
    "refused": False,
    "objection": "",
    "untested": "query_datasource",
    "initial_memory": 65536,
}
MEASURED: dict[str, Figure] = {
    "samples": 4,
    "accepted": 3,
    "only_refusals": False,
    "fuel_cold": 1_100_616,
    "fuel_steady": 100_327,
    "fuel_max": 101_378,
    "memory_grown": 65536,
    "growth": 0.0,
    "growth_verdict": "none",
}


def finding(message: str = "it broke", severity: Severity = "error", **parts: str) -> Finding:
    return replace(Finding(code="MF205", severity=severity, detail="d", message=message), **parts)


def result(*findings: Finding, code: str = "MF205", plugin: str = "rust", skipped: str = "") -> CheckResult:
    return CheckResult(
        plugin=plugin, code=code, title="the rule", findings=findings, skipped=skipped, identity=IDENTITY
    )


def measured(**figures: dict[str, Figure]) -> CheckResult:
    return CheckResult(plugin="rust", code="MF401", title="costs", figures=figures, identity=IDENTITY)


def rendered(*results: CheckResult, width: int = 100, verbosity: int = 0) -> list[str]:
    return [line.text for line in plugin_lines("rust", results, width=width, verbosity=verbosity)]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("one\ntwo\rthree\ttab", r"one\x0atwo\x0dthree\x09tab"),
        ("bell\x07 nul\x00 del\x7f", r"bell\x07 nul\x00 del\x7f"),
        ("\x9b31m", r"\x9b31m"),
        ("admin\u202egnp.exe\u2066", r"admin\u202egnp.exe\u2066"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("straße né 李 🎸", "straße né 李 🎸"),
    ],
)
def test_control_and_direction_characters_are_escaped_and_letters_are_not(raw: str, shown: str) -> None:
    assert harmless(raw) == shown


def test_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert harmless("a" * 5000, 10) == "aaaaaaaaaa … (5,000 characters)"


def test_escapes_do_not_make_a_cut_text_long_again() -> None:
    assert len(harmless("\x1b" * 5000, 100)) < 130
    assert len(harmless("\x1b" * 100, 100)) < 130


def test_text_of_just_the_longest_length_is_whole() -> None:
    assert harmless("a" * 10, 10) == "a" * 10


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("李小龍", 6), ("🎸", 2), ("e\u0301", 1), ("", 0)])
def test_width_is_counted_in_cells(text: str, width: int) -> None:
    assert cells(text) == width


@pytest.mark.parametrize("text", ["word " * 40, "李小龍 " * 40, "x" * 300, "李" * 300, "a " + "b" * 100 + " c"])
@pytest.mark.parametrize("width", [24, 40, 61])
def test_no_wrapped_line_is_wider_than_the_terminal(text: str, width: int) -> None:
    lines = wrapped(text, width, "  ", "      ")
    assert max(map(cells, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(line.startswith("      ") for line in lines[1:])


def test_words_are_kept_whole_where_they_fit() -> None:
    assert wrapped("alpha beta gamma delta epsilon", 24, "", "  ") == ["alpha beta gamma delta", "  epsilon"]


def test_an_empty_text_is_one_line() -> None:
    assert wrapped("", 40, "  ", "    ") == ["  "]


def test_a_shortened_line_fits_and_shows_that_it_was_cut() -> None:
    assert shortened("alpha beta gamma delta epsilon", 24) == "alpha beta gamma delta…"
    assert shortened("alpha beta gamma delta", 24) == "alpha beta gamma delta"
    assert cells(shortened("李" * 40, 25)) <= 25


def test_numbers_go_with_their_noun() -> None:
    assert counted(1, "note", "notes") == "1 note"
    assert counted(1200, "note", "notes") == "1,200 notes"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (156_676, "153.0 KiB"), (2**30, "1 GiB"), (5 * 2**40, "5120 GiB")],
)
def test_bytes_are_written_with_a_binary_unit(count: int, text: str) -> None:
    assert size(count) == text


def test_a_finding_gives_detail_expected_got_what_the_host_says_request_and_hint_in_this_order() -> None:
    one = finding(expected="a", got="b", hint="c", host_message="d", request="e")
    assert finding_lines(one, request=True) == [
        "error MF205: it broke",
        "    detail: d",
        "    expected: a",
        "    got: b",
        "    MockForge says: d",
        "    request: e",
        "    hint: c",
    ]


@pytest.mark.parametrize("part", ["message", "detail", "expected", "got", "hint", "host_message", "request"])
def test_no_part_of_a_finding_is_shown_raw(part: str) -> None:
    lines = finding_lines(msgspec.structs.replace(finding(), **{part: "\x1b[31m\u202e\n"}), request=True)
    assert any(line.endswith(r"\x1b[31m\u202e\x0a") for line in lines)
    assert all(char.isprintable() for line in lines for char in line)


def test_a_failure_begins_with_its_first_error_and_lists_errors_before_warnings() -> None:
    text = failure_text(result(finding("w", "warning"), finding("first"), finding("second")))
    assert text.splitlines()[0] == "MF205 first (and 1 more)"
    assert [line for line in text.splitlines() if line.startswith(("error", "warning"))] == [
        "error MF205: first",
        "error MF205: second",
        "warning MF205: w",
    ]


def test_a_failure_of_300_findings_shows_20_and_counts_the_rest() -> None:
    lines = failure_text(result(*(finding(f"no {number}") for number in range(300)))).splitlines()
    assert sum(line.startswith("error") for line in lines) == 20
    assert "… and 280 more findings" in lines


def test_the_headline_names_verdict_and_counts() -> None:
    assert rendered(result(), measured())[0] == "rust: PASS, 2 checks hold"
    assert rendered(result(finding()), measured())[0] == "rust: FAIL, 1 check holds, 1 broken"
    assert rendered(result(finding(severity="warning")))[0] == "rust: PASS, 1 check holds, 1 warning"


def test_what_could_not_be_looked_at_does_not_pass() -> None:
    lines = rendered(result(skipped="the module cannot be loaded, see MF101"))
    assert lines[0] == "rust: INCONCLUSIVE, 0 checks hold, 1 skipped"
    assert "  skipped: the module cannot be loaded, see MF101" in lines


def test_a_skip_is_inconclusive_where_the_host_would_refuse_the_module() -> None:
    refused = CheckResult(
        plugin="rust", code="MF701", title="t", identity={**IDENTITY, "loads": False, "objection": "empty"}
    )
    assert rendered(refused, result(skipped="why"))[0] == "rust: INCONCLUSIVE, 1 check holds, 1 skipped"


def test_the_verdict_is_green_red_or_yellow() -> None:
    def style(*results: CheckResult) -> str:
        return plugin_lines("rust", results, width=80, verbosity=0)[0].style

    assert (style(result()), style(result(finding())), style(result(skipped="x"))) == ("green", "red", "yellow")


def test_figures_stand_right_aligned_under_their_names_with_thousands_separators() -> None:
    lines = rendered(measured(authenticate=MEASURED, generate_response={"fuel_cold": 7}))
    head, first, second = (lines[lines.index("") + index] for index in (1, 2, 3))
    assert head.split() == ["operation", "accepted", "fuel", "cold", "steady", "max", "memory", "growth"]
    assert first.split() == ["authenticate", "3/4", "1,100,616", "100,327", "101,378", "+64", "KiB", "none"]
    assert second.split() == ["generate_response", "-", "7", "-", "-", "-", "-"]
    assert len(head) == len(first) == len(second)
    end = head.index("fuel cold") + len("fuel cold")
    assert (first[:end].split()[-1], second[:end].split()[-1]) == ("1,100,616", "7")
    assert second[end - 1] == "7"


def test_operations_stand_in_the_order_of_the_contract() -> None:
    lines = rendered(measured(query_datasource=MEASURED, authenticate=MEASURED))
    names = [line.split()[0] for line in lines if "3/4" in line]
    assert names == ["authenticate", "query_datasource"]


def test_a_leak_is_a_figure_in_the_table() -> None:
    leaking: dict[str, Figure] = {**MEASURED, "growth": 65536.0, "growth_verdict": "leak"}
    assert any(line.endswith("65,536 B/call") for line in rendered(measured(authenticate=leaking)))


@pytest.mark.parametrize("width", [24, 40, 60, 79, 80, 200])
def test_every_line_fits_the_terminal(width: int) -> None:
    lines = rendered(
        result(finding("m" * 500, expected="李 " * 100, got="g" * 3000, hint="a hint of many words " * 9)),
        measured(authenticate={**MEASURED, "only_refusals": True}, generate_response=MEASURED),
        result(skipped="a reason of many words " * 9, code="MF204"),
        width=width,
    )
    assert max(map(cells, lines)) <= width


def test_a_narrow_terminal_stacks_the_figures_that_there_are() -> None:
    lines = rendered(measured(authenticate=MEASURED, generate_response={"fuel_cold": 7}), width=60)
    assert "  authenticate: accepted 3/4, fuel cold 1,100,616, steady" in lines
    assert "  generate_response: fuel cold 7" in lines


@pytest.mark.parametrize("width", [40, 100])
def test_only_refusals_are_marked_on_any_terminal(width: int) -> None:
    text = " ".join(" ".join(rendered(measured(authenticate={**MEASURED, "only_refusals": True}), width=width)).split())
    assert "authenticate*" in text
    assert "* only refusals measured: plugin.test.yaml has no sample that is accepted" in text


def test_an_operation_that_cannot_be_called_is_named() -> None:
    assert "  not tested, as it cannot be called: query_datasource" in rendered(result())


def test_errors_come_before_warnings_and_notes_are_hidden_but_counted() -> None:
    results = (result(finding("a", "note"), finding("b", "warning")), result(finding("c"), code="MF301"))
    assert [line for line in rendered(*results) if "MF205: " in line] == ["  error MF205: c", "  warning MF205: b"]
    assert "  1 note hidden, -v shows them" in rendered(*results)
    assert rendered(*results, verbosity=1)[-1] == "  note MF205: a"


def test_300_findings_are_cut_with_a_count_and_vv_shows_all() -> None:
    many = result(*(finding(f"no {number}") for number in range(300)))
    lines = rendered(many)
    assert sum("error MF205" in line for line in lines) == 20
    assert lines[-1] == "  … and 280 more findings, -vv shows all"
    assert sum("error MF205" in line for line in rendered(many, verbosity=2)) == 300


def test_a_long_text_of_a_plugin_is_cut_in_the_summary() -> None:
    text = "".join(rendered(result(finding(got="x" * 100_000))))
    assert "… (100,000 characters)" in " ".join(rendered(result(finding(got="x" * 100_000))))
    assert text.count("x") < 500


def test_q_gives_a_headline_and_one_line_a_finding() -> None:
    long = "a message that is much longer than the terminal is wide"
    lines = rendered(result(finding(long, got="g", hint="h"), finding("b", "warning")), width=40, verbosity=-1)
    assert lines == [
        "rust: FAIL, 0 checks hold, 1 broken, 1",
        "  warning",
        "  error MF205: a message that is much l…",
        "  warning MF205: b",
    ]


def test_qq_gives_the_headline_alone() -> None:
    assert rendered(result(finding()), verbosity=-2) == ["rust: FAIL, 0 checks hold, 1 broken"]


def test_plugins_stand_in_the_order_of_the_command_line_with_a_line_between() -> None:
    lines = summary_lines([result(plugin="a"), result(plugin="b")], order=["c", "b", "a"], width=80, verbosity=0)
    texts = [line.text for line in lines]
    first, second = (texts.index(f"{label}: PASS, 1 check holds") for label in ("b", "a"))
    assert first == 0
    assert texts[second - 1] == ""


def test_a_check_that_ran_twice_counts_once() -> None:
    lines = summary_lines([result(finding()), result()], order=["rust"], width=80, verbosity=-2)
    assert lines == [Line(text="rust: PASS, 1 check holds", style="green")]


def test_no_result_is_no_summary() -> None:
    assert summary_lines([], order=["rust"], width=80, verbosity=0) == []


def test_a_result_of_which_nothing_is_known_is_shown_all_the_same() -> None:
    bare = CheckResult(plugin="rust", code="MF203", title="", findings=(finding("the check broke off"),))
    assert rendered(bare) == ["rust: FAIL, 0 checks hold, 1 broken", "", "  error MF205: the check broke off"]
