"""The table that puts several plugins side by side."""

from __future__ import annotations

from pytest_mockforge.checks.model import CheckResult, HostVerdict
from pytest_mockforge.report.comparison import comparison_lines


def result(label: str, *, fuel: int = 1234567, verdict: str = "accepted") -> CheckResult:
    assert verdict in ("accepted", "refused")
    return CheckResult(
        plugin=label,
        code="MF101",
        title="",
        figures={"authenticate": {"fuel_steady": fuel}},
        identity={"language": "rust", "convention": "multi-value", "size": 2048},
        verdicts=(
            HostVerdict(host="adapter", verdict="accepted" if verdict == "accepted" else "refused"),
            HostVerdict(host="loader", verdict="refused"),
        ),
    )


def test_each_plugin_has_a_row_in_the_order_of_the_run() -> None:
    lines = comparison_lines([result("b", fuel=9), result("a", verdict="refused")], order=["a", "b"], width=200)
    assert lines == [
        "  plugin  language  convention   dialect   size  adapter   loader   auth fuel  template fuel  response fuel  query fuel",  # noqa: E501
        "  a       rust      multi-value  host     2 KiB  refused   refused  1,234,567              -              -           -",  # noqa: E501
        "  b       rust      multi-value  host     2 KiB  accepted  refused          9              -              -           -",  # noqa: E501
    ]


def test_one_plugin_alone_is_not_compared() -> None:
    assert comparison_lines([result("a")], order=["a"], width=200) == []


def test_a_narrow_terminal_gets_a_paragraph_for_each_plugin() -> None:
    lines = comparison_lines([result("a"), result("b")], order=["a", "b"], width=60)
    assert lines[0].startswith("  a: language rust, convention multi-value, dialect host,")
    assert all(len(line) <= 60 for line in lines)
    assert "template" not in "".join(lines)


def test_a_plugin_without_results_has_no_row() -> None:
    assert comparison_lines([result("a")], order=["a", "b"], width=200) == []
