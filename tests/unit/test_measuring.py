"""What the calls of a test come to as work to measure."""

from __future__ import annotations

from pytest_mockforge.checks.measuring import workloads_of
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import TemplateCall


def call(name: str) -> TemplateCall:
    return TemplateCall(function_name=name)


def test_accepted_calls_are_the_work_and_each_counts_once() -> None:
    work = workloads_of([(call("no"), False), (call("yes"), True), (call("yes"), True)])[Operation.TEMPLATE_FUNCTION]
    assert (work.requests, work.only_refusals) == ((call("yes"),), False)


def test_where_none_was_accepted_all_are_and_it_says_so() -> None:
    work = workloads_of([(call("no"), False), (call("nay"), False)])[Operation.TEMPLATE_FUNCTION]
    assert (work.requests, work.only_refusals) == ((call("no"), call("nay")), True)
