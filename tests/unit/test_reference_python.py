"""The reference behaviour in Python answers every case as written, from bytes to bytes and from parsed JSON."""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import TYPE_CHECKING, Protocol, cast

import pytest

from tests.reference_module import REFERENCE, Case, read_cases, request_bytes, same

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = read_cases()


class Behaviour(Protocol):
    Refused: type[Exception]
    authenticate: Callable[[object], dict[str, object]]
    template_function: Callable[[object], object]
    generate_response: Callable[[object], dict[str, object]]
    query_datasource: Callable[[object], dict[str, object]]
    answer: Callable[[str, bytes], bytes]


@pytest.fixture(scope="module")
def behaviour() -> Behaviour:
    spec = importlib.util.spec_from_file_location("reference_behaviour", REFERENCE / "python" / "behaviour.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Behaviour", module)


@pytest.mark.parametrize("case", CASES, ids=[case["name"].replace(" ", "-") for case in CASES])
def test_a_case_ends_as_it_is_written(behaviour: Behaviour, case: Case) -> None:
    if case["outcome"] == "refused" and case["reply"] is None:
        with pytest.raises(behaviour.Refused):
            behaviour.answer(case["operation"], request_bytes(case))
    else:
        reply = json.loads(behaviour.answer(case["operation"], request_bytes(case)))
        assert same(reply, case["reply"]), reply


@pytest.mark.parametrize("case", [case for case in CASES if "request" in case], ids=lambda case: case["name"])
def test_a_parsed_request_ends_the_same(behaviour: Behaviour, case: Case) -> None:
    operation, request = getattr(behaviour, case["operation"]), json.loads(request_bytes(case))
    if case["reply"] is None and case["outcome"] == "refused":
        with pytest.raises(behaviour.Refused):
            operation(request)
    else:
        assert same(json.loads(json.dumps(operation(request))), case["reply"])


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["arrays", "objects"])
def test_nesting_without_end_is_malformed(behaviour: Behaviour, opening: bytes) -> None:
    assert b"malformed request" in behaviour.answer("authenticate", opening * 100_000)
    with pytest.raises(behaviour.Refused):
        behaviour.answer("template_function", b'{"function_name":"echo","args":[' + opening * 100_000)


def test_nesting_within_the_rules_is_echoed(behaviour: Behaviour) -> None:
    nested = b"[" * 62 + b"]" * 62
    request = b'{"function_name":"echo","args":[%s,"%s"]}' % (nested, b"[" * 200)
    assert behaviour.answer("template_function", request) == b'[%s,"%s"]' % (nested, b"[" * 200)


def test_a_broad_request_is_not_a_deep_one(behaviour: Behaviour) -> None:
    wide = b"[%s]" % b",".join([b'[{"a":[1,{}]},"]"]'] * 1000)
    assert behaviour.answer("template_function", b'{"function_name":"echo","args":[%s]}' % wide) == b"[%s]" % wide


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"nul", b'"', b"[1,]", b'{"a":1,}', b'{"a"}', b"[1 2]", b"{a:1}", b"'a'", b"//", b"[\x0c1]"),
        *(b"01", b"+1", b"1.", b".5", b"1e", b"1e+", b"-", b"0x10", b"NaN", b"Infinity", b"1_0", b"\xef\xbb\xbf1"),
        *(b'"\n"', b'"\\x41"', b'"\\u12g4"', b'"\\u123"', b'"a\\"', b'"\\', b'"\x80"', b'"\xed\xa0\x80"', b'"\xff"'),
    ],
)
def test_a_value_that_is_no_json_makes_the_request_malformed(behaviour: Behaviour, text: bytes) -> None:
    reply = json.loads(behaviour.answer("authenticate", b'{"context":%s,"query_params":{}}' % text))
    assert reply["error_message"] == "malformed request"


@pytest.mark.parametrize("number", ["0.1", "-1.1e-5", "123456789.125", "9007199254740991", "5e-324", "1.25E+300"])
def test_an_echoed_number_keeps_its_value(behaviour: Behaviour, number: str) -> None:
    reply = behaviour.answer("template_function", f'{{"function_name":"echo","args":[{number}]}}'.encode())
    assert json.loads(reply) == [float(number)]


@pytest.mark.parametrize(("member", "rows"), [("limit", 6), ("offset", 0)])
def test_a_count_may_be_however_large(behaviour: Behaviour, member: str, rows: int) -> None:
    request = {"query": "q", "query_type": "Select", "parameters": {}, member: 1e300}
    reply = behaviour.query_datasource(request)
    assert (len(cast("list[object]", reply["rows"])), reply["total_count"]) == (rows, 6)


def test_it_needs_nothing_but_the_standard_library(behaviour: Behaviour) -> None:
    owners = {
        getattr(value, "__module__", None) or getattr(value, "__name__", "") for value in vars(behaviour).values()
    }
    foreign = {str(owner).split(".")[0] for owner in owners} - {"", *sys.stdlib_module_names}
    assert foreign <= {"reference_behaviour"}
