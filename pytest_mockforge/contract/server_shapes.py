"""The shapes of requests, as a service finds them, in both dialects (contract 1.2 to 1.6, 4.2).

Builds the request models. Knows nothing of bytes: `server_side` is the door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import (
    AuthRequest,
    Credentials,
    DataQuery,
    PluginContext,
    RequestMetadata,
    ResolutionContext,
    ResponseRequest,
    TemplateCall,
    Version,
)
from pytest_mockforge.contract.sdk_dialect import ADDRESS_HEADER, AGENT_HEADER, NO_CREDENTIALS, query_of
from pytest_mockforge.contract.sdk_shapes import base64_text
from pytest_mockforge.contract.shapes import (
    BROKEN,
    Place,
    Shape,
    Sink,
    anything,
    described,
    json_object,
    list_of,
    string,
    struct,
    text_map,
    unsigned,
)


def _object(
    name: str,
    fields: dict[str, Shape],
    build: Callable[..., object],
    *,
    optional: tuple[str, ...] = (),
    closed: bool = False,
) -> Shape:
    """Make the shape of an object; a `closed` one refuses keys that it does not know."""
    inner = struct(name, fields, build, optional=optional)

    def convert(value: object, place: Place, sink: Sink) -> object:
        if type(value) is not dict:
            return sink.refuse("wrong-type", place, f"object {name}", described(value), "")
        before = sink.refusals
        if closed:
            for key in sorted(value.keys() - fields.keys()):
                hint = f"the published SDK takes {', '.join(fields)} here, and no other key"
                sink.refuse("semantics", (place, key), "no such key", described(value[key]), "", hint=hint)
        built = inner(value, place, sink)
        return built if sink.refusals == before else BROKEN

    return convert


# --- host -------------------------------------------------------------------------------------------------------------

_U32 = unsigned(32)
_U64 = unsigned(64)
_VERSION = _object(
    "PluginVersion",
    {"major": _U32, "minor": _U32, "patch": _U32, "pre_release": string, "build": string},
    Version,
    optional=("pre_release", "build"),
)
_PLUGIN_CONTEXT = _object(
    "PluginContext",
    {
        "plugin_id": string,
        "version": _VERSION,
        "timeout_ms": _U64,
        "request_id": string,
        "environment": text_map,
        "custom": json_object,
    },
    PluginContext,
)
_METADATA = _object(
    "RequestMetadata",
    {"method": string, "path": string, "headers": text_map, "query_params": text_map},
    RequestMetadata,
)
_RESOLUTION_CONTEXT = _object(
    "ResolutionContext",
    {"metadata": text_map, "environment": text_map, "request_context": _METADATA, "timestamp": string},
    ResolutionContext,
    optional=("request_context",),
)
_CLIENT: dict[str, Shape] = {"client_ip": string, "user_agent": string}

HOST: Mapping[Operation, Shape] = {
    Operation.AUTHENTICATE: _object(
        "AuthRequest",
        {"context": _PLUGIN_CONTEXT, "method": string, "uri": string, "query_params": text_map, **_CLIENT},
        AuthRequest,
        optional=tuple(_CLIENT),
    ),
    Operation.TEMPLATE_FUNCTION: _object(
        "TemplateCall",
        {"function_name": string, "args": list_of(anything), "context": _RESOLUTION_CONTEXT},
        TemplateCall,
    ),
    Operation.GENERATE_RESPONSE: _object(
        "ResponseRequest",
        {
            "context": _PLUGIN_CONTEXT,
            "method": string,
            "uri": string,
            "path": string,
            "query_params": text_map,
            "path_params": text_map,
            **_CLIENT,
        },
        ResponseRequest,
        optional=tuple(_CLIENT),
    ),
    Operation.QUERY_DATASOURCE: _object(
        "DataQuery",
        {
            "query_type": string,
            "query": string,
            "parameters": json_object,
            "limit": _U64,
            "offset": _U64,
            "context": _PLUGIN_CONTEXT,
        },
        DataQuery,
        optional=("limit", "offset"),
    ),
}


# --- sdk --------------------------------------------------------------------------------------------------------------


def _credentials(*, type: str, token: str, data: dict[str, str] | None) -> Credentials | None:
    if type == NO_CREDENTIALS:
        return None
    return Credentials(type=type, token=token, data=data or {})  # type: ignore[arg-type] # `_kind` let it through


def _kind(value: object, place: Place, sink: Sink) -> object:
    if value in _KINDS:
        return value
    expected = f"one of {', '.join(_KINDS)}"
    return sink.refuse("unknown-variant", place, expected, described(value), "")


_KINDS: tuple[Literal["none", "bearer", "basic", "api_key"], ...] = ("none", "bearer", "basic", "api_key")


def _auth(*, context: dict[str, object], credentials: Credentials | None) -> AuthRequest:
    build: Callable[..., AuthRequest] = AuthRequest
    return build(**_client(context), credentials=credentials)


def _client(context: dict[str, object]) -> dict[str, object]:
    """Take agent and address out of the headers and the query out of the uri, where the host has them."""
    headers, uri = context["headers"], context["uri"]
    assert isinstance(headers, dict)
    assert isinstance(uri, str)
    rest = dict(headers)
    lifted: dict[str, str] = {}
    for field, wanted in (("user_agent", AGENT_HEADER), ("client_ip", ADDRESS_HEADER)):
        name = next((name for name in rest if name.lower() == wanted), None)
        if name is not None:
            lifted[field] = rest.pop(name)
    return {**context, **lifted, "headers": rest, "query_params": query_of(uri)}


def _request_context(*, method: str, uri: str, headers: dict[str, str], body: bytes | None) -> RequestMetadata:
    del body  # a template's request has none on the host's side
    return RequestMetadata(method=method, path=uri.partition("?")[0], headers=headers, query_params=query_of(uri))


def _response(*, context: dict[str, object], request: dict[str, object]) -> ResponseRequest:
    build: Callable[..., ResponseRequest] = ResponseRequest
    inner = {name: value for name, value in request.items() if value is not None}
    return build(**_client({**context, **inner}))


def _query(*, query: DataQuery) -> DataQuery:
    return query


def _data_query(*, query: str, parameters: dict[str, object] | None) -> DataQuery:
    return DataQuery(query=query, parameters=parameters or {})


def _request_like(name: str, target: str, build: Callable[..., object] = dict) -> Shape:
    fields: dict[str, Shape] = {"method": string, target: string, "headers": text_map, "body": base64_text}
    return _object(name, fields, build, optional=("body",), closed=True)


_SDK_CONTEXT = _request_like("PluginContext", "uri")
_SDK_CREDENTIALS = _object(
    "AuthCredentials",
    {"type": _kind, "token": string, "data": text_map},
    _credentials,
    optional=("data",),
    closed=True,
)
# The published SDK reads keys of the template's context one by one, so it ignores others there (contract 4.2).
_SDK_RESOLUTION = _object(
    "ResolutionContext",
    {"environment": text_map, "request_context": _request_like("RequestContext", "uri", _request_context)},
    ResolutionContext,
    optional=("request_context",),
)

SDK: Mapping[Operation, Shape] = {
    Operation.AUTHENTICATE: _object("AuthRequest", {"context": _SDK_CONTEXT, "credentials": _SDK_CREDENTIALS}, _auth),
    Operation.TEMPLATE_FUNCTION: _object(
        "TemplateCall",
        {"function_name": string, "args": list_of(anything), "context": _SDK_RESOLUTION},
        TemplateCall,
    ),
    Operation.GENERATE_RESPONSE: _object(
        "ResponseRequest",
        {"context": _SDK_CONTEXT, "request": _request_like("ResponseRequest", "path")},
        _response,
    ),
    Operation.QUERY_DATASOURCE: _object(
        "DataQuery",
        {
            "query": _object(
                "DataQuery",
                {"query": string, "parameters": json_object},
                _data_query,
                optional=("parameters",),
                closed=True,
            )
        },
        _query,
    ),
}
