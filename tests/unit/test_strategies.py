"""Requests and replies that Hypothesis draws: all keep the contract, and shrink to what a person would write."""

from __future__ import annotations

import string
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("hypothesis")

from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from pytest_mockforge import strategies
from pytest_mockforge.contract import replies, request_models
from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import realistic_requests
from pytest_mockforge.contract.replies import DataResult
from pytest_mockforge.contract.request_models import (
    AuthRequest,
    DataQuery,
    Request,
    ResponseRequest,
    TemplateCall,
)
from pytest_mockforge.contract.requests import RequestBuilder
from pytest_mockforge.contract.server_side import decode_request, encode_reply
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.fuzz.mutate import Tweak, tweaked
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

BUILD = RequestBuilder()
PLAIN: dict[Operation, Request] = {
    Operation.AUTHENTICATE: BUILD.auth(),
    Operation.TEMPLATE_FUNCTION: BUILD.template("upper", "abc"),
    Operation.GENERATE_RESPONSE: BUILD.response("GET", "/"),
    Operation.QUERY_DATASOURCE: BUILD.query("SELECT * FROM users"),
}
many = settings(max_examples=200, database=None, derandomize=True, deadline=None)
search = settings(max_examples=10_000, database=None, derandomize=True, deadline=None)
# Without shrinking, which is what takes long where only being found is asked.
drawn = settings(search, phases=[Phase.generate])


def samples_of(operation: Operation) -> tuple[Request, ...]:
    return tuple(named.request for named in realistic_requests(operation))


def smallest(strategy: st.SearchStrategy[object], condition: Callable[..., bool]) -> object:
    return find(strategy, condition, settings=search)


# --- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_samples", [False, True], ids=["plain", "samples"])
@pytest.mark.parametrize("dialect", ["host", "sdk"])
@pytest.mark.parametrize("operation", list(Operation))
def test_every_request_travels_whole(operation: Operation, dialect: str, with_samples: bool) -> None:
    samples = samples_of(operation) if with_samples else ()

    @many
    @given(strategies.requests(operation, dialect=dialect, samples=samples))
    def judge(request: Request) -> None:
        payload = dialect_named(dialect).encode(request)
        if dialect == "sdk" and isinstance(request, ResponseRequest):
            # Under sdk a path shows its parameters, and not what a router calls them.
            request = msgspec.structs.replace(request, path_params={})
        assert decode_request(dialect, operation, payload) == request

    judge()


@pytest.mark.parametrize("dialect", ["host", "sdk"])
@pytest.mark.parametrize("operation", list(Operation))
def test_the_simplest_request_is_the_builders(operation: Operation, dialect: str) -> None:
    assert smallest(strategies.requests(operation, dialect=dialect), lambda _: True) == PLAIN[operation]


def test_only_what_matters_is_left_of_a_request() -> None:
    found = smallest(strategies.auth_requests(), lambda request: "\0" in request.query_params.get("token", ""))
    assert isinstance(found, AuthRequest)
    assert found == BUILD.auth(query={"token": found.query_params["token"]})
    assert len(found.query_params["token"]) <= 4


@pytest.mark.parametrize("border", [2**31, 2**32, 2**53, 2**64 - 1])
def test_numbers_at_borders_are_found(border: int) -> None:
    found = smallest(strategies.data_queries(), lambda query: query.limit is not None and query.limit >= border)
    assert isinstance(found, DataQuery)
    assert found == BUILD.query("SELECT * FROM users", limit=border)


def test_a_long_text_shrinks_to_the_length_that_matters() -> None:
    assert smallest(strategies.texts(), lambda text: len(text) > 3000) == "a" * 3001


