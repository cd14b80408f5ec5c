"""Check what a test or `plugin.test.yaml` puts into a request, early and by name. Knows no request as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from pytest_mockforge.contract.json_reader import U64_MAX
from pytest_mockforge.contract.rust_text import debug_text
from pytest_mockforge.errors import RequestError

Model = TypeVar("Model")

# What may stand in a path as it is; the percent sign is among them, so an encoded path is not encoded twice.
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"


def refuse(where: str, what: str, *, expected: str, got: str, hint: str | None = None) -> NoReturn:
    raise RequestError(f"{where}: {what}\n  expected: {expected}\n  got: {got}", hint=hint)


def shown(value: object) -> str:
    """Show a Python value with its type, long text shortened."""
    text = debug_text(value) if isinstance(value, str) else repr(value)
    return f"{text if len(text) <= 60 else text[:59] + '…'} ({type(value).__name__})"


def text(where: str, name: str, value: object) -> str:
    if not isinstance(value, str):
        hint = f"put it in quotes: {str(value).lower()!r}" if isinstance(value, bool | int | float) else None
        refuse(where, f"{name} is no text", expected="text", got=shown(value), hint=hint)
    try:
        value.encode()
    except UnicodeEncodeError:
        refuse(where, f"{name} holds half a surrogate pair", expected="text that UTF-8 can hold", got=shown(value))
    return value


def text_or_none(where: str, name: str, value: object) -> str | None:
    return None if value is None else text(where, name, value)


def text_map(where: str, name: str, value: object) -> dict[str, str]:
    """Take a mapping from text to text; None is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        refuse(where, f"{name} is no mapping", expected="a mapping from text to text", got=shown(value))
    return {text(where, f"a key of {name}", k): text(where, f"{name}[{k!r}]", v) for k, v in value.items()}


def json_map(where: str, name: str, value: object) -> dict[str, object]:
    """Take a mapping from text to anything; whether JSON can hold its values shows when it is written."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        refuse(where, f"{name} is no mapping", expected="a mapping with text keys", got=shown(value))
    return {text(where, f"a key of {name}", key): member for key, member in value.items()}


def items(where: str, name: str, value: object) -> tuple[object, ...]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        refuse(where, f"{name} is no list", expected="a list", got=shown(value))
    return tuple(value)


def whole(where: str, name: str, value: object, *, top: int = U64_MAX) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= top:
        refuse(where, f"{name} is out of range", expected=f"integer 0..{top}", got=shown(value))
    return value


def whole_or_none(where: str, name: str, value: object) -> int | None:
    return None if value is None else whole(where, name, value)


def flag(where: str, name: str, value: object) -> bool:
    if not isinstance(value, bool):
        refuse(where, f"{name} is neither true nor false", expected="true or false", got=shown(value))
    return value


def body_or_none(where: str, value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    refuse(where, "body is not bytes", expected="bytes", got=shown(value), hint="encode text: body=text.encode()")


def model_or_none(where: str, name: str, value: object, model: type[Model]) -> Model | None:
    if value is None or isinstance(value, model):
        return value
    refuse(where, f"{name} is of another type", expected=f"a {model.__name__}", got=shown(value))


def only_keys(where: str, mapping: Mapping[str, object], valid: tuple[str, ...], required: tuple[str, ...]) -> None:
    """Refuse keys that are not among `valid`, and the lack of those that are `required`."""
    unknown = [key for key in mapping if key not in valid]
    if unknown:
        names = ", ".join(repr(key) for key in unknown)
        refuse(where, f"unknown key {names}", expected=f"keys among {', '.join(valid)}", got=names)
    for key in required:
        if key not in mapping:
            refuse(where, f"{key} is missing", expected=f"the key {key}", got=", ".join(mapping) or "no key")


def target(where: str, name: str, uri: str, query: object) -> tuple[str, dict[str, str]]:
    """Join a URI and query parameters as a client does, or read them from the URI as the host does (contract 1.2).

    Returns the URI with its query, and the parameters: form-urlencoded, the last of a repeated name wins.
    """
    path, mark, encoded = uri.partition("?")
    if query is None:
        return uri, dict(parse_qsl(encoded, keep_blank_values=True))
    if mark:
        refuse(
            where,
            f"{name} and query both give query parameters",
            expected="one of them",
            got=shown(uri),
            hint=f"leave out query, or the part of {name} from the question mark on",
        )
    parameters = text_map(where, "query", query)
    return (f"{path}?{urlencode(parameters)}" if parameters else uri), parameters


def percent_encoded(path: str) -> str:
    """Encode what a request target cannot hold as it is."""
    return quote(path, safe=_PATH_SAFE)


def header(headers: Mapping[str, str], name: str) -> str | None:
    """Find a header, letter case aside; one outside visible ASCII counts as absent, as for the host (contract 1.2)."""
    for key, value in headers.items():
        if key.lower() == name:
            return value if value.isascii() and value.replace("\t", " ").isprintable() else None
    return None
