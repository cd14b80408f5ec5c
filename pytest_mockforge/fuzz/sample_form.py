"""A typed request as the mapping that stands under `request:` of a sample in `plugin.test.yaml`: what differs from the
defaults, and no more. The way back is `contract.requests.from_mapping`. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from pytest_mockforge.contract.request_models import (
    AuthRequest,
    Credentials,
    DataQuery,
    Request,
    ResponseRequest,
    TemplateCall,
)
from pytest_mockforge.contract.requests import from_mapping
from pytest_mockforge.errors import RequestError

SampleForm: TypeAlias = dict[str, object]


def sample_form(request: Request) -> SampleForm | None:
    """Write a request so that `from_mapping` gives it again; None for one that cannot be written so.

    A body of bytes that are no UTF-8, or a query that contradicts its URI, cannot.
    """
    for form in _candidates(request):
        try:
            if _alike(from_mapping(request.operation, form), request):
                return form
        except (RequestError, RecursionError):
            continue
    return None


def sparse(value: msgspec.Struct, fresh: msgspec.Struct, *, apart: tuple[str, ...] = ()) -> SampleForm:
    """Give the fields of a value that differ from those of a fresh one, what is nested treated alike."""
    form: SampleForm = {}
    for name in value.__struct_fields__:
        member = getattr(value, name)
        if name not in apart and not _alike(member, getattr(fresh, name)):
            form[name] = sparse(member, type(member)()) if isinstance(member, msgspec.Struct) else member
    return form


def _candidates(request: Request) -> list[SampleForm]:
    match request:
        case TemplateCall():
            form: SampleForm = {"function_name": request.function_name}
            if request.args:
                form["args"] = list(request.args)
            return [form | _context(request)]
        case DataQuery():
            form = sparse(request, DataQuery(query=request.query), apart=("query_type",))
            kind: SampleForm = {} if request.query_type == "Select" else {"type": request.query_type}
            lists: SampleForm = {name: list(form[name]) for name in ("sort", "filters") if name in form}  # type: ignore[call-overload] # tuples
            return [{"query": request.query} | kind | form | lists]
        case AuthRequest():
            rest = _common(request, AuthRequest()) | _credentials(request.credentials)
            path = request.uri.partition("?")[0]
            place: SampleForm = {} if path == "/" else {"uri": path}
            whole: SampleForm = {} if request.uri == "/" else {"uri": request.uri}
            query: SampleForm = {"query": dict(request.query_params)} if request.query_params else {}
            return [query | place | rest, whole | rest]
        case ResponseRequest():
            fresh = ResponseRequest(method=request.method, uri=request.uri, path=request.path)
            rest = _common(request, fresh)
            start: SampleForm = {"method": request.method, "path": request.path}
            query = {"query": dict(request.query_params)} if request.query_params else {}
            written = request.path + request.uri[len(request.uri.partition("?")[0]) :]
            return [start | query | rest, {**start, "path": written} | rest]


def _common(request: AuthRequest | ResponseRequest, fresh: AuthRequest | ResponseRequest) -> SampleForm:
    form = sparse(request, fresh, apart=("uri", "path", "query_params", "credentials"))
    if isinstance(request.body, bytes):
        try:
            form["body"] = request.body.decode()
        except UnicodeDecodeError:
            form.pop("body")
    return form


def _context(request: TemplateCall) -> SampleForm:
    return sparse(request, TemplateCall(function_name=""), apart=("function_name", "args"))


def _credentials(given: Credentials | None) -> SampleForm:
    if given is None:
        return {}
    if given.type == "basic":
        return {"basic": [given.data.get("username"), given.data.get("password")]}
    return {given.type: given.token}


def _alike(one: object, other: object) -> bool:
    """Compare so that 1, 1.0 and true differ, and so do 0.0 and -0.0; the order of keys does not count."""
    if isinstance(one, msgspec.Struct):
        return type(one) is type(other) and all(
            _alike(getattr(one, name), getattr(other, name)) for name in one.__struct_fields__
        )
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    return type(one) is type(other) and (repr(one) == repr(other) if isinstance(one, float) else one == other)
