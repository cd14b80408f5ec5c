"""How a request becomes the bytes that a plugin gets. Knows nothing of how they reach it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pytest_mockforge.contract.decode import Decoded, decode_reply
from pytest_mockforge.contract.json_text import dump
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import (
    AuthRequest,
    DataQuery,
    PluginContext,
    Request,
    ResolutionContext,
    ResponseRequest,
    TemplateCall,
)
from pytest_mockforge.errors import RequestError


class Dialect(Protocol):
    """The JSON shapes that one kind of peer speaks."""

    @property
    def name(self) -> str: ...

    def encode(self, request: Request) -> bytes:
        """Write `request`. Raises `RequestError` for what this dialect would drop or cannot write."""
        ...

    def decode(self, operation: Operation, payload: bytes) -> Decoded:
        """Read the reply of `operation`; never raises."""
        ...


class HostDialect:
    """What the MockForge host sends and parses, byte for byte (contract 1.2 to 1.6)."""

    name = "host"

    def encode(self, request: Request) -> bytes:
        """Write `request` as the host does.

        Raises `RequestError` for a value that the host would drop, unless the request is lenient, and for one that
        JSON cannot hold.
        """
        match request:
            case AuthRequest():
                _refuse_dropped(
                    request, {"headers": request.headers, "body": request.body, "credentials": request.credentials}
                )
                return dump(_auth_object(request))
            case TemplateCall():
                return dump(_template_object(request))
            case ResponseRequest():
                _refuse_dropped(request, {"headers": request.headers, "body": request.body})
                return dump(_response_object(request))
            case DataQuery():
                dropped = {"sort": request.sort, "filters": request.filters, "options": request.options}
                _refuse_dropped(request, dropped)
                return dump(_query_object(request))

    def decode(self, operation: Operation, payload: bytes) -> Decoded:
        """Read the reply of `operation` as the host does (`decode_reply`)."""
        return decode_reply(operation, payload)


def _refuse_dropped(request: AuthRequest | ResponseRequest | DataQuery, values: Mapping[str, object]) -> None:
    # An empty mapping or tuple says nothing that could be lost; an empty body is still a body.
    named = [name for name, value in values.items() if value is not None and value != {} and value != ()]
    if not named or request.lenient:
        return
    hint = "pass lenient=True to drop what the host drops"
    if "credentials" in named:
        hint += ", or put the token in the query: query={'token': '…'}"
    raise RequestError(
        f"{request.operation}: the host dialect does not carry {' or '.join(named)}, so the plugin would not see it",
        hint=hint,
    )


def _context_object(context: PluginContext) -> dict[str, object]:
    version = context.version
    return {
        "plugin_id": context.plugin_id,
        "version": {
            "major": version.major,
            "minor": version.minor,
            "patch": version.patch,
            "pre_release": version.pre_release,
            "build": version.build,
        },
        "timeout_ms": context.timeout_ms,
        "request_id": context.request_id,
        "environment": context.environment,
        "custom": context.custom,
    }


def _resolution_object(context: ResolutionContext) -> dict[str, object]:
    metadata = context.request_context
    return {
        "metadata": context.metadata,
        "environment": context.environment,
        "request_context": metadata
        and {
            "method": metadata.method,
            "path": metadata.path,
            "headers": metadata.headers,
            "query_params": metadata.query_params,
        },
        "timestamp": context.timestamp,
    }


def _auth_object(request: AuthRequest) -> dict[str, object]:
    return {
        "context": _context_object(request.context),
        "method": request.method,
        "uri": request.uri,
        "query_params": request.query_params,
        "client_ip": request.client_ip,
        "user_agent": request.user_agent,
    }


def _template_object(call: TemplateCall) -> dict[str, object]:
    return {
        "function_name": call.function_name,
        "args": call.args,
        "context": _resolution_object(call.context),
    }


def _response_object(request: ResponseRequest) -> dict[str, object]:
    return {
        "context": _context_object(request.context),
        "method": request.method,
        "uri": request.uri,
        "path": request.path,
        "query_params": request.query_params,
        "path_params": request.path_params,
        "client_ip": request.client_ip,
        "user_agent": request.user_agent,
    }


def _query_object(query: DataQuery) -> dict[str, object]:
    return {
        "query_type": query.query_type,
        "query": query.query,
        "parameters": query.parameters,
        "limit": query.limit,
        "offset": query.offset,
        "context": _context_object(query.context),
    }
