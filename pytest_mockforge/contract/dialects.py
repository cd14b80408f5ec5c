"""How a request becomes the bytes that a plugin gets, and how its answer is read. Knows nothing of how they travel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pytest_mockforge.additions import current
from pytest_mockforge.contract.decode import Decoded, decode_reply
from pytest_mockforge.contract.json_text import Json, Written, dump, parse
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
from pytest_mockforge.errors import RemoteFailure, RequestError, SettingsError

DIALECTS = ("host", "sdk")
"""The dialects that are built in."""

# Operations that have no way to say no in a reply (contract 1.4, 1.6).
_MAY_REFUSE = (Operation.TEMPLATE_FUNCTION, Operation.QUERY_DATASOURCE)
# Not found, not allowed, too large, too many …: of the road to the plugin, not of what was asked.
_WRONG_ROAD = frozenset({401, 403, 404, 405, 408, 413, 415, 429})
# OK with success = false, INVALID_ARGUMENT, FAILED_PRECONDITION and OUT_OF_RANGE of gRPC, below every HTTP status.
_REFUSING_CODES = frozenset({0, 3, 9, 11})
_LONGEST_WORDS = 300


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

    def refusal(self, operation: Operation, failure: RemoteFailure) -> str | None:
        """Give the words of a refusal where an answer with an error status is one, else None.

        Only template functions and queries refuse in this way (contract 1.4).
        """
        ...

    def refused(self, operation: Operation, payload: bytes) -> str | None:
        """Give the words of a refusal where a reply is one, else None: only the published Go SDK answers so."""
        ...

    def carried(self, operation: Operation, reply: Json) -> Json:
        """Reduce an expected reply, whole or in part and in the host's shape, to what a reply of this dialect holds."""
        ...


def dialect_named(name: str) -> Dialect:
    """Give the dialect called `name`. Raises `SettingsError` that lists the valid names (`auto` is none of them)."""
    if name == "host":
        return HostDialect()
    if name == "sdk":
        from pytest_mockforge.contract.sdk_dialect import SdkDialect

        return SdkDialect()
    added = current().dialects
    if name in added:
        return added[name]
    raise SettingsError(f"the dialect cannot be {name!r}", hint=f"valid values are {', '.join((*DIALECTS, *added))}")


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
                if request.headers or request.body is not None or request.credentials is not None:
                    _refuse_dropped(
                        request, {"headers": request.headers, "body": request.body, "credentials": request.credentials}
                    )
                return dump(_auth_object(request))
            case TemplateCall():
                return dump(_template_object(request))
            case ResponseRequest():
                if request.headers or request.body is not None:
                    _refuse_dropped(request, {"headers": request.headers, "body": request.body})
                return dump(_response_object(request))
            case DataQuery():
                if request.sort or request.filters or request.options:
                    dropped = {"sort": request.sort, "filters": request.filters, "options": request.options}
                    _refuse_dropped(request, dropped)
                return dump(_query_object(request))

    def decode(self, operation: Operation, payload: bytes) -> Decoded:
        """Read the reply of `operation` as the host does (`decode_reply`)."""
        return decode_reply(operation, payload)

    def refusal(self, operation: Operation, failure: RemoteFailure) -> str | None:
        """Give the words of a refusal: a 4xx that speaks of what was asked, or its like in gRPC (contract 1.4)."""
        if may_refuse(operation) and refusing_status(failure):
            return words_of(failure)
        return None

    def refused(self, operation: Operation, payload: bytes) -> str | None:  # noqa: ARG002 - the signature of a dialect
        """None: the host takes any reply at its word."""
        return None

    def carried(self, operation: Operation, reply: Json) -> Json:  # noqa: ARG002 - the signature of a dialect
        """Give the reply as it is: the host parses all of it."""
        return reply


def may_refuse(operation: Operation) -> bool:
    """Tell whether an error status is the one way in which `operation` can say no (contract 1.4, 1.6)."""
    return operation in _MAY_REFUSE


def refusing_status(failure: RemoteFailure) -> bool:
    """Tell whether an answer's status alone says that the plugin refused what it was asked."""
    if failure.kind != "status" or failure.status is None:
        return False
    if failure.status < 100:
        return failure.status in _REFUSING_CODES
    return 400 <= failure.status < 500 and failure.status not in _WRONG_ROAD


def words_of(failure: RemoteFailure) -> str:
    """Give what an answer with an error status says, in one printable line; the status where it says nothing."""
    said: Json = parse(failure.body).value
    if isinstance(said, dict):
        said = next((said[key] for key in ("error", "message", "detail") if isinstance(said.get(key), str)), None)
    text = said if isinstance(said, str) else failure.body.decode("utf-8", "replace")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if len(line) > _LONGEST_WORDS:
        line = line[: _LONGEST_WORDS - 1] + "…"
    return line or f"status {failure.status}"


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


def _context_object(context: PluginContext) -> Mapping[str, object] | Written:
    # Most requests are built without one, and then a third of what is written is the same in each.
    if context == _SAMPLE_CONTEXT and context.version is _SAMPLE_CONTEXT.version and type(context.timeout_ms) is int:
        return _WRITTEN_CONTEXT
    return _context_fields(context)


def _context_fields(context: PluginContext) -> Mapping[str, object]:
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


def _resolution_object(context: ResolutionContext) -> Mapping[str, object] | Written:
    return _WRITTEN_RESOLUTION if context == _SAMPLE_RESOLUTION else _resolution_fields(context)


def _resolution_fields(context: ResolutionContext) -> Mapping[str, object]:
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


_SAMPLE_CONTEXT, _SAMPLE_RESOLUTION = PluginContext(), ResolutionContext()
_WRITTEN_CONTEXT = Written(dump(_context_fields(_SAMPLE_CONTEXT)))
_WRITTEN_RESOLUTION = Written(dump(_resolution_fields(_SAMPLE_RESOLUTION)))