def test_deep_json_shrinks_to_the_depth_that_matters() -> None:
    def depth(value: object) -> int:
        levels = 0
        while isinstance(value, list):
            levels, value = levels + 1, (value or [None])[0]
        return levels

    found = smallest(strategies.json_values(), lambda value: depth(value) > 40)
    assert depth(found) == 41


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("dialect", ["host", "sdk"])
@pytest.mark.parametrize("operation", [Operation.TEMPLATE_FUNCTION, Operation.QUERY_DATASOURCE])
def test_json_goes_as_deep_as_a_reader_follows_and_no_deeper(operation: Operation, dialect: str) -> None:
    def brackets(request: Request) -> int:
        level = deepest = 0
        for byte in dialect_named(dialect).encode(request)[:4000]:
            level += (byte in b"[{") - (byte in b"]}")
            deepest = max(deepest, level)
        return deepest

    strategy = strategies.requests(operation, dialect=dialect)
    assert brackets(find(strategy, lambda request: brackets(request) == 127, settings=drawn)) == 127


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(lambda text: text == "", id="empty"),
        pytest.param(lambda text: len(text) == 65537, id="longer than 64 KiB"),
        pytest.param(lambda text: any(ord(letter) > 0xFFFF for letter in text), id="astral"),
        pytest.param(lambda text: "\u0301" in text, id="combining"),
        pytest.param(lambda text: "ש" in text, id="right to left"),
        pytest.param(lambda text: "\0" in text, id="NUL"),
        pytest.param(lambda text: "\r\nSet-Cookie" in text, id="header"),
        pytest.param(lambda text: "../" in text, id="path traversal"),
        pytest.param(lambda text: "' OR" in text, id="SQL"),
    ],
)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_text_holds_what_software_stumbles_over(wanted: Callable[[str], bool]) -> None:
    quick = settings(max_examples=2000, database=None, derandomize=True, phases=[Phase.generate])
    assert wanted(find(strategies.texts(), wanted, settings=quick))


def test_json_tells_null_from_absent_and_minus_zero_from_zero() -> None:
    queries = strategies.data_queries()
    found = find(queries, lambda query: None in query.parameters.values(), settings=search)
    assert list(found.parameters.values()) == [None]
    assert (
        "-0.0"
        in find(
            queries, lambda query: "-0.0" in map(repr, query.parameters.values()), settings=search
        ).parameters.__repr__()
    )


