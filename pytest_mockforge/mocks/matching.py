"""Compare a request with what an expectation wants of it: as a subset, with every difference named. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

_LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One value that is not as wanted, and where it stands in the words of the expectation."""

    where: str
    expected: str
    got: str


def differences(expected: object, got: object, where: str) -> list[Difference]:
    """Name all that keeps `got` from holding `expected`.

    A mapping is held by a mapping or model with equal values under its keys, whatever else is in it; a model stands for
    all its fields; a list is held by one of the same length. Anything else has to be equal, and true is not 1.
    """
    if isinstance(expected, msgspec.Struct):
        expected = _fields(expected)
    if isinstance(expected, Mapping):
        members = _fields(got) if isinstance(got, msgspec.Struct) else got
        if not isinstance(members, Mapping):
            return [_difference(expected, got, where)]
        found: list[Difference] = []
        for key, value in expected.items():
            place = f"{where}.{key}"
            if key not in members:
                found.append(Difference(where=place, expected=shown(value), got="nothing"))
            else:
                found += differences(value, members[key], place)
        return found
    if _is_list(expected) and _is_list(got):
        assert isinstance(expected, Sequence)
        assert isinstance(got, Sequence)
        if len(expected) != len(got):
            return [_difference(expected, got, where)]
        pairs = enumerate(zip(expected, got, strict=True))
        return [one for index, (mine, its) in pairs for one in differences(mine, its, f"{where}[{index}]")]
    same = expected == got and isinstance(expected, bool) == isinstance(got, bool)
    return [] if same else [_difference(expected, got, where)]


def shown(value: object) -> str:
    """Write a value for people: models as calls with what is not their default, long text cut."""
    text = _written(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _written(value: object) -> str:
    if isinstance(value, msgspec.Struct):
        inner = ", ".join(f"{name}={_written(member)}" for name, member in _telling(value).items())
        return f"{type(value).__name__}({inner})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_written(member)}" for key, member in value.items()) + "}"
    if _is_list(value):
        assert isinstance(value, Sequence)
        return "[" + ", ".join(map(_written, value)) + "]"
    return repr(value)


def _telling(value: msgspec.Struct) -> dict[str, object]:
    """Give the fields that differ from their defaults."""
    defaults = {field.name: field for field in msgspec.structs.fields(type(value))}
    found: dict[str, object] = {}
    for name, member in _fields(value).items():
        field = defaults[name]
        made = field.default_factory() if callable(field.default_factory) else field.default
        if member != made:
            found[name] = member
    return found


def _difference(expected: object, got: object, where: str) -> Difference:
    return Difference(where=where, expected=shown(expected), got=shown(got))


def _fields(value: msgspec.Struct) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)
