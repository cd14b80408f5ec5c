"""Two plugins asked the same: what counts as a difference, what does not, and how a field is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest

from pytest_mockforge import Operation, Plugin, RequestBuilder, RequestError, SettingsError, load
from pytest_mockforge.contract.realistic import NamedRequest, realistic_requests
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.differential.comparison import Comparison, Terms
from pytest_mockforge.differential.model import Difference
from pytest_mockforge.differential.search import Searched, search
from pytest_mockforge.documents.differences import AllowedDifference, allowed_difference
from pytest_mockforge.documents.expectation import Volatile
from tests.answering import ADMITTED, DENIED, ROWS, write_answering
from tests.conftest import ROOT, RUST
from tests.guests_for_fuzzing import guest, holding

TODAY = date(2026, 6, 1)
BUILD = RequestBuilder()
ASKED: dict[str, Request] = {
    "authenticate": BUILD.auth(query={"token": "t"}),
    "template_function": BUILD.template("f"),
    "generate_response": BUILD.response("GET", "/"),
    "query_datasource": BUILD.query("SELECT 1"),
}
Beside = Callable[..., Comparison]


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Beside]:
    """Put two plugins side by side: files, or replies of one operation that modules give to everything."""
    with ExitStack() as stack:

        def opened(name: str, given: Path | dict[str, str | bytes]) -> Plugin:
            path = given if isinstance(given, Path) else write_answering(tmp_path / f"{name}.wat", **given)
            return stack.enter_context(load(path, cache="off", fuel=5_000_000))

        def beside(
            old: Path | dict[str, str | bytes],
            new: Path | dict[str, str | bytes],
            *,
            volatile: tuple[Volatile, ...] = (),
            allow: tuple[AllowedDifference, ...] = (),
        ) -> Comparison:
            terms = Terms(today=TODAY, volatile=volatile, allowed=allow)
            return stack.enter_context(Comparison(opened("old", old), opened("new", new), terms=terms))

        yield beside


def between(beside: Beside, operation: str, old: object, new: object, **terms: object) -> list[tuple[str, str, str]]:
    """Give place, expected and got of each difference between two replies."""
    texts = [one if isinstance(one, str | bytes) else json.dumps(one) for one in (old, new)]
    comparison = beside({operation: texts[0]}, {operation: texts[1]}, **terms)
    return [(one.pointer, one.expected, one.got) for one in comparison.ask(ASKED[operation])]


def response(**fields: object) -> dict[str, object]:
    plain = {"status_code": 200, "headers": {}, "body": [], "content_type": "text/plain", "metadata": {}, "custom": {}}
    return {**plain, **fields}


def json_body(value: object) -> dict[str, object]:
    return response(body=list(json.dumps(value).encode()), content_type="application/json")


def admitted(**fields: object) -> dict[str, object]:
    return {**json.loads(ADMITTED), **fields}


@pytest.mark.parametrize("operation", list(ASKED))
def test_a_plugin_does_not_differ_from_its_copy(beside: Beside, operation: str) -> None:
    reply = {"authenticate": ADMITTED, "query_datasource": ROWS}.get(operation, json.dumps(response()))
    assert between(beside, operation, reply, reply) == []


@pytest.mark.parametrize(
    ("operation", "old", "new", "found"),
    [
        ("authenticate", admitted(), admitted(claims={"calls": 2}), ("/claims/calls", "1", "2")),
        ("authenticate", admitted(), admitted(claims={}), ("/claims/calls", "1", "nothing")),
        ("authenticate", admitted(claims={}), admitted(), ("/claims/calls", "nothing", "1")),
        ("template_function", "A", "B", ("", '"A"', '"B"')),
        ("template_function", {"n": 1}, {"n": True}, ("/n", "1", "true")),
        ("generate_response", response(), response(status_code=201), ("/status_code", "200", "201")),
        (
            "generate_response",
            response(headers={"X-A": "1"}),
            response(headers={"x-a": "2"}),
            ("/headers/x-a", '"1"', '"2"'),
        ),
        ("generate_response", json_body({"id": 1}), json_body({"id": 2}), ("/body/id", "1", "2")),
        ("generate_response", response(body=[111]), response(body=[110]), ("/body", '"o"', '"n"')),
        ("query_datasource", ROWS, ROWS.replace('"Zo"', '"Zoe"'), ("/rows/0/name", '"Zo"', '"Zoe"')),
        (
            "query_datasource",
            ROWS,
            ROWS.replace('"Integer"', '"Float"'),
            ("/columns/0/data_type", '"Integer"', '"Float"'),
        ),
    ],
)
def test_the_field_that_differs_is_named(
    beside: Beside, operation: str, old: object, new: object, found: tuple[str, str, str]
) -> None:
    if operation == "template_function":
        old, new = json.dumps(old), json.dumps(new)
    assert between(beside, operation, old, new) == [found]


@pytest.mark.parametrize(
    ("operation", "old", "new"),
    [
        ("authenticate", admitted(error_message=None), admitted()),
        ("authenticate", admitted(), admitted(unknown="a field that the host does not read")),
        ("template_function", "[0, 1.5, 2]", "[0.0,1.5,2.0]"),
        ("generate_response", response(headers={"X-A": "1"}), response(headers={"x-a": "1"})),
        ("generate_response", json_body({"a": 1, "b": 2}), json_body({"b": 2, "a": 1})),
        ("query_datasource", ROWS, ROWS.replace('"execution_time_ms":3', '"execution_time_ms":9')),
    ],
)
def test_what_the_host_reads_alike_is_no_difference(beside: Beside, operation: str, old: object, new: object) -> None:
    assert between(beside, operation, old, new) == []


def test_a_difference_comes_with_both_replies_and_the_request(beside: Beside) -> None:
    (one,) = beside({"authenticate": ADMITTED}, {"authenticate": ADMITTED.replace("u-1", "u-2")}).ask(
        ASKED["authenticate"]
    )
    assert [json.loads(reply)["identity"]["user_id"] for reply in one.replies] == ["u-1", "u-2"]
    assert one.request == ASKED["authenticate"]
    assert b'"token":"t"' in one.payload
    assert one.detail == "authenticate:/identity/user_id"


def test_an_answer_in_place_of_a_trap_is_a_difference_of_outcomes(beside: Beside, tmp_path: Path) -> None:
    trap = guest(tmp_path / "trap.wat", "(unreachable)")
    (one,) = beside({"authenticate": DENIED}, trap).ask(ASKED["authenticate"])
    assert (one.about, one.detail) == ("outcome", "authenticate:answered-failed")
    assert (one.expected, one.got) == ("answers", "fails")
    assert "unreachable" in one.replies[1]


def test_a_refusal_in_place_of_an_answer_is_one_too(beside: Beside, tmp_path: Path) -> None:
    refusing = guest(tmp_path / "no.wat", "(unreachable)", operation="template_function")
    (one,) = beside({"template_function": "1"}, refusing).ask(ASKED["template_function"])
    assert one.detail == "template_function:answered-refused"


def test_two_ways_to_fail_are_no_difference(beside: Beside, tmp_path: Path) -> None:
    trap = guest(tmp_path / "trap.wat", "(unreachable)")
    other = guest(tmp_path / "other.wat", "(drop (i32.load (i32.const -1))) (unreachable)")
    assert beside(trap, other).ask(ASKED["authenticate"]) == []
    assert beside({"authenticate": "{"}, {"authenticate": "[]"}).ask(ASKED["authenticate"]) == []


def test_operations_that_one_of_the_two_lacks_are_told_apart(beside: Beside) -> None:
    comparison = beside(
        {"authenticate": DENIED, "template_function": "1"}, {"template_function": "1", "query_datasource": ROWS}
    )
    assert comparison.missing == (Operation.AUTHENTICATE,)
    assert comparison.added == (Operation.QUERY_DATASOURCE,)
    assert comparison.operations == (Operation.TEMPLATE_FUNCTION,)


def test_one_difference_names_all_requests_that_show_it(beside: Beside) -> None:
    comparison = beside({"template_function": "1"}, {"template_function": "2"})
    named = [NamedRequest(name=name, request=BUILD.template(name)) for name in ("a", "b", "c")]
    (one,) = comparison.ask_all(named)
    assert one.names == ("a", "b", "c")
    assert comparison.tried == 3


def test_what_the_dialect_does_not_carry_is_left_out_with_a_note(beside: Beside) -> None:
    comparison = beside({"authenticate": DENIED}, {"authenticate": ADMITTED})
    bearer = NamedRequest(name="bearer", request=BUILD.auth(bearer="t"))
    assert comparison.ask_all([bearer]) == ()
    assert comparison.notes == [
        "authenticate: 'bearer' is left out: authenticate: the host dialect does not carry credentials, "
        "so the plugin would not see it"
    ]
    with pytest.raises(RequestError, match="does not carry credentials"):
        comparison.ask_all([bearer], strict=True)


def test_requests_that_run_into_limits_are_given_up(beside: Beside, tmp_path: Path) -> None:
    comparison = beside(guest(tmp_path / "spin.wat", "(loop $l (br $l)) (unreachable)"), {"authenticate": DENIED})
    comparison.ask_all([NamedRequest(name=str(n), request=BUILD.auth(query={"n": str(n)})) for n in range(9)])
    assert comparison.tried == 2
    assert comparison.notes == ["authenticate: the rest of its requests is left out, as calls run into a limit"]


# --- what may differ --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pointer", ["/claims/calls", "/claims", "/*/calls"])
def test_a_volatile_field_may_differ(beside: Beside, pointer: str) -> None:
    other = admitted(claims={"calls": 2})
    assert between(beside, "authenticate", ADMITTED, other, volatile=(Volatile(pointer=pointer),)) == []


@pytest.mark.parametrize("pointer", ["/rows/*/name", "/rows/0/values/1", "/rows/*/values"])
def test_a_cell_goes_by_its_column_or_by_its_place(beside: Beside, pointer: str) -> None:
    other = ROWS.replace('"Zo"', '"Zoe"')
    assert between(beside, "query_datasource", ROWS, other, volatile=(Volatile(pointer=pointer),)) == []


def test_the_place_of_another_cell_covers_nothing(beside: Beside) -> None:
    other, places = ROWS.replace('"Zo"', '"Zoe"'), ("/rows/*/values/0", "/rows/*/id", "/columns/1/name")
    volatile = tuple(Volatile(pointer=pointer) for pointer in places)
    assert between(beside, "query_datasource", ROWS, other, volatile=volatile)


def test_an_allowed_difference_is_passed_over_and_known_to_occur(beside: Beside) -> None:
    entries = tuple(allowed_difference(text, where="here") for text in ("authenticate:/claims", "/metadata", ""))
    comparison = beside(
        {"authenticate": ADMITTED}, {"authenticate": json.dumps(admitted(claims={"calls": 2}))}, allow=entries[:2]
    )
    assert comparison.ask(ASKED["authenticate"]) == []
    assert comparison.used == {entries[0]}
    assert comparison.unused == (entries[1],)


def test_an_entry_for_another_operation_allows_nothing(beside: Beside) -> None:
    entry = allowed_difference("query_datasource:/claims", where="here")
    assert between(beside, "authenticate", ADMITTED, admitted(claims={}), allow=(entry,))


def test_an_empty_pointer_allows_the_whole_reply_but_not_another_outcome(beside: Beside, tmp_path: Path) -> None:
    entry = allowed_difference("template_function:", where="here")
    assert between(beside, "template_function", "1", "2", allow=(entry,)) == []
    refusing = guest(tmp_path / "no.wat", "(unreachable)", operation="template_function")
    assert beside({"template_function": "1"}, refusing, allow=(entry,)).ask(ASKED["template_function"])


def test_an_entry_that_has_run_out_allows_nothing_and_is_named(beside: Beside) -> None:
    given = {"pointer": "/claims", "reason": "soon", "expires": "2026-05-31"}
    entry = allowed_difference(given, where="plugin.test.yaml:7")
    comparison = beside({"authenticate": ADMITTED}, {"authenticate": json.dumps(admitted(claims={}))}, allow=(entry,))
    (one,) = comparison.ask(ASKED["authenticate"])
    assert one.hint == "plugin.test.yaml:7 allowed it until 2026-05-31"
    assert comparison.unused == ()


@pytest.mark.parametrize("expires", ["2026-06-01", date(2026, 6, 1), None])
def test_an_entry_holds_on_its_last_day(beside: Beside, expires: object) -> None:
    given = {"pointer": "/claims", "reason": "", "expires": expires}
    entry = allowed_difference(given, where="here")
    assert between(beside, "authenticate", ADMITTED, admitted(claims={}), allow=(entry,)) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("claims", "a JSON pointer: a JSON pointer begins with '/'"),
        ({"reason": "x"}, "a mapping with 'pointer'"),
        ({"pointer": "/a", "why": "x"}, "one of the keys pointer, operation, reason, expires"),
        ({"pointer": "/a", "operation": "login"}, "one of the operations authenticate, "),
        ({"pointer": "/a", "expires": "soon"}, "a date, or its text as in '2027-01-31'"),
        ({"pointer": "/a", "reason": 1}, "a reason that is text"),
        (7, "a JSON pointer such as"),
    ],
)
def test_what_cannot_be_allowed_is_refused(given: str, message: str) -> None:
    with pytest.raises(SettingsError, match=r"^here: ") as raised:
        allowed_difference(given, where="here")
    assert message in str(raised.value)


def test_what_a_plugin_says_otherwise_the_second_time_is_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT)
    picking = guest(tmp_path / "x.wat", "(;0;)", operation="template_function", replies=('"never"',))
    with load("asgi:fixtures.buggy.service.unstable_pick.app:app") as service, load(picking, cache="off") as module:
        comparison = Comparison(service, module, terms=Terms(today=TODAY))
        assert comparison.ask(BUILD.template("pick", "a", "b")) == []
        assert comparison.unsteady == {"template_function:reply": service.label}
        assert comparison.ask(BUILD.template("pick", "a"))


# --- drawn requests ---------------------------------------------------------------------------------------------------


def differing_on(byte: str, tmp_path: Path) -> tuple[Path, Path]:
    """Write two plugins that admit everybody, the second one as somebody else where the request holds a byte."""
    otherwise = ADMITTED.replace("u-1", "u-2")
    body = holding(byte, "(;1;)")
    return (
        guest(tmp_path / "one.wat", body, replies=(ADMITTED, ADMITTED)),
        guest(tmp_path / "other.wat", body, replies=(ADMITTED, otherwise)),
    )


def searched(comparison: Comparison, seed: int) -> Searched:
    assert comparison.ask_all(realistic_requests(Operation.AUTHENTICATE)) == ()
    return search(comparison, seed=seed, examples=100, seconds=5)


def test_a_drawn_request_that_shows_a_difference_is_made_small(beside: Beside, tmp_path: Path) -> None:
    found = searched(beside(*differing_on("'", tmp_path)), 1)
    (one,) = found.differences
    assert one.detail == "authenticate:/identity/user_id"
    assert one.names == ()
    assert b"'" in one.payload
    assert len(one.payload) < 700
    assert found.seed == 1


class Listening(Comparison):
    """Keeps what is asked."""

    def ask(self, request: Request) -> list[Difference]:
        self.asked.append(request)
        return super().ask(request)

    asked: list[Request]


def test_equal_seeds_draw_equal_requests(tmp_path: Path) -> None:
    def drawn(seed: int) -> list[Request]:
        # Of two that agree: how far a difference is made smaller is a matter of time.
        with load(alike[0], cache="off") as one, load(alike[1], cache="off") as other:
            comparison = Listening(one, other, terms=Terms(today=TODAY))
            comparison.asked = []
            search(comparison, seed=seed, examples=25, seconds=30)
            return comparison.asked

    alike = [write_answering(tmp_path / f"{name}.wat", authenticate=DENIED) for name in ("one", "other")]
    first = drawn(3)
    assert len(first) == 25
    assert drawn(3) == first
    assert drawn(4) != first


def test_a_search_that_its_time_ends_says_so(beside: Beside) -> None:
    found = search(beside({"authenticate": DENIED}, {"authenticate": DENIED}), seed=1, examples=50, seconds=0.001)
    assert found.cut
    assert found.tried < 50


# --- dialects and roads -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", ["host_app", "sdk_app"])
def test_a_module_can_be_held_against_a_service_of_either_dialect(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi")
    folder = ROOT / "fixtures" / "reference" / "python-http"
    monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(folder)
    requests: list[Request] = [
        # Under sdk the token is a credential, which the host dialect has no place for.
        BUILD.auth(query={"token": "alpha"}, bearer="alpha", lenient=True),
        BUILD.template("length", "né🎸"),
        BUILD.template("nonsense"),
        BUILD.response("GET", "/greeting/Ada"),
        BUILD.query("SELECT * FROM users"),
    ]
    with load(RUST) as module, load(f"asgi:app:{app}") as service:
        comparison = Comparison(module, service, terms=Terms(today=TODAY))
        found = comparison.ask_all([NamedRequest(name=str(n), request=one) for n, one in enumerate(requests)])
        assert [one.detail for one in found] == []
        assert comparison.tried == len(requests)
        assert comparison.dialects == ("host", "host" if app == "host_app" else "sdk")
