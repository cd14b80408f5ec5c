"""Several plugins side by side: a row each with language, size, what every host would do, and what calls cost.

Pure: results in, lines of text out.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_mockforge.checks.model import CheckResult
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.report.text import size, wrapped

_SHORT = {
    Operation.AUTHENTICATE: "auth",
    Operation.TEMPLATE_FUNCTION: "template",
    Operation.GENERATE_RESPONSE: "response",
    Operation.QUERY_DATASOURCE: "query",
}


def comparison_lines(results: Sequence[CheckResult], *, order: Sequence[str], width: int) -> list[str]:
    """Render the table, its head first; nothing where fewer than two plugins were looked at.

    The columns of operations hold steady fuel. A terminal too narrow for the table gets a paragraph a plugin.
    """
    by_plugin = {label: [result for result in results if result.plugin == label] for label in order}
    shown = {label: mine for label, mine in by_plugin.items() if any(result.identity for result in mine)}
    if len(shown) < 2:
        return []
    hosts = list(dict.fromkeys(one.host for mine in shown.values() for result in mine for one in result.verdicts))
    head = [
        "plugin",
        "language",
        "convention",
        "dialect",
        "size",
        *hosts,
        *(f"{name} fuel" for name in _SHORT.values()),
    ]
    rows = [_row(label, mine, hosts) for label, mine in shown.items()]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    if sum(widths) + 2 * len(widths) > width:
        return [line for row in rows for line in _stacked(head, row, width)]
    return [_joined(row, widths, words=4 + len(hosts)) for row in (head, *rows)]


def _row(label: str, results: Sequence[CheckResult], hosts: Sequence[str]) -> list[str]:
    identity = next(result.identity for result in results if result.identity)
    verdicts = {one.host: one.verdict for result in results for one in result.verdicts}
    fuel = [_fuel(results, operation) for operation in Operation]
    return [
        label,
        str(identity["language"]),
        str(identity["convention"] or "-"),
        str(identity.get("dialect") or ("-" if identity["language"] == "remote" else "host")),
        "-" if identity["size"] is None else size(int(identity["size"])),
        *(verdicts.get(host, "-") for host in hosts),
        *fuel,
    ]


def _fuel(results: Sequence[CheckResult], operation: Operation) -> str:
    for result in results:
        steady = result.figures.get(operation.value, {}).get("fuel_steady")
        if isinstance(steady, int):
            return f"{steady:,}"
    return "-"


def _joined(row: Sequence[str], widths: Sequence[int], *, words: int) -> str:
    """Words to the left, figures to the right; the size is the one figure among the words."""
    cells = [
        cell.ljust(width) if index <= words and index != 4 else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return ("  " + "  ".join(cells)).rstrip()


def _stacked(head: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    cells = ", ".join(f"{name} {cell}" for name, cell in zip(head[1:], row[1:], strict=True) if cell != "-")
    return wrapped(f"{row[0]}: {cells}", width, "  ", "      ")
