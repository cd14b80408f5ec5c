"""The requests that the published SDKs and documents want, and their replies (contract 4.2).

Writes the keys that the published SDK takes and not one more, since it refuses what it does not know. Knows nothing of
how the bytes travel; the shapes of replies are in `sdk_shapes`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import parse_qsl, urlencode

from pytest_mockforge.contract import sdk_shapes
from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.dialects import may_refuse, refusing_status, words_of
from pytest_mockforge.contract.json_text import Json, dump, parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import (
    SAMPLE_TIMESTAMP,
    AuthRequest,
    DataQuery,
    PluginContext,
    Request,
    RequestMetadata,
    ResponseRequest,
    TemplateCall,
)
from pytest_mockforge.errors import RemoteFailure, RequestError

NO_CREDENTIALS = "none"
"""The type of the credentials of a request that has none; the published SDK needs the key."""
AGENT_HEADER = "user-agent"
ADDRESS_HEADER = "x-forwarded-for"


class SdkDialect:
    """What services built with the published SDKs, or after the documents, take and answer (contract 4.2)."""

    name = "sdk"

    def encode(self, request: Request) -> bytes:
        """Write `request` as the published SDK takes it.

        Raises `RequestError` for a value that would be dropped, unless the request is lenient (a template call cannot
        be), and for one that JSON cannot hold.
        """
        match request:
            case AuthRequest():
                _refuse_dropped(request, {"context": _unusual(request.context), **_hidden(request)})
                return dump({"context": _context(request), "credentials": _credentials(request)})
            case TemplateCall():
                return dump(_template_object(request))
            case ResponseRequest():
                hidden = {**_hidden(request), "path_params": _not_in_path(request)}
                _refuse_dropped(request, {"context": _unusual(request.context), **hidden})
                context = _context(request)
                inner = {name: context[name] for name in ("method", "headers", "body")}
                return dump({"context": context, "request": {**inner, "path": request.path}})
            case DataQuery():
                _refuse_dropped(request, _dropped_of_query(request))
                return dump({"query": {"query": request.query, "parameters": request.parameters}})

    def decode(self, operation: Operation, payload: bytes) -> Decoded:
        """Read the envelope and the result in it (`sdk_shapes.read_reply`)."""
        return sdk_shapes.read_reply(operation, payload)

    def refusal(self, operation: Operation, failure: RemoteFailure) -> str | None:
        """Give the words of a refusal: an envelope that says so, whatever the status, or a status that does."""
        if not may_refuse(operation) or failure.kind != "status":
            return None
        if sdk_shapes.is_refusing_envelope(parse(failure.body).value) or refusing_status(failure):
            return words_of(failure)
        return None

    def refused(self, operation: Operation, payload: bytes) -> str | None:  # noqa: ARG002 - the signature of a dialect
        """None: an error comes with an error status, and one with a good status breaks the contract."""
        return None

    def carried(self, operation: Operation, reply: Json) -> Json:
        """Leave out of an expected reply what the published SDK has no place for (`sdk_shapes.carried`)."""
        return sdk_shapes.carried(operation, reply)


# --- what travels -----------------------------------------------------------------------------------------------------


def with_query(uri: str, parameters: Mapping[str, str]) -> str:
    """Append a query, form-urlencoded, to a URI that shows none."""
    return f"{uri}?{urlencode(parameters)}" if parameters and "?" not in uri else uri


def query_of(uri: str) -> dict[str, str]:
    """Read the query of a URI as the host does: the last of a repeated name wins (contract 1.2)."""
    return dict(parse_qsl(uri.partition("?")[2], keep_blank_values=True))


def header_named(headers: Mapping[str, str], name: str) -> str | None:
    """Give the header `name`, letter case aside."""
    return next((value for key, value in headers.items() if key.lower() == name), None)


def _context(request: AuthRequest | ResponseRequest) -> dict[str, object]:
    headers = dict(request.headers)
    for name, value in ((AGENT_HEADER, request.user_agent), (ADDRESS_HEADER, request.client_ip)):
        if value is not None and header_named(headers, name) is None:
            headers[name] = value
    return {
        "method": request.method,
        "uri": with_query(request.uri, request.query_params),
        "headers": headers,
        "body": None if request.body is None else b64encode(request.body).decode(),
    }


def _credentials(request: AuthRequest) -> dict[str, object]:
    given = request.credentials
    if given is None:
        return {"type": NO_CREDENTIALS, "token": "", "data": {}}
    return {"type": given.type, "token": given.token, "data": given.data}


def _template_object(call: TemplateCall) -> dict[str, object]:
    context = call.context
    dropped: dict[str, object] = {
        "context.metadata": context.metadata,
        "context.timestamp": None if context.timestamp == SAMPLE_TIMESTAMP else context.timestamp,
    }
    metadata = context.request_context
    inner: dict[str, object] | None = None
    if metadata is not None:
        dropped["context.request_context.query_params"] = _not_in_uri(metadata.path, metadata.query_params)
        inner = _request_context(metadata)
    if named := _said(dropped):
        # A template call has no `lenient`, but a context of its own for which the test chose each value.
        _refuse(call.operation, named, "leave it out of the ResolutionContext, or speak the host dialect")
    return {
        "function_name": call.function_name,
        "args": call.args,
        "context": {"environment": context.environment, "request_context": inner},
    }


def _request_context(metadata: RequestMetadata) -> dict[str, object]:
    uri = with_query(metadata.path, metadata.query_params)
    return {"method": metadata.method, "uri": uri, "headers": metadata.headers, "body": None}


# --- what does not travel ---------------------------------------------------------------------------------------------


def _refuse_dropped(request: AuthRequest | ResponseRequest | DataQuery, values: Mapping[str, object]) -> None:
    if (named := _said(values)) and not request.lenient:
        hint = "pass lenient=True to drop what the sdk dialect drops"
        _refuse(request.operation, named, hint)


def _said(values: Mapping[str, object]) -> list[str]:
    # An empty mapping or tuple says nothing that could be lost.
    return [name for name, value in values.items() if value is not None and value != {} and value != ()]


def _refuse(operation: Operation, named: list[str], hint: str) -> NoReturn:
    raise RequestError(
        f"{operation}: the sdk dialect does not carry {' or '.join(named)}, so the plugin would not see it", hint=hint
    )


def _unusual(context: PluginContext) -> PluginContext | None:
    return None if context == PluginContext() else context


def _not_in_uri(uri: str, parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Give the parameters if the URI has another query, which travels in their place."""
    return parameters if "?" in uri and parameters != query_of(uri) else {}


def _hidden(request: AuthRequest | ResponseRequest) -> dict[str, object]:
    """Give what another value of the same request hides: a query by the URI's own, a field by a header."""
    agent = header_named(request.headers, AGENT_HEADER)
    address = header_named(request.headers, ADDRESS_HEADER)
    return {
        "query_params": _not_in_uri(request.uri, request.query_params),
        "user_agent": None if agent is None or agent == request.user_agent else request.user_agent,
        "client_ip": None if address is None or address == request.client_ip else request.client_ip,
    }


def _not_in_path(request: ResponseRequest) -> dict[str, str]:
    """Give the path parameters whose values, as written, are no segments of the path."""
    shown = f"/{request.path.strip('/')}/"
    return {name: value for name, value in request.path_params.items() if f"/{value}/" not in shown}


def _dropped_of_query(query: DataQuery) -> dict[str, object]:
    return {
        "query_type": None if query.query_type == "Select" else query.query_type,
        "limit": query.limit,
        "offset": query.offset,
        "sort": query.sort,
        "filters": query.filters,
        "options": query.options,
        "context": _unusual(query.context),
    }
