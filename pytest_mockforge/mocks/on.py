"""How calls are described: one method an operation, a keyword a field, in the words of `mockforge_request`.

Refuses at once what no request can hold, since an expectation with a slip in it would only ever be unused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Never, TypeVar, cast

import msgspec
from msgspec import UNSET, UnsetType

from pytest_mockforge.contract import request_values as take
from pytest_mockforge.contract.json_text import Json
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import AuthResponse, DataResult, ResponseData
from pytest_mockforge.contract.request_models import (
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
)
from pytest_mockforge.documents.wording import did_you_mean
from pytest_mockforge.errors import RequestError
from pytest_mockforge.mocks.expectations import Expectation, Matcher, Owner, Wanted

Kind = TypeVar("Kind", bound=Request)
Subset = Mapping[str, object]
"""Some fields of a model, by name; others are free."""

_Check = Callable[[str, str, object], object]


class On:
    """Declares what calls are expected: `mock.on.authenticate(query={"token": "alpha"}).reply(AuthResponse(…))`.

    Each keyword names a field of the request and what it has to hold: a mapping those keys at least, with these values;
    anything else has to be equal. What is left out is free. `where` takes a function of the request for all else.
    `times` is the exact number of calls; left out, any number but at least one. `optional` calls may also stay away.

    The first expectation declared that fits a call and is not used up answers it, so declare the special before the
    general. A keyword that there is not raises RequestError with the valid ones.
    """

    def __init__(self, owner: Owner, add: Callable[[object], None]) -> None:
        self._owner = owner
        self._add = add

    def authenticate(
        self,
        *,
        query: Mapping[str, str] | UnsetType = UNSET,
        method: str | UnsetType = UNSET,
        uri: str | UnsetType = UNSET,
        headers: Mapping[str, str] | UnsetType = UNSET,
        body: bytes | UnsetType | None = UNSET,
        credentials: Credentials | Subset | UnsetType | None = UNSET,
        client_ip: str | UnsetType | None = UNSET,
        user_agent: str | UnsetType | None = UNSET,
        context: PluginContext | Subset | UnsetType = UNSET,
        where: Callable[[AuthRequest], bool] | None = None,
        times: int | None = None,
        optional: bool = False,
        **unknown: Never,
    ) -> Expectation[AuthRequest, AuthResponse]:
        """Expect calls of `authenticate` (contract 1.3)."""
        __tracebackhide__ = True
        words = {
            "query": query,
            "method": method,
            "uri": uri,
            "headers": headers,
            "body": body,
            "credentials": credentials,
            "client_ip": client_ip,
            "user_agent": user_agent,
            "context": context,
        }
        matcher = self._matcher(AuthRequest, words, where, unknown)
        expectation = Expectation[AuthRequest, AuthResponse](
            self._owner, matcher, times=times, optional=optional, place=_place()
        )
        self._add(expectation)
        return expectation

    def template_function(
        self,
        *,
        name: str | UnsetType = UNSET,
        args: Sequence[object] | UnsetType = UNSET,
        context: ResolutionContext | Subset | UnsetType = UNSET,
        where: Callable[[TemplateCall], bool] | None = None,
        times: int | None = None,
        optional: bool = False,
        **unknown: Never,
    ) -> Expectation[TemplateCall, Json]:
        """Expect calls of `template_function` (contract 1.4)."""
        __tracebackhide__ = True
        words = {"name": name, "args": args, "context": context}
        matcher = self._matcher(TemplateCall, words, where, unknown)
        expectation = Expectation[TemplateCall, Json](
            self._owner, matcher, times=times, optional=optional, place=_place()
        )
        self._add(expectation)
        return expectation

    def generate_response(
        self,
        *,
        method: str | UnsetType = UNSET,
        path: str | UnsetType = UNSET,
        uri: str | UnsetType = UNSET,
        query: Mapping[str, str] | UnsetType = UNSET,
        path_params: Mapping[str, str] | UnsetType = UNSET,
        headers: Mapping[str, str] | UnsetType = UNSET,
        body: bytes | UnsetType | None = UNSET,
        client_ip: str | UnsetType | None = UNSET,
        user_agent: str | UnsetType | None = UNSET,
        context: PluginContext | Subset | UnsetType = UNSET,
        where: Callable[[ResponseRequest], bool] | None = None,
        times: int | None = None,
        optional: bool = False,
        **unknown: Never,
    ) -> Expectation[ResponseRequest, ResponseData]:
        """Expect calls of `generate_response` (contract 1.5)."""
        __tracebackhide__ = True
        words = {
            "method": method,
            "path": path,
            "uri": uri,
            "query": query,
            "path_params": path_params,
            "headers": headers,
            "body": body,
            "client_ip": client_ip,
            "user_agent": user_agent,
            "context": context,
        }
        matcher = self._matcher(ResponseRequest, words, where, unknown)
        expectation = Expectation[ResponseRequest, ResponseData](
            self._owner, matcher, times=times, optional=optional, place=_place()
        )
        self._add(expectation)
        return expectation

    def query_datasource(
        self,
        *,
        query: str | UnsetType = UNSET,
        type: str | UnsetType = UNSET,
        parameters: Mapping[str, object] | UnsetType = UNSET,
        limit: int | UnsetType | None = UNSET,
        offset: int | UnsetType | None = UNSET,
        context: PluginContext | Subset | UnsetType = UNSET,
        where: Callable[[DataQuery], bool] | None = None,
        times: int | None = None,
        optional: bool = False,
        **unknown: Never,
    ) -> Expectation[DataQuery, DataResult]:
        """Expect calls of `query_datasource` (contract 1.6)."""
        __tracebackhide__ = True
        words = {
            "query": query,
            "type": type,
            "parameters": parameters,
            "limit": limit,
            "offset": offset,
            "context": context,
        }
        matcher = self._matcher(DataQuery, words, where, unknown)
        expectation = Expectation[DataQuery, DataResult](
            self._owner, matcher, times=times, optional=optional, place=_place()
        )
        self._add(expectation)
        return expectation

    def _matcher(
        self,
        kind: type[Kind],
        words: Mapping[str, object],
        where: Callable[[Kind], bool] | None,
        unknown: Mapping[str, object],
    ) -> Matcher:
        __tracebackhide__ = True
        operation, wire = kind.operation, self._owner.wire
        label = f"expectation of {operation}"
        if unknown:
            word = next(iter(unknown))
            valid = (*words, "where", "times", "optional")
            raise RequestError(f"{label}: there is no {word!r}", hint=did_you_mean(word, valid))
        if where is not None and not callable(where):
            raise RequestError(f"{label}: where is no function", got=take.shown(where))
        given = {word: value for word, value in words.items() if value is not UNSET}
        for word in given:
            if word in wire.dropped.get(operation, ()):
                hint = 'fixture(dialect="sdk") speaks the other dialect' if wire.name.startswith("the host") else None
                raise RequestError(f"{label}: {wire.name} does not carry {word}, so it would never fit", hint=hint)
        checks, attributes = _CHECKS[operation], _ATTRIBUTES[operation]
        try:
            checked = {word: checks[word](label, word, value) for word, value in given.items()}
        except RequestError as error:
            # The frames of who checks say nothing to who declares.
            raise error.with_traceback(None) from None
        wanted = tuple(
            Wanted(word=word, attribute=attributes.get(word, word), value=value) for word, value in checked.items()
        )
        return Matcher(operation=operation, wanted=wanted, where=cast("Callable[[Request], bool] | None", where))


def _place() -> str:
    """Name the line that declares: two frames up, behind the method of `On`."""
    frame = sys._getframe(2)
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def _body(where: str, _: str, value: object) -> object:
    return take.body_or_none(where, value)


def _headers(where: str, name: str, value: object) -> object:
    return {key.lower(): member for key, member in take.text_map(where, name, value).items()}


def _part_of(model: type[msgspec.Struct], *, or_none: bool = False, **inner: type[msgspec.Struct]) -> _Check:
    """Make the check of a model, whole or in part; `inner` names the fields that hold models themselves."""

    def check(where: str, name: str, value: object) -> object:
        if isinstance(value, model) or (value is None and or_none):
            return value
        if not isinstance(value, Mapping):
            expected = f"a {model.__name__}, or a mapping with some of its fields"
            take.refuse(where, f"{name} is of another type", expected=expected, got=take.shown(value))
        take.only_keys(f"{where}, {name}", value, model.__struct_fields__, ())
        return {
            key: _part_of(inner[key], or_none=True)(where, f"{name}.{key}", member) if key in inner else member
            for key, member in value.items()
        }

    return check


_PLUGIN_CONTEXT = _part_of(PluginContext, version=Version)
_SHARED: Mapping[str, _Check] = {
    "method": take.text,
    "uri": take.text,
    "query": take.text_map,
    "headers": _headers,
    "body": _body,
    "client_ip": take.text_or_none,
    "user_agent": take.text_or_none,
    "context": _PLUGIN_CONTEXT,
}
_CHECKS: Mapping[Operation, Mapping[str, _Check]] = {
    Operation.AUTHENTICATE: {**_SHARED, "credentials": _part_of(Credentials, or_none=True)},
    Operation.TEMPLATE_FUNCTION: {
        "name": take.text,
        "args": take.items,
        "context": _part_of(ResolutionContext, request_context=RequestMetadata),
    },
    Operation.GENERATE_RESPONSE: {**_SHARED, "path": take.text, "path_params": take.text_map},
    Operation.QUERY_DATASOURCE: {
        "query": take.text,
        "type": take.text,
        "parameters": take.json_map,
        "limit": take.whole_or_none,
        "offset": take.whole_or_none,
        "context": _PLUGIN_CONTEXT,
    },
}
_ATTRIBUTES: Mapping[Operation, Mapping[str, str]] = {
    Operation.AUTHENTICATE: {"query": "query_params"},
    Operation.TEMPLATE_FUNCTION: {"name": "function_name"},
    Operation.GENERATE_RESPONSE: {"query": "query_params"},
    Operation.QUERY_DATASOURCE: {"type": "query_type"},
}