def test_header_values_are_what_a_host_can_hold() -> None:
    @many
    @given(strategies.auth_requests())
    def judge(request: AuthRequest) -> None:
        for value in (request.client_ip, request.user_agent):
            assert value is None or all(0x20 <= ord(letter) < 0x7F or letter == "\t" for letter in value)
        assert request.uri.isascii()
        assert set(request.method) <= set(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")

    judge()


# --- samples ----------------------------------------------------------------------------------------------------------

TOKEN = BUILD.auth(uri="/api/users", query={"token": "alpha"})


@pytest.mark.parametrize(
    "wanted", ["alpha\0", "alpha ", "ALPHA", "alph", "lpha", "alphaalpha", "'alpha", "al", "ahpla", "alpha%00"]
)
def test_a_samples_text_is_changed_a_little(wanted: str) -> None:
    changed = [tweaked({"token": "alpha"}, Tweak(0, how)) for how in range(64)]
    assert {"token": wanted} in changed


def test_a_samples_token_is_soon_tried_with_a_nul_behind_it() -> None:
    soon = settings(max_examples=2000, database=None, derandomize=True, phases=[Phase.generate])
    strategy = strategies.auth_requests(samples=[TOKEN])
    found = find(strategy, lambda request: request.query_params.get("token") == "alpha\0", settings=soon)
    assert found.uri.startswith("/")


def test_samples_are_spliced() -> None:
    samples = [TOKEN, BUILD.auth(query={"api_key": "key-ci"}, uri="/else")]

    def both(request: AuthRequest) -> bool:
        return request.uri.startswith("/api/users") and "key-ci" in request.query_params.values()

    assert find(strategies.auth_requests(samples=samples), both, settings=drawn)


def test_a_samples_arguments_are_changed() -> None:
    strategy = strategies.template_calls(samples=[BUILD.template("add", 2, 3)])
    found = find(strategy, lambda call: call.function_name == "add" and 2 + 2**32 in call.args, settings=drawn)
    assert found.args


@pytest.mark.parametrize("dialect", ["host", "sdk"])
def test_what_a_dialect_does_not_carry_of_a_sample_is_left_out(dialect: str) -> None:
    samples: list[Request] = [
        BUILD.query("SELECT 1"),
        BUILD.auth(bearer="secret"),
        BUILD.auth(uri="/kept", headers={"x-a": "b"}, body=b"x", lenient=True),
    ]
    strategy = strategies.requests("authenticate", dialect=dialect, samples=samples)
    kept = find(strategy, lambda request: isinstance(request, AuthRequest) and request.uri == "/kept", settings=drawn)
    assert dialect_named(dialect).encode(kept)

    def with_secret(request: Request) -> bool:
        return b"secret" in dialect_named(dialect).encode(request)

    if dialect == "sdk":
        assert find(strategy, with_secret, settings=drawn)
    else:
        with pytest.raises(NoSuchExample):
            find(strategy, with_secret, settings=settings(max_examples=300, database=None, derandomize=True))


def test_an_unknown_operation_is_named_with_the_valid_ones() -> None:
    with pytest.raises(SettingsError, match="the operation cannot be 'auth'\n  hint: valid values are authenticate, "):
        strategies.requests("auth")


def test_an_unknown_dialect_is_named_with_the_valid_ones() -> None:
    with pytest.raises(SettingsError, match="the dialect cannot be 'auto'"):
        strategies.requests("authenticate", dialect="auto")


# --- template calls ---------------------------------------------------------------------------------------------------


def test_calls_of_one_function_with_its_signature() -> None:
    @many
    @given(strategies.template_calls("repeat", arguments=["string", {"type": "integer", "minimum": 0, "maximum": 9}]))
    def judge(call: TemplateCall) -> None:
        text, count = call.args
        assert (call.function_name, type(text), type(count)) == ("repeat", str, int)
        assert 0 <= int(str(count)) <= 9

    judge()


def test_calls_with_arguments_from_a_strategy() -> None:
    calls = strategies.template_calls(st.sampled_from(["a", "b"]), arguments=st.tuples(st.just(1)))
    assert smallest(calls, lambda _: True) == BUILD.template("a", 1)


def test_calls_of_a_named_function_start_from_its_samples_alone() -> None:
    samples = [BUILD.template("add", 2, 3), BUILD.template("join", ",", [])]
    calls = strategies.template_calls("add", samples=samples)
    assert find(calls, lambda call: call.args == (2, 3), settings=drawn).function_name == "add"
    with pytest.raises(NoSuchExample):
        find(calls, lambda call: call.args == (",", []), settings=settings(max_examples=300, database=None))


# --- replies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["host", "sdk"])
@pytest.mark.parametrize("operation", list(Operation))
def test_every_reply_keeps_the_contract(operation: Operation, dialect: str) -> None:
    @settings(many, max_examples=100)
    @given(strategies.replies(operation))
    def judge(reply: replies.Reply) -> None:
        decoded = dialect_named(dialect).decode(operation, encode_reply(dialect, operation, reply))
        assert decoded.violations == () or dialect == "sdk"
        assert decoded.ok
        if dialect == "host":
            assert decoded.reply == reply

    judge()


def test_the_simplest_reply_has_nothing_in_it() -> None:
    found = smallest(strategies.data_results(), lambda _: True)
    assert found == DataResult(rows=(), columns=(), execution_time_ms=0, metadata={})


# --- composing --------------------------------------------------------------------------------------------------------


def test_strategies_compose() -> None:
    posts = strategies.auth_requests().filter(lambda request: request.method == "POST").map(lambda one: one.method)
    built = st.builds(DataQuery, query=strategies.queries(), limit=strategies.integers(0, 10))
    assert smallest(st.tuples(posts, built), lambda _: True) == (
        "POST",
        DataQuery(query="SELECT * FROM users", limit=0),
    )


@pytest.mark.parametrize("name", strategies.__all__)
def test_what_is_public_says_what_it_is(name: str) -> None:
    assert getattr(strategies, name).__doc__


MODELS = [
    *("AuthRequest", "TemplateCall", "ResponseRequest", "DataQuery", "PluginContext", "Version", "ResolutionContext"),
    *("RequestMetadata", "Credentials", "AuthResponse", "UserIdentity", "ResponseData", "DataResult", "DataRow"),
    "ColumnInfo",
]


def test_every_model_is_known_to_hypothesis(tmp_path: Path) -> None:
    """In a process of its own, with the entry point of pyproject.toml, installed or not."""
    group = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["hypothesis"]
    (tmp_path / "ours-1.dist-info").mkdir()
    (tmp_path / "ours-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1\n")
    lines = "\n".join(f"{name} = {value}" for name, value in group.items())
    (tmp_path / "ours-1.dist-info" / "entry_points.txt").write_text(f"[hypothesis]\n{lines}\n")
    script = """
import sys
import hypothesis, hypothesis.strategies as st
print("pytest_mockforge.strategies" in sys.modules)
quick = hypothesis.settings(database=None, max_examples=1, phases=[hypothesis.Phase.generate])
from pytest_mockforge.contract import replies, request_models
for name in sys.argv[1:]:
    model = getattr(request_models, name, None) or getattr(replies, name)
    found = hypothesis.find(st.from_type(model), lambda _: True, settings=quick)
    print(name, type(found).__name__)
"""
    command = [sys.executable, "-W", "error", "-c", script, *MODELS]
    path = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=path)
    assert done.stdout.splitlines() == ["False", *(f"{name} {name}" for name in MODELS)], done.stderr


def test_the_list_of_models_is_whole() -> None:
    structs = {
        name
        for module in (request_models, replies)
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__
    }
    assert structs == set(MODELS)
