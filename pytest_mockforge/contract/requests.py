"""Build requests, from Python and from the `request:` of a sample in `plugin.test.yaml`.

The one door to requests: the models are re-exported here. Usable without pytest, where `mockforge_request` is a
`RequestBuilder`. Whatever is left out gets a fixed value, so equal calls give equal requests.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pytest_mockforge.contract import request_values as take
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

__all__ = [
    "QUERY_TYPES",
    "AuthRequest",
    "Credentials",
    "DataQuery",
    "PluginContext",
    "Request",
    "RequestBuilder",
    "RequestMetadata",
    "ResolutionContext",
    "ResponseRequest",
    "TemplateCall",
    "Version",
    "custom",
    "from_mapping",
]

Value = TypeVar("Value")


class RequestBuilder:
    """Builds requests; whatever cannot stand in one raises `RequestError` at once, by name.

    A request that carries what MockForge drops (headers, a body, credentials, sort, filters, options) can be built,
    but the host dialect refuses to send it unless it is `lenient`.
    """

    def auth(
        self,
        *,
        query: Mapping[str, str] | None = None,
        bearer: str | None = None,
        basic: tuple[str, str] | None = None,
        api_key: str | None = None,
        method: str = "GET",
        uri: str = "/",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        client_ip: str | None = None,
        user_agent: str | None = None,
        context: PluginContext | None = None,
        lenient: bool = False,
    ) -> AuthRequest:
        """Build a call of `authenticate` (contract 1.3).

        `query` is appended to `uri`, form-urlencoded; where it is left out, it is read from `uri`. At most one of
        `bearer`, `basic` (user and password) and `api_key` gives credentials, which the host dialect does not carry.
        A `lenient` request takes an address and an agent that are left out from `headers`, as the host does
        (contract 1.2): the whole of `x-forwarded-for`, else of `x-real-ip`; `user-agent`.
        """
        where = "authenticate"
        full_uri, parameters = take.target(where, "uri", take.text(where, "uri", uri), query)
        address, agent, named = _client(where, headers, client_ip, user_agent, lenient)
        return AuthRequest(
            method=take.text(where, "method", method),
            uri=full_uri,
            query_params=parameters,
            client_ip=address,
            user_agent=agent,
            context=_or_default(take.model_or_none(where, "context", context, PluginContext), PluginContext),
            headers=named,
            body=take.body_or_none(where, body),
            credentials=_credentials(where, bearer, basic, api_key),
            lenient=take.flag(where, "lenient", lenient),
        )

    def template(self, name: str, *args: object, context: ResolutionContext | None = None) -> TemplateCall:
        """Build a call of the template function `name` (contract 1.4); `args` are any values that JSON can hold."""
        where = "template_function"
        return TemplateCall(
            function_name=take.text(where, "name", name),
            args=args,
            context=_or_default(take.model_or_none(where, "context", context, ResolutionContext), ResolutionContext),
        )

    def response(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        path_params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        client_ip: str | None = None,
        user_agent: str | None = None,
        context: PluginContext | None = None,
        lenient: bool = False,
    ) -> ResponseRequest:
        """Build a call of `generate_response` (contract 1.5).

        `path` travels as it is, and percent-encoded with the query in `uri`. It may hold a query itself, which then
        counts as `query`. Address and agent come from `headers` as for `auth`.
        """
        where = "generate_response"
        raw, mark, encoded = take.text(where, "path", path).partition("?")
        uri, parameters = take.target(where, "path", take.percent_encoded(raw) + mark + encoded, query)
        address, agent, named = _client(where, headers, client_ip, user_agent, lenient)
        return ResponseRequest(
            method=take.text(where, "method", method),
            uri=uri,
            path=raw,
            path_params=take.text_map(where, "path_params", path_params),
            query_params=parameters,
            client_ip=address,
            user_agent=agent,
            context=_or_default(take.model_or_none(where, "context", context, PluginContext), PluginContext),
            headers=named,
            body=take.body_or_none(where, body),
            lenient=take.flag(where, "lenient", lenient),
        )

    def query(
        self,
        query: str,
        *,
        type: str = "Select",
        parameters: Mapping[str, object] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort: Sequence[object] | None = None,
        filters: Sequence[object] | None = None,
        options: Mapping[str, object] | None = None,
        context: PluginContext | None = None,
        lenient: bool = False,
    ) -> DataQuery:
        """Build a call of `query_datasource` (contract 1.6).

        `type` is `Select`, `Insert`, `Update`, `Delete` or `custom("name")`. The host drops `sort`, `filters` and
        `options`.
        """
        where = "query_datasource"
        return DataQuery(
            query=take.text(where, "query", query),
            query_type=_query_type(where, type),
            parameters=take.json_map(where, "parameters", parameters),
            limit=take.whole_or_none(where, "limit", limit),
            offset=take.whole_or_none(where, "offset", offset),
            context=_or_default(take.model_or_none(where, "context", context, PluginContext), PluginContext),
            sort=take.items(where, "sort", sort),
            filters=take.items(where, "filters", filters),
            options=take.json_map(where, "options", options),
            lenient=take.flag(where, "lenient", lenient),
        )


def from_mapping(operation: Operation, mapping: Mapping[str, object]) -> Request:
    """Build a request of `operation` from the `request:` mapping of a sample in `plugin.test.yaml`.

    The keys are the arguments of the builder's method; a template function has `function_name`, `args` and `context`.
    Text stands for a body, a list of two for `basic`, a mapping for `context`, `{custom: name}` for a custom `type`.
    Raises `RequestError` for an unknown key, naming the valid ones, for a missing one and for a value of another type.
    """
    valid, required = _KEYS[operation]
    where = f"request of {operation}"
    take.only_keys(where, mapping, valid, required)
    given = {key: _adapted(where, operation, key, value) for key, value in mapping.items()}
    builder = RequestBuilder()
    if operation is Operation.TEMPLATE_FUNCTION:
        context = take.model_or_none(where, "context", given.get("context"), ResolutionContext)
        name = take.text(where, "function_name", given["function_name"])
        return builder.template(name, *take.items(where, "args", given.get("args")), context=context)
    build: Callable[..., Request] = builder.query
    if operation is Operation.AUTHENTICATE:
        build = builder.auth
    elif operation is Operation.GENERATE_RESPONSE:
        build = builder.response
    return build(**given)


_COMMON = ("headers", "body", "client_ip", "user_agent", "context", "lenient")
_KEYS: dict[Operation, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Operation.AUTHENTICATE: (("query", "bearer", "basic", "api_key", "method", "uri", *_COMMON), ()),
    Operation.TEMPLATE_FUNCTION: (("function_name", "args", "context"), ("function_name",)),
    Operation.GENERATE_RESPONSE: (("method", "path", "query", "path_params", *_COMMON), ("method", "path")),
    Operation.QUERY_DATASOURCE: (
        ("query", "type", "parameters", "limit", "offset", "sort", "filters", "options", "context", "lenient"),
        ("query",),
    ),
}


def _adapted(where: str, operation: Operation, key: str, value: object) -> object:
    """Turn what YAML can hold into what the builder takes."""
    if key == "body" and isinstance(value, str):
        return take.text(where, key, value).encode()
    if key == "basic" and isinstance(value, list):
        return tuple(value)
    if key == "type" and isinstance(value, Mapping):
        take.only_keys(f"{where}, type", value, ("custom",), ("custom",))
        return custom(take.text(where, "type.custom", value["custom"]))
    if key == "context" and isinstance(value, Mapping):
        if operation is Operation.TEMPLATE_FUNCTION:
            return _resolution_context(f"{where}, context", value)
        return _plugin_context(f"{where}, context", value)
    return value


def _given(
    mapping: Mapping[str, object], takers: Mapping[str, Callable[[object], object]], where: str
) -> dict[str, object]:
    take.only_keys(where, mapping, tuple(takers), ())
    return {key: takers[key](value) for key, value in mapping.items()}


def _plugin_context(where: str, mapping: Mapping[str, object]) -> PluginContext:
    takers: dict[str, Callable[[object], object]] = {
        "plugin_id": lambda value: take.text(where, "plugin_id", value),
        "version": lambda value: _version(f"{where}, version", value),
        "timeout_ms": lambda value: take.whole(where, "timeout_ms", value),
        "request_id": lambda value: take.text(where, "request_id", value),
        "environment": lambda value: take.text_map(where, "environment", value),
        "custom": lambda value: take.json_map(where, "custom", value),
    }
    build: Callable[..., PluginContext] = PluginContext
    return build(**_given(mapping, takers, where))


def _version(where: str, value: object) -> Version:
    number = 2**32 - 1
    takers: dict[str, Callable[[object], object]] = {
        "major": lambda value: take.whole(where, "major", value, top=number),
        "minor": lambda value: take.whole(where, "minor", value, top=number),
        "patch": lambda value: take.whole(where, "patch", value, top=number),
        "pre_release": lambda value: take.text_or_none(where, "pre_release", value),
        "build": lambda value: take.text_or_none(where, "build", value),
    }
    if not isinstance(value, Mapping):
        take.refuse(where, "no mapping", expected="{major: 1, minor: 2, patch: 3}", got=take.shown(value))
    build: Callable[..., Version] = Version
    return build(**_given(value, takers, where))


def _resolution_context(where: str, mapping: Mapping[str, object]) -> ResolutionContext:
    takers: dict[str, Callable[[object], object]] = {
        "metadata": lambda value: take.text_map(where, "metadata", value),
        "environment": lambda value: take.text_map(where, "environment", value),
        "request_context": lambda value: _metadata(f"{where}, request_context", value),
        "timestamp": lambda value: take.text(where, "timestamp", value),
    }
    build: Callable[..., ResolutionContext] = ResolutionContext
    return build(**_given(mapping, takers, where))


def _metadata(where: str, value: object) -> RequestMetadata | None:
    takers: dict[str, Callable[[object], object]] = {
        "method": lambda value: take.text(where, "method", value),
        "path": lambda value: take.text(where, "path", value),
        "headers": lambda value: take.text_map(where, "headers", value),
        "query_params": lambda value: take.text_map(where, "query_params", value),
    }
    if value is None:
        return None
    if not isinstance(value, Mapping):
        take.refuse(where, "no mapping", expected="{method: GET, path: /}", got=take.shown(value))
    build: Callable[..., RequestMetadata] = RequestMetadata
    return build(**_given(value, takers, where))


def _or_default(value: Value | None, make: Callable[[], Value]) -> Value:
    return make() if value is None else value


def _client(
    where: str, headers: object, client_ip: object, user_agent: object, lenient: object
) -> tuple[str | None, str | None, dict[str, str]]:
    named = take.text_map(where, "headers", headers)
    address = take.text_or_none(where, "client_ip", client_ip)
    agent = take.text_or_none(where, "user_agent", user_agent)
    if lenient is True:
        if address is None:
            forwarded = any(name.lower() == "x-forwarded-for" for name in named)
            address = take.header(named, "x-forwarded-for" if forwarded else "x-real-ip")
        if agent is None:
            agent = take.header(named, "user-agent")
    return address, agent, named


def _credentials(where: str, bearer: object, basic: object, api_key: object) -> Credentials | None:
    ways = {"bearer": bearer, "basic": basic, "api_key": api_key}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) > 1:
        take.refuse(where, "more than one kind of credentials", expected="at most one", got=" and ".join(given))
    if bearer is not None:
        return Credentials(type="bearer", token=take.text(where, "bearer", bearer))
    if api_key is not None:
        return Credentials(type="api_key", token=take.text(where, "api_key", api_key))
    if basic is None:
        return None
    if not isinstance(basic, tuple) or len(basic) != 2:
        # The value may hold a password, so it is not shown.
        take.refuse(where, "basic is no pair", expected="user and password", got=type(basic).__name__)
    user, password = (take.text(where, "basic", part) for part in basic)
    token = b64encode(f"{user}:{password}".encode()).decode()
    return Credentials(type="basic", token=token, data={"username": user, "password": password})


def _query_type(where: str, value: object) -> str:
    name = take.text(where, "type", value)
    if name in QUERY_TYPES or (name.startswith('Custom("') and name.endswith('")') and len(name) >= 10):
        return name
    wanted = f'{", ".join(QUERY_TYPES)} or custom("name")'
    return take.refuse(where, "unknown query type", expected=wanted, got=take.shown(value))
