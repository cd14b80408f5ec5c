"""A typed request as Python source: with the builder where that can say it, else as the model that it is.

Says too what has to be imported for that, and which secrets a discovery was asked with. Knows nothing of plugins.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pytest_mockforge.contract.json_text import dump, parse
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
from pytest_mockforge.fuzz.credentials import canary
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.places import texts
from pytest_mockforge.fuzz.python_text import Node, call, expression, is_deep
from pytest_mockforge.fuzz.sample_form import sample_form, sparse
from pytest_mockforge.masking import is_secret_name

_BUILDERS: Final = {
    Operation.AUTHENTICATE: "auth",
    Operation.TEMPLATE_FUNCTION: "template",
    Operation.GENERATE_RESPONSE: "response",
    Operation.QUERY_DATASOURCE: "query",
}
_POSITIONAL: Final = {
    Operation.AUTHENTICATE: (),
    Operation.TEMPLATE_FUNCTION: ("function_name",),
    Operation.GENERATE_RESPONSE: ("method", "path"),
    Operation.QUERY_DATASOURCE: ("query",),
}
_REQUIRED: Final[Mapping[type[Request], tuple[str, ...]]] = {
    TemplateCall: ("function_name",),
    ResponseRequest: ("method", "uri", "path"),
    DataQuery: ("query",),
}
_LEAST_SECRET = 4
"""Characters; a shorter one is found anywhere by chance."""


def asked_with(discovery: Discovery) -> tuple[str, ...]:
    """Give the secrets of the calls that come first, or else of the call itself, that may show up in an answer.

    That is the search's own canary where it was sent, else what stands where a credential does.
    """
    own = canary(discovery.seed)
    asked = discovery.before or (discovery.case,)
    if any(own.encode() in case.payload for case in asked):
        return (own,)
    there = [place for case in asked if case.request is not None for place in texts(case.request)]
    named = [str(place.value) for place in there if is_secret_name(place.name.rpartition(".")[2])]
    said = discovery.case.payload if discovery.before else b""
    long = [text for text in dict.fromkeys(named) if len(text) >= _LEAST_SECRET and text.encode() not in said]
    return tuple(long) or (own,)


def plainly_written(case: Case) -> Case | None:
    """Give the same request written as the host writes it (contract 1.1); None for bytes that are no JSON."""
    parsed = parse(case.payload)
    try:
        plain = dump(parsed.value) if parsed.ok else None
    except RequestError:
        plain = None
    return None if plain is None else Case(operation=case.operation, payload=plain, request=None)


@dataclass(kw_only=True)
class Imports:
    """What some source needs, by module; None for the module itself."""

    names: dict[str, set[str | None]] = field(default_factory=dict)

    def add(self, module: str, name: str | None = None) -> None:
        self.names.setdefault(module, set()).add(name)

    def lines(self) -> list[str]:
        standard: list[str] = []
        installed: list[str] = []
        for module in sorted(self.names):
            names = sorted(name for name in self.names[module] if name)
            line = f"from {module} import {', '.join(names)}" if names else f"import {module}"
            (installed if module.startswith("pytest") else standard).append(line)
        standard.sort(key=lambda line: (line.startswith("from"), line))
        blocks = [block for block in (standard, installed) if block]
        return [line for block in blocks for line in (*block, "")][:-1]


class RequestSource:
    """Writes requests, and keeps what they need."""

    def __init__(self) -> None:
        self.imports = Imports()
        self.builds = False
        """True once the builder is used."""

    def request(self, request: Request | None) -> Node | None:
        """Write a request; None where there is none."""
        parts = self.parts(request)
        if parts is not None and request is not None:
            self.builds = True
            return call(f"mockforge_request.{_BUILDERS[request.operation]}", *parts[0], **parts[1])
        return self._model(request) if request is not None else None

    def _model(self, request: Request) -> Node:
        """Write a request that contradicts itself, or holds what the builder refuses, as the model that it is."""
        kind = type(request)
        given = {name: getattr(request, name) for name in _REQUIRED.get(kind, ())}
        build: Callable[..., Request] = kind
        fields = given | sparse(request, build(**given), apart=("credentials",))
        self.imports.add("pytest_mockforge", kind.__name__)
        named = {name: self._named(request, name, value) for name, value in fields.items()}
        if isinstance(request, AuthRequest) and (own := request.credentials) is not None:
            self.imports.add("pytest_mockforge.contract.requests", "Credentials")
            parts = {"type": own.type, "token": own.token} | ({"data": dict(own.data)} if own.data else {})
            named["credentials"] = call("Credentials", **{name: self._value(value) for name, value in parts.items()})
        return call(kind.__name__, **named)

    def parts(self, request: Request | None) -> tuple[list[Node], dict[str, Node]] | None:
        """Give the builder's arguments, by place and by name; None for a request that it cannot build."""
        form = sample_form(request) if request is not None else None
        if form is None or request is None:
            return None
        first = [expression(form.pop(name)) for name in _POSITIONAL[request.operation]]
        if request.operation is Operation.TEMPLATE_FUNCTION:
            args = form.pop("args", [])
            assert isinstance(args, list)
            first += [self._value(item) for item in args]
        return first, {name: self._named(request, name, value) for name, value in form.items()}

    def _named(self, request: Request | None, name: str, value: object) -> Node:
        if name == "body":
            return expression(getattr(request, "body", b""))
        if name == "basic" and isinstance(value, list):
            return expression(tuple(value))
        if name == "context" and isinstance(value, Mapping):
            kind = ResolutionContext if request and request.operation is Operation.TEMPLATE_FUNCTION else PluginContext
            self.imports.add("pytest_mockforge", kind.__name__)
            return call(kind.__name__, **{key: self._inner(key, member) for key, member in value.items()})
        return self._value(value)

    def _inner(self, key: str, value: object) -> Node:
        """Write a member of a context, which may be a value of a class of its own."""
        kind = {"version": "Version", "request_context": "RequestMetadata"}.get(key)
        if kind is None or not isinstance(value, Mapping):
            return self._value(value)
        self.imports.add("pytest_mockforge.contract.requests", kind)
        return call(kind, **{name: self._value(member) for name, member in value.items()})

    def _value(self, value: object) -> Node:
        if not is_deep(value):
            return expression(value)
        self.imports.add("json")
        return call("json.loads", expression(json.dumps(value, separators=(",", ":"))))
