"""Requests for Hypothesis, by operation and dialect; `pytest_mockforge.strategies` is the public door.

A request is a realistic one and a short list of changes to it, so few values are drawn, most parts stay believable, and
shrinking deletes changes one by one until what is left matters. Knows no plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar, cast

from hypothesis import strategies as st

from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.json_reader import DEEPEST, U64_MAX
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import (
    QUERY_TYPES,
    AuthRequest,
    Credentials,
    DataQuery,
    PluginContext,
    Request,
    RequestMetadata,
    ResolutionContext,
    ResponseRequest,
    TemplateCall,
    Version,
    custom,
)
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.fuzz import values
from pytest_mockforge.fuzz.drafts import Change, carried, changed, chosen
from pytest_mockforge.fuzz.mutate import tweaks
from pytest_mockforge.fuzz.schema import Parameter, template_arguments

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

Asked = TypeVar("Asked", AuthRequest, TemplateCall, ResponseRequest, DataQuery)
Parts = dict[str, "SearchStrategy[object]"]

# Three at once is already rare in what plugins stumble over, and each costs some four draws.
_MOST_CHANGES = 4


def requests(
    operation: Operation | str, *, dialect: str = "host", samples: Sequence[Request] = ()
) -> SearchStrategy[Request]:
    """Give requests of `operation` that `dialect` carries whole, the simplest a plain request like the builder's.

    `samples` are requests to start from: they are mutated and mixed; those of another operation, and what the dialect
    does not carry, are left out. Raises `SettingsError` for an unknown operation or dialect.
    """
    if operation not in list(Operation):
        raise SettingsError(
            f"the operation cannot be {operation!r}", hint=f"valid values are {', '.join(map(str, Operation))}"
        )
    strategy = _BY_OPERATION[Operation(operation)](dialect=dialect, samples=samples)
    return cast("SearchStrategy[Request]", strategy)


def auth_requests(*, dialect: str = "host", samples: Sequence[Request] = ()) -> SearchStrategy[AuthRequest]:
    """Give calls of `authenticate`; under sdk they have headers, a body and credentials."""
    name = dialect_named(dialect).name
    return _around((AuthRequest(),), _auth_parts(name), name, samples)


def template_calls(
    function: str | SearchStrategy[str] | None = None,
    *,
    arguments: Sequence[Parameter] | SearchStrategy[tuple[object, ...]] | None = None,
    dialect: str = "host",
    samples: Sequence[Request] = (),
) -> SearchStrategy[TemplateCall]:
    """Give calls of template functions.

    `function` names one function, or gives names; `arguments` is a signature as `template_arguments` takes it, or gives
    tuples of arguments. What is left out is any. Samples of other functions than the named one are left out.
    """
    name = dialect_named(dialect).name
    parts = dict(_template_parts(name))
    if function is not None:
        parts.pop("function_name")
    if arguments is not None:
        parts = {part: strategy for part, strategy in parts.items() if not part.startswith("args")}
    if function is None and arguments is None:
        return _around((_TEMPLATE,), parts, name, samples)
    named = st.just(function) if isinstance(function, str) else function
    if isinstance(function, str):
        samples = [one for one in samples if isinstance(one, TemplateCall) and one.function_name == function]
    given = template_arguments(arguments) if isinstance(arguments, Sequence) else arguments
    calls = _around((_TEMPLATE,), parts, name, samples if arguments is None else ())
    return _with_given(calls, named, given)


def response_requests(*, dialect: str = "host", samples: Sequence[Request] = ()) -> SearchStrategy[ResponseRequest]:
    """Give calls of `generate_response`; path, URI, query and path parameters belong together."""
    name = dialect_named(dialect).name
    return _around((ResponseRequest(method="GET", uri="/", path="/"),), _response_parts(name), name, samples)


def data_queries(*, dialect: str = "host", samples: Sequence[Request] = ()) -> SearchStrategy[DataQuery]:
    """Give calls of `query_datasource`; under sdk a query has its text and parameters alone."""
    name = dialect_named(dialect).name
    return _around((DataQuery(query="SELECT * FROM users"),), _query_parts(name), name, samples)


_TEMPLATE = TemplateCall(function_name="upper", args=("abc",))
_BY_OPERATION: dict[Operation, Callable[..., SearchStrategy[object]]] = {
    Operation.AUTHENTICATE: auth_requests,
    Operation.TEMPLATE_FUNCTION: template_calls,
    Operation.GENERATE_RESPONSE: response_requests,
    Operation.QUERY_DATASOURCE: data_queries,
}


def _around(plain: tuple[Asked, ...], parts: Parts, dialect: str, samples: Iterable[Request]) -> SearchStrategy[Asked]:
    """Give the plain request and the samples with changes to them, the plain one first."""
    operation = plain[0].operation
    kept = cast("tuple[Asked, ...]", carried(samples, operation, dialect))
    # The plain request is one base in four or fewer: it is there to shrink to.
    bases = plain + kept * max(1, 3 // max(1, len(kept)))
    weighed = list(parts)
    if kept:
        splices = [change for sample in kept for change in chosen(sample) if change[0] in _spliced(parts)]
        # What the author gave leads further than what we guess, so half of the changes begin there.
        parts = {**parts, "tweak": tweaks(), "splice": values.pick(splices or chosen(plain[0]))}
        weighed += ["tweak", "tweak", "tweak", "splice"] * max(1, len(weighed) // 4)
    changes = st.lists(_change(_Choice(weighed, parts)), max_size=_MOST_CHANGES)
    if len(bases) == 1:
        return changes.map(partial(_changed, plain[0]))
    return st.builds(_changed, values.pick(bases), changes)


def _spliced(parts: Parts) -> set[str]:
    return {part.partition(".")[0].rstrip("+") for part in parts} | {"token"}


def _changed(base: Asked, changes: Sequence[Change]) -> Asked:
    return cast("Asked", changed(base, changes))


_THREE_BYTES = st.binary(min_size=3, max_size=3)


class _Choice:
    """Parts with their values, each as often as it is named. One index chooses both, since each draw costs."""

    def __init__(self, weighed: Sequence[str], parts: Parts) -> None:
        self._pools = [(part, values.pool_of(parts[part])) for part in weighed]

    def drawn(self, draw: DrawFn) -> Change:
        # Bytes are drawn evenly, large integers are not.
        place, rest = divmod(int.from_bytes(draw(_THREE_BYTES)) * len(self._pools), 2**24)
        part, pool = self._pools[place]
        return part, pool.at(rest * pool.size >> 24, draw)

    def __repr__(self) -> str:
        return f"<{len(self._pools)} parts>"


@st.composite
def _change(draw: DrawFn, choice: _Choice) -> Change:
    return choice.drawn(draw)


@st.composite
def _with_given(
    draw: DrawFn,
    calls: SearchStrategy[TemplateCall],
    names: SearchStrategy[str] | None,
    arguments: SearchStrategy[tuple[object, ...]] | None,
) -> TemplateCall:
    call = draw(calls)
    return TemplateCall(
        function_name=call.function_name if names is None else draw(names),
        args=call.args if arguments is None else draw(arguments),
        context=call.context,
    )


# --- the parts of each request ----------------------------------------------------------------------------------------

#: Names of functions that templates are likely to have; a sample tells the real ones.
_FUNCTIONS = (
    *("upper", "lower", "now", "uuid", "random", "env", "header", "reverse", "length", "add", "concat", "join", "echo"),
    *("repeat", "first", "base64", "hash", "", "no_such_function", "UPPER", "upper ", "__proto__", "a" * 4096),
)
_RAW_QUERIES = (
    *("", "a", "a=", "=a", "=", "&", "a=1&a=2", "a=1&&b=2", "a=b=c", "a;b", "token", "token=&token=abc", "a+b=c+d"),
    *("token=abc&token=", "%61=%62", "a=%", "a=%zz", "a=%00", "a=%FF", "a=%ED%A0%80", "a[]=1&a[b]=2", "?", "a=?"),
    *("a=%F0%9F%8E%B8", "token=a%00", "&".join(f"k{index}={index}" for index in range(512)), "a=" + "%41" * 4096),
)


def _named(names: SearchStrategy[str], members: SearchStrategy[object]) -> SearchStrategy[tuple[str, object]]:
    return st.tuples(names, members)


@cache
def _plugin_context_parts() -> Parts:
    deepest = DEEPEST - 2
    return {
        "environment.*": _named(values.names(), values.texts()),
        "custom.*": _named(values.names(), values.json_values(deepest=deepest - 1)),
        "timeout_ms": values.integers(0, U64_MAX),
        "plugin_id": values.texts(),
        "request_id": values.texts(),
        "version": versions(),
    }


@cache
def _client_parts(dialect: str) -> Parts:
    common: Parts = {
        "query.token": values.tokens(),
        "query.*": _named(values.names(), values.texts()),
        "query.id": values.integers().map(str),
        "query": values.pick(_RAW_QUERIES),
        "path": values.paths(),
        "method": values.methods(),
        "client_ip": values.client_addresses(),
        "user_agent": values.user_agents(),
    }
    if dialect == "sdk":
        return {
            **common,
            "headers.*": _named(values.header_names(), values.header_values()),
            "headers.authorization": values.tokens().filter(_is_header_value),
            "body": values.pick((None,), values.bodies(), beyond=8),
        }
    return {**common, **_plugin_context_parts()}


@cache
def _auth_parts(dialect: str) -> Parts:
    parts = {**_client_parts(dialect), "query.api_key": values.tokens()}
    return {**parts, "credentials": credentials()} if dialect == "sdk" else parts


@cache
def _template_parts(dialect: str) -> Parts:
    value = values.json_values(deepest=DEEPEST - 2)
    parts: Parts = {
        "args+": value,
        "args": st.lists(value, max_size=3).map(tuple),
        "function_name": values.pick(_FUNCTIONS, values.texts()),
        "request_context": values.pick((None,), request_metadata(), beyond=4),
        "environment.*": _named(values.names(), values.texts()),
    }
    if dialect == "host":
        parts |= {"metadata.*": _named(values.names(), values.texts()), "timestamp": values.timestamps()}
    return parts


@cache
def _response_parts(dialect: str) -> Parts:
    return {**_client_parts(dialect), "path_params.id": values.texts()}


@cache
def _query_parts(dialect: str) -> Parts:
    value = values.json_values(deepest=DEEPEST - (3 if dialect == "sdk" else 2))
    parts: Parts = {"query": values.queries(), "parameters.id": value, "parameters.*": _named(values.names(), value)}
    if dialect == "host":
        whole = values.pick((None, 0, 1, 10), values.integers(0, U64_MAX), beyond=1)
        parts |= {"query_type": query_types(), "limit": whole, "offset": whole, **_plugin_context_parts()}
    return parts


def _is_header_value(text: str) -> bool:
    return text.isascii() and text.isprintable()


# --- what requests are made of ----------------------------------------------------------------------------------------


@cache
def query_types() -> SearchStrategy[str]:
    """Types of statements as the host writes them: `Select` and its like, and `Custom("…")` (contract 1.6)."""
    return values.pick(QUERY_TYPES, values.texts().map(custom), beyond=1)


@cache
def versions() -> SearchStrategy[Version]:
    """Versions of plugins."""
    number = values.integers(0, values.U32_MAX)
    label = values.pick((None, "rc.1", "alpha", "", "0", "-", "é", "a" * 256))
    return st.builds(Version, major=number, minor=number, patch=number, pre_release=label, build=label)


@cache
def plugin_contexts() -> SearchStrategy[PluginContext]:
    """The context of three of the four operations, as the host sends it."""
    return auth_requests_with(tuple(_plugin_context_parts())).map(lambda request: request.context)


def auth_requests_with(parts: tuple[str, ...]) -> SearchStrategy[AuthRequest]:
    """Give calls of `authenticate` in which only some parts change."""
    return _around((AuthRequest(),), {part: _auth_parts("host")[part] for part in parts}, "host", ())


@cache
def resolution_contexts() -> SearchStrategy[ResolutionContext]:
    """What a template function sees beside its arguments."""
    parts = {part: value for part, value in _template_parts("host").items() if part.partition(".")[0] in _RESOLUTION}
    return _around((_TEMPLATE,), parts, "host", ()).map(lambda call: call.context)


_RESOLUTION = ("request_context", "environment", "metadata", "timestamp")


@cache
def request_metadata() -> SearchStrategy[RequestMetadata]:
    """The HTTP request that a template is rendered for."""
    return st.builds(
        RequestMetadata,
        method=values.methods(),
        path=values.paths(),
        headers=st.dictionaries(values.header_names(), values.header_values(), max_size=2),
        query_params=st.dictionaries(values.names(), values.texts(), max_size=2),
    )


@cache
def credentials() -> SearchStrategy[Credentials]:
    """Credentials as the published SDKs take them; the host carries none."""
    single = st.builds(Credentials, type=values.pick(("bearer", "api_key")), token=values.tokens())
    basic = st.builds(_basic, values.texts(longest=256), values.texts(longest=256))
    return st.one_of(single, basic)


def _basic(user: str, password: str) -> Credentials:
    from base64 import b64encode

    token = b64encode(f"{user}:{password}".encode()).decode()
    return Credentials(type="basic", token=token, data={"username": user, "password": password})
