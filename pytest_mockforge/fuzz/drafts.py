"""Requests taken apart and put together again: changes to single parts, and what must go along with them.

A host derives the query parameters from the URI and the path from both, so a changed path or query changes all of them.
Knows nothing of Hypothesis; what a dialect cannot carry is left out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlencode

import msgspec

from pytest_mockforge.contract.dialects import DIALECTS, dialect_named
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import (
    AuthRequest,
    Credentials,
    DataQuery,
    PluginContext,
    Request,
    ResolutionContext,
    ResponseRequest,
    TemplateCall,
)
from pytest_mockforge.contract.request_values import percent_encoded
from pytest_mockforge.contract.sdk_dialect import query_of
from pytest_mockforge.contract.server_side import decode_request
from pytest_mockforge.errors import RequestError
from pytest_mockforge.fuzz.mutate import Tweak, tweaked

Change: TypeAlias = tuple[str, object]
"""A part and its new value. `query.token` is one member of the part `query`, with `query.*` the value names it;
`args+` appends; `tweak` holds a `Tweak` of what the author chose; `splice` a change taken from another request."""

_FREE: dict[Operation, tuple[str, ...]] = {
    Operation.AUTHENTICATE: ("query", "token", "path"),
    Operation.TEMPLATE_FUNCTION: ("args", "function_name"),
    Operation.GENERATE_RESPONSE: ("path", "query", "path_params"),
    Operation.QUERY_DATASOURCE: ("query", "parameters"),
}
"""The parts that any text, number or value may stand in, and that an author chooses."""


def changed(base: Request, changes: Sequence[Change]) -> Request:
    """Apply `changes` to `base` one after the other; without any it is `base` itself."""
    if not changes:
        return base
    draft = _taken_apart(base)
    touched: dict[str, object] = {}
    for part, value in changes:
        name, new = _resolved(draft, part, value, base.operation)
        draft[name] = touched[name] = new
    return _put_together(base, touched, draft)


def carried(samples: Iterable[Request], operation: Operation, dialect: str) -> tuple[Request, ...]:
    """Give the samples of `operation` as far as `dialect` carries them; what it cannot carry at all is left out.

    Of an extension's dialect nobody can read a request back: what it writes, it is taken to carry whole.
    """
    kept: list[Request] = []
    for sample in samples:
        if sample.operation is operation:
            try:
                written = dialect_named(dialect).encode(sample)
                kept.append(decode_request(dialect, operation, written) if dialect in DIALECTS else sample)
            except RequestError:
                continue
    return tuple(kept)


def chosen(request: Request) -> tuple[Change, ...]:
    """Give the parts of a sample that its author chose, as changes to another request."""
    draft = _taken_apart(request)
    names = ["credentials" if name == "token" else name for name in _FREE[request.operation]]
    return tuple((name, draft[name]) for name in names if draft[name])


# --- taking apart -----------------------------------------------------------------------------------------------------


def _taken_apart(request: Request) -> dict[str, object]:
    draft: dict[str, object] = {name: getattr(request, name) for name in request.__struct_fields__}
    draft |= {name: getattr(request.context, name) for name in request.context.__struct_fields__}
    if isinstance(request, AuthRequest | ResponseRequest):
        draft["query"] = request.query_params
    if isinstance(request, AuthRequest):
        draft["path"] = request.uri.partition("?")[0]
        draft["token"] = request.credentials.token if request.credentials is not None else ""
    return draft


def _resolved(draft: Mapping[str, object], part: str, value: object, operation: Operation) -> tuple[str, object]:
    """Give the name of a whole part and its new value."""
    if part == "tweak":
        assert isinstance(value, Tweak)
        names = [name for name in _FREE[operation] if draft[name]]
        if not names:
            return _FREE[operation][0], draft[_FREE[operation][0]]
        name = names[value.where % len(names)]
        return name, tweaked(draft[name], value._replace(where=value.where // len(names)))
    if part == "splice":
        assert isinstance(value, tuple)
        return value
    if part == "args+":
        args = draft["args"]
        assert isinstance(args, tuple)
        return "args", (*args, value)
    name, point, key = part.partition(".")
    if not point:
        return name, value
    if key == "*":
        assert isinstance(value, tuple)
        key, value = value
    before = draft[name]
    # A raw query, which is text, gives way to one that is spelt out.
    return name, {**(before if isinstance(before, Mapping) else {}), key: value}


# --- putting together -------------------------------------------------------------------------------------------------


def _put_together(base: Request, touched: dict[str, object], draft: dict[str, object]) -> Request:
    fields = {name: value for name, value in touched.items() if name in base.__struct_fields__}
    match base:
        case AuthRequest():
            fields |= _target(base.uri, touched)
            given = draft["credentials"]
            if "token" in touched and isinstance(given, Credentials):
                fields["credentials"] = msgspec.structs.replace(given, token=touched["token"])
        case ResponseRequest():
            fields.pop("query", None)
            path = _path_with_parameters(base, touched)
            if path is not None:
                fields["path"] = touched["path"] = path
                fields["path_params"] = _shown(draft["path_params"], path)
            fields |= _target(base.uri, touched)
        case TemplateCall() | DataQuery():
            pass
    context = _context(base.context, touched)
    return msgspec.structs.replace(base, **fields, context=context)


def _context(base: PluginContext | ResolutionContext, touched: Mapping[str, object]) -> object:
    fields = {name: value for name, value in touched.items() if name in base.__struct_fields__}
    return msgspec.structs.replace(base, **fields) if fields else base


def _target(uri: str, touched: Mapping[str, object]) -> dict[str, object]:
    """Give `uri` and `query_params` as they belong together, where one of their parts changed."""
    if "query" not in touched and "path" not in touched:
        return {}
    old_path, _, encoded = uri.partition("?")
    query = touched.get("query", encoded)
    if isinstance(query, Mapping):
        encoded = urlencode(query)
        parameters = dict(query)
    else:
        encoded = str(query)
        parameters = query_of(f"?{encoded}")
    path = percent_encoded(_rooted(str(touched["path"]))) if "path" in touched else old_path
    return {"uri": f"{path}?{encoded}" if encoded else path, "query_params": parameters}


def _rooted(path: str) -> str:
    return path if path.startswith("/") or path == "*" else f"/{path}"


def _path_with_parameters(base: ResponseRequest, touched: Mapping[str, object]) -> str | None:
    """Give the new path; where only its parameters changed, one that ends in their values."""
    if "path" in touched:
        return _rooted(str(touched["path"]))
    parameters = touched.get("path_params")
    if not isinstance(parameters, Mapping):
        return None
    new = [str(value) for name, value in parameters.items() if base.path_params.get(name) != value]
    path = base.path
    for name, value in base.path_params.items():
        if f"/{value}/" in f"{path}/" and value and name in parameters:
            path = f"{path}/".replace(f"/{value}/", f"/{parameters[name]}/", 1).removesuffix("/")
            new = [one for one in new if one != parameters[name]]
    return "/".join([path.rstrip("/"), *new]) if new else path


def _shown(parameters: object, path: str) -> dict[str, str]:
    """Keep the parameters whose values are segments of `path`, from which a router takes them."""
    assert isinstance(parameters, Mapping)
    segments = f"/{path.strip('/')}/"
    return {name: value for name, value in parameters.items() if value and f"/{value}/" in segments}
