"""Our figures for the JSON of pytest-benchmark. Pure: results in, plain values out."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_mockforge.checks.model import Figure, from_plain


def figures(results: Iterable[object]) -> dict[str, object]:
    """Give, by plugin, what it is, what each operation costs, and what came of its budgets."""
    found: dict[str, object] = {}
    identities: dict[str, dict[str, Figure]] = {}
    operations: dict[str, dict[str, dict[str, Figure]]] = {}
    budgets: dict[str, list[dict[str, Figure]]] = {}
    for result in map(from_plain, results):
        if not result.plugin:
            continue
        identities.setdefault(result.plugin, {}).update(result.identity)
        costs = operations.setdefault(result.plugin, {})
        for operation, measured in result.figures.items():
            costs.setdefault(operation, {}).update(measured)
        budgets.setdefault(result.plugin, []).extend(
            {
                "budget": verdict.budget,
                "operation": verdict.operation,
                "outcome": verdict.outcome,
                "figure": verdict.figure,
                "bound": verdict.bound,
                "value": verdict.value,
                "reason": verdict.reason,
            }
            for verdict in result.budget
        )
    for label, identity in identities.items():
        found[label] = {"identity": identity, "operations": operations[label], "budgets": budgets[label]}
    return found
