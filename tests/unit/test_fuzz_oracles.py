"""What each oracle takes for wrong, and what it leaves alone: on small modules with one mistake each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from pytest_mockforge import load
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import AuthRequest, Request, RequestBuilder
from pytest_mockforge.documents.expectation import Volatile
from pytest_mockforge.fuzz import credentials, rounds
from pytest_mockforge.fuzz.memory import leak
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.oracles import of_one_call, of_poison, of_state, of_two_fresh
from pytest_mockforge.fuzz.outcomes import difference
from pytest_mockforge.fuzz.stage import Stage
from tests.answering import ADMITTED, DENIED, ROWS, write_answering
from tests.conftest import RUST
from tests.guests_for_fuzzing import guest, holding
from tests.hostile_cases import write_wasm

BUILD = RequestBuilder()
ASKED = BUILD.auth(query={"token": "alpha"}, uri="/")


@contextmanager
def stage(spec: Path, *, volatile: tuple[Volatile, ...] = (), stateful: bool = False) -> Iterator[Stage]:
    with (
        load(spec, fuel=5_000_000, cache="off") as plugin,
        Stage(plugin, seed=1, deadline=monotonic() + 30, volatile=volatile, stateful=stateful) as opened,
    ):
        yield opened


def written(opened: Stage, request: Request = ASKED) -> Case:
    case = opened.case(request)
    assert case is not None
    return case


def judged(spec: Path, request: Request = ASKED) -> Discovery | None:
    with stage(spec) as opened:
        case = written(opened, request)
        return of_one_call(opened, case, opened.alone(case))


def test_a_trap_is_found_with_its_code(tmp_path: Path) -> None:
    found = judged(guest(tmp_path / "x.wat", "(unreachable)"))
    assert found is not None
    assert (found.code, found.detail) == ("MF301", "authenticate:unreachable")
    assert found.backtrace


def test_unreachable_in_a_template_function_is_a_refusal(tmp_path: Path) -> None:
    spec = guest(tmp_path / "x.wat", "(unreachable)", operation="template_function")
    assert judged(spec, BUILD.template("upper", "abc")) is None


def test_a_division_by_zero_in_a_template_function_is_no_refusal(tmp_path: Path) -> None:
    body = "(drop (i32.div_u (i32.const 1) (i32.const 0))) (;0;)"
    found = judged(guest(tmp_path / "x.wat", body, operation="template_function"), BUILD.template("upper"))
    assert found is not None
    assert found.detail == "template_function:integer-division-by-zero"


def test_an_endless_loop_is_a_limit(tmp_path: Path) -> None:
    found = judged(guest(tmp_path / "x.wat", "(loop $on (br $on)) (;0;)"))
    assert found is not None
    assert (found.code, found.detail) == ("MF302", "authenticate:out-of-fuel")
    assert "5,000,000 units of fuel" in found.got


def test_a_reply_that_breaks_the_contract_is_found_with_its_place(tmp_path: Path) -> None:
    found = judged(write_wasm("reply-wrong-types", tmp_path))
    assert found is not None
    assert found.code == "MF303"
    assert found.detail.startswith("authenticate:wrong-type:/")


def test_a_reply_outside_memory_breaks_the_contract(tmp_path: Path) -> None:
    found = judged(write_wasm("pointer-outside-memory", tmp_path))
    assert found is not None
    assert (found.code, found.detail) == ("MF303", "authenticate:output-outside-memory")


def test_rows_that_are_not_as_long_as_the_columns_are_a_warning(tmp_path: Path) -> None:
    uneven = ROWS.replace('[1,"Zo"]', "[1]")
    spec = guest(tmp_path / "x.wat", "(;0;)", operation="query_datasource", replies=(uneven,))
    found = judged(spec, BUILD.query("SELECT 1"))
    assert found is not None
    assert (found.code, found.severity) == ("MF303", "warning")


def test_a_good_reply_is_left_alone(tmp_path: Path) -> None:
    assert judged(guest(tmp_path / "x.wat", "(;1;)")) is None


def counting(tmp_path: Path) -> Path:
    body = """(global.set $state (i32.add (global.get $state) (i32.const 1)))
    (if (result i32 i32) (i32.gt_u (global.get $state) (i32.const 1)) (then (;1;)) (else (;0;)))"""
    return guest(tmp_path / "x.wat", body)


def test_an_instance_that_remembers_a_call_leaks_state(tmp_path: Path) -> None:
    with stage(counting(tmp_path)) as opened:
        case = written(opened)
        first, second = opened.row((case, case))
        assert of_two_fresh(opened, case, opened.alone(case), first) is None
        found = of_state(opened, case, first, second, (case,))
        assert found is not None
        assert (found.code, found.severity, found.before) == ("MF305", "error", (case,))
        assert "true" in found.got or "true" in found.expected


def test_state_is_a_note_where_it_is_declared(tmp_path: Path) -> None:
    with stage(counting(tmp_path), stateful=True) as opened:
        case = written(opened)
        first, second = opened.row((case, case))
        found = of_state(opened, case, first, second, (case,))
        assert found is not None
        assert found.severity == "note"


def test_a_volatile_field_may_differ(tmp_path: Path) -> None:
    counts = ADMITTED.replace('"calls":1', '"calls":2')
    body = """(global.set $state (i32.add (global.get $state) (i32.const 1)))
    (if (result i32 i32) (i32.gt_u (global.get $state) (i32.const 1)) (then (;1;)) (else (;0;)))"""
    spec = guest(tmp_path / "x.wat", body, replies=(ADMITTED, counts))
    for volatile, wrong in ((), True), ((Volatile(pointer="/claims/calls"),), False):
        with stage(spec, volatile=volatile) as opened:
            case = written(opened)
            first, second = opened.row((case, case))
            assert (of_state(opened, case, first, second, (case,)) is not None) == wrong


def test_a_good_request_that_another_one_spoils_is_poisoned(tmp_path: Path) -> None:
    body = f"""{holding("!", "(global.set $state (i32.const 1)) (;0;)", "(;0;)")} (drop) (drop)
    (if (result i32 i32) (global.get $state) (then (;0;)) (else (;1;)))"""
    with stage(guest(tmp_path / "x.wat", body)) as opened:
        probe, bad = written(opened), written(opened, BUILD.auth(query={"token": "!"}, uri="/"))
        good = opened.alone(probe)
        found = of_poison(opened, probe, good, opened.row((bad, probe))[1], (bad,))
        assert found is not None
        assert (found.code, found.detail, found.before) == ("MF307", "authenticate:poisoned", (bad,))
        assert of_poison(opened, probe, good, opened.row((probe, probe))[1], (probe,)) is None


def test_blame_names_the_one_call_that_matters(tmp_path: Path) -> None:
    body = f"""{holding("!", "(global.set $state (i32.const 1)) (;0;)", "(;0;)")} (drop) (drop)
    (if (result i32 i32) (global.get $state) (then (;0;)) (else (;1;)))"""
    with stage(guest(tmp_path / "x.wat", body)) as opened:
        case, bad = written(opened), written(opened, BUILD.auth(query={"token": "!"}, uri="/"))
        alone = opened.alone(case)

        def differs(row: object) -> bool:
            assert isinstance(row, tuple)
            return of_state(opened, case, alone, opened.row(row)[-1], row[:-1]) is not None

        assert rounds.blame(opened, (case, bad, case, case), case, differs) == [bad]
        assert rounds.blame(opened, (case, case), case, differs) == []


def test_memory_that_grows_for_good_is_a_leak_and_a_plateau_is_none(tmp_path: Path) -> None:
    for name, leaks in (("leaks-a-page", True), ("plateau", False)):
        with stage(write_wasm(name, tmp_path)) as opened:
            found = leak(opened, Operation.AUTHENTICATE, [written(opened)], deadline=monotonic() + 2)
            assert (found is not None) == leaks
            assert found is None or (found.code, found.detail) == ("MF306", "authenticate:leak")


def test_a_token_that_is_compared_whole_is_left_alone() -> None:
    with stage(RUST) as opened:
        known = credentials.credentials(opened, [written(opened)])
        assert [(one.place.name, one.text) for one in known] == [("query_params.token", "alpha")]
        assert list(credentials.mutated(opened, known)) == []


def test_a_prefix_that_lets_in_is_found(tmp_path: Path) -> None:
    # `~` stands in no other part of a request, nor in what is sent as a wrong token.
    with stage(guest(tmp_path / "x.wat", holding("~", "(;1;)"))) as opened:
        known = credentials.credentials(opened, [written(opened, BUILD.auth(query={"token": "~ab"}, uri="/"))])
        details = {found.detail for found in credentials.mutated(opened, known)}
        assert {"authenticate:trailing-nul", "authenticate:first-character-alone", "authenticate:twice"} <= details
        assert "authenticate:first-character-dropped" not in details
        assert "authenticate:empty" not in details


def test_a_changed_credential_is_changed_in_the_uri_too(tmp_path: Path) -> None:
    with stage(guest(tmp_path / "x.wat", holding("~", "(;1;)"))) as opened:
        sample = BUILD.auth(uri="/a?token=~ab")
        known = credentials.credentials(opened, [written(opened, sample)])
        requests = {found.detail: found.case.request for found in credentials.mutated(opened, known)}
    longer = requests["authenticate:trailing-nul"]
    assert isinstance(longer, AuthRequest)
    assert (longer.uri, longer.query_params) == ("/a?token=~ab%00", {"token": "~ab\0"})


def test_a_refusal_that_repeats_the_token_is_found_without_showing_it(tmp_path: Path) -> None:
    secret = credentials.canary(1)
    spec = guest(tmp_path / "x.wat", "(;0;)", replies=(DENIED.replace('"no"', f'"no {secret}"'),))
    with stage(spec) as opened:
        case = written(opened, credentials.asking_with(secret))
        found = credentials.reflected(opened, case, opened.alone(case), secret)
        assert found is not None
        assert (found.code, found.detail) == ("MF310", "authenticate:refusal")
        assert secret not in found.got
        assert "***" in found.got


def test_a_word_of_the_refusals_own_is_no_secret(tmp_path: Path) -> None:
    with stage(guest(tmp_path / "x.wat", "(;0;)", replies=(DENIED.replace('"no"', '"unknown token"'),))) as opened:
        case = written(opened, BUILD.auth(query={"token": "token"}, uri="/"))
        assert credentials.repeated(opened, case, opened.alone(case)) is None


def test_what_the_request_itself_says_is_not_carried_over(tmp_path: Path) -> None:
    secret = "mockforge-secret"
    spec = guest(tmp_path / "x.wat", "(;0;)", replies=(DENIED.replace('"no"', f'"{secret}"'),))
    with stage(spec) as opened:
        plain, own = written(opened), written(opened, BUILD.auth(query={"token": secret}, uri="/"))
        assert credentials.carried_over(opened, own, opened.alone(own), secret, (plain,)) is None
        found = credentials.carried_over(opened, plain, opened.alone(plain), secret, (own,))
        assert found is not None
        assert found.detail == "authenticate:carried-over"


@pytest.mark.parametrize("operation", list(Operation))
def test_the_clean_reference_plugin_has_nothing_at_the_borders(operation: Operation) -> None:
    from pytest_mockforge.contract.realistic import realistic_requests
    from pytest_mockforge.fuzz.borders import borders
    from pytest_mockforge.fuzz.outcomes import accepted

    with stage(RUST) as opened:
        cases = [written(opened, named.request) for named in realistic_requests(operation)[:3]]
        good = [case for case in cases if accepted(opened.alone(case))]
        assert list(borders(opened, good)) == []


@pytest.mark.parametrize("turned", [False, True])
def test_a_field_that_one_of_two_replies_lacks_is_told_of_the_right_one(tmp_path: Path, turned: bool) -> None:
    less = write_answering(tmp_path / "less.wat", authenticate=ADMITTED)
    more = write_answering(tmp_path / "more.wat", authenticate=ADMITTED.replace('"calls":1', '"calls":1,"a":1'))
    with stage(less) as one, stage(more) as other:
        seen = [opened.alone(written(opened)) for opened in (one, other)]
    left, right = reversed(seen) if turned else seen
    told = [text.strip() for text in difference(left, right, ())]
    assert told == ["/claims/a: nothing", "/claims/a: 1"][:: -1 if turned else 1]
