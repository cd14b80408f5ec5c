"""The places of a typed request that can be changed one at a time: each value in it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from pytest_mockforge.contract.request_models import Request

_LEFT_OUT = frozenset({"context", "lenient"})
"""What the host fills in, and what does not travel."""
_DEEPEST = 4
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One place and how to get the request with something else there."""

    name: str
    """`query_params.token`, `args.0`."""
    value: object
    put: Callable[[object], Request]


def places(request: Request) -> tuple[Place, ...]:
    """Give the values of a request but for its context, lists and objects before what is in them."""
    return tuple(_fields(request))


def texts(request: Request) -> tuple[Place, ...]:
    """Give the texts alone."""
    return tuple(place for place in places(request) if isinstance(place.value, str))


def _fields(request: Request) -> Iterator[Place]:
    for name in request.__struct_fields__:
        if name not in _LEFT_OUT:
            yield from _inside(name, getattr(request, name), _in_request(request, name))


def _inside(name: str, value: object, put: Callable[[object], Request], depth: int = 0) -> Iterator[Place]:
    if not isinstance(value, msgspec.Struct):
        yield Place(name=name, value=value, put=put)
    if depth == _DEEPEST:
        return
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _inside(f"{name}.{field}", getattr(value, field), _in_struct(value, field, put), depth + 1)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _inside(f"{name}.{key}", item, _in_mapping(value, key, put), depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _inside(f"{name}.{index}", item, _in_list(value, index, put), depth + 1)


def _in_request(request: Request, name: str) -> Callable[[object], Request]:
    return lambda new: msgspec.structs.replace(request, **{name: new})


def _in_struct(value: msgspec.Struct, name: str, put: Callable[[object], Request]) -> Callable[[object], Request]:
    return lambda new: put(msgspec.structs.replace(value, **{name: new}))


def _in_mapping(value: Mapping[str, object], key: str, put: Callable[[object], Request]) -> Callable[[object], Request]:
    return lambda new: put({**value, key: new})


def _in_list(
    value: list[object] | tuple[object, ...], index: int, put: Callable[[object], Request]
) -> Callable[[object], Request]:
    return lambda new: put(type(value)((*value[:index], new, *value[index + 1 :])))
