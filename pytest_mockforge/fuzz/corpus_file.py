"""One file of the replay corpus: what was found as JSON text, and the way back. Knows no folder.

The schema has a version; a file with another one, or with a key that is not of it, is no case. Payloads stand as JSON
where writing that again gives the same bytes, else as text, else as base64.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final, Literal, cast

import msgspec

from pytest_mockforge.contract.json_text import dump, parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import (
    AuthRequest,
    DataQuery,
    Request,
    ResponseRequest,
    TemplateCall,
    from_mapping,
)
from pytest_mockforge.contract.violations import Severity
from pytest_mockforge.errors import RequestError
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.sample_form import sample_form
from pytest_mockforge.masking import Redactor, placeholders

VERSION: Final = 1
_MOST_BEFORE = 1_000
_LONGEST_REASON = 300
_DEEPEST: Final = 200
"""Levels of a request that is kept: more than a plugin reads, and less than a walk through them can take."""


MODELS: Final[dict[Operation, type[Request]]] = {
    model.operation: model for model in (AuthRequest, TemplateCall, ResponseRequest, DataQuery)
}
"""What a request that no sample can say is read into."""


class UnreadableCase(Exception):
    """A file that is no case; the text says why, in one printable line."""


class StoredPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What goes over the border; exactly one field is set."""

    json: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    text: str | None = None
    base64: str | None = None


class StoredRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One call."""

    operation: Operation
    payload: StoredPayload
    request: dict[str, object] | None = None
    """What a sample has under `request:`; None for a wire mutation, and for what no sample can say."""
    model: dict[str, object] | None = None
    """The fields of a request that no sample can say, such as one whose URI contradicts its parameters."""
    family: str = ""


class StoredCase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file."""

    version: Literal[1]
    code: Annotated[str, msgspec.Meta(pattern=r"^MF3[0-9]{2}$")]
    detail: str
    severity: Severity
    message: str
    expected: str
    got: str
    hint: str
    backtrace: tuple[str, ...]
    case: StoredRequest
    before: Annotated[tuple[StoredRequest, ...], msgspec.Meta(max_length=_MOST_BEFORE)]
    seed: int
    label: str
    dialect: str
    made_by: dict[str, str]
    masked: bool
    """True where a secret was taken out of a request."""

    def text(self) -> bytes:
        """Write the file: keys in order, ASCII, made to be read."""
        plain = json.loads(msgspec.json.encode(self))
        return (json.dumps(plain, indent=2, sort_keys=True) + "\n").encode()


class _Head(msgspec.Struct, frozen=True):
    version: object = None


def written_case(discovery: Discovery, redactor: Redactor) -> StoredCase:
    """State a discovery as a file, its secrets masked."""
    case = _stored(discovery.case, redactor)
    before = tuple(_stored(one, redactor) for one in discovery.before)
    return StoredCase(
        version=VERSION,
        code=discovery.code,
        detail=redactor.text(discovery.detail),
        severity=discovery.severity,
        message=redactor.text(discovery.message),
        expected=redactor.text(discovery.expected),
        got=redactor.text(discovery.got),
        hint=redactor.text(discovery.hint),
        backtrace=tuple(map(redactor.text, discovery.backtrace)),
        case=case,
        before=before,
        seed=discovery.seed,
        label=discovery.label,
        dialect=discovery.dialect,
        made_by=made_by(),
        masked=any(map(_is_masked, (case, *before))),
    )


def identity(case: StoredCase) -> str:
    """Give what tells one finding from another: twelve hexadecimal digits of what it is, and how it is shown."""
    requests = [(one.operation.value, payload_bytes(one.payload)) for one in (*case.before, case.case)]
    return sha256(repr((case.code, case.detail, case.dialect, requests)).encode("utf-8", "replace")).hexdigest()[:12]


def stored_case(data: bytes) -> StoredCase:
    """Read a file as it stands. Raises UnreadableCase."""
    try:
        head = msgspec.json.decode(data, type=_Head)
        if head.version != VERSION or isinstance(head.version, bool):
            said = "names no version" if head.version is None else f"is of version {head.version!a}"
            raise UnreadableCase(one_line(f"{said}, where version {VERSION} can be read"))
        case = msgspec.json.decode(data, type=StoredCase)
    except msgspec.ValidationError as error:
        raise UnreadableCase(one_line(f"is no case of a corpus: {error}")) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableCase(one_line(f"is not JSON: {error}")) from None
    except RecursionError:
        raise UnreadableCase("is nested too deeply for a case") from None
    if any(is_too_deep(form) for one in (case.case, *case.before) for form in (one.request, one.model)):
        raise UnreadableCase("is nested too deeply for a case")
    return case


def is_too_deep(form: object) -> bool:
    """Tell whether a request that was read is nested so deeply that no function could walk through it."""
    level = [form]
    for _ in range(_DEEPEST):
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [member for members in inner for member in members]
    return bool(level)


def read_case(data: bytes, redactor: Redactor) -> tuple[Discovery, bool]:
    """Read a file, with the secrets that are known put back; True where others are missing. Raises UnreadableCase."""
    stored = stored_case(data)
    read = [_restored(one, redactor) for one in (*stored.before, stored.case)]
    *before, case = [one for one, _ in read]
    discovery = Discovery(
        code=stored.code,
        detail=stored.detail,
        message=stored.message,
        expected=stored.expected,
        got=stored.got,
        hint=stored.hint,
        severity=stored.severity,
        case=case,
        before=tuple(before),
        backtrace=stored.backtrace,
        seed=stored.seed,
        label=stored.label,
        dialect=stored.dialect,
    )
    return discovery, any(masked for _, masked in read)


# --- one request ------------------------------------------------------------------------------------------------------


def _stored(case: Case, redactor: Redactor) -> StoredRequest:
    form = sample_form(case.request) if case.request is not None else None
    model = msgspec.to_builtins(case.request) if form is None and case.request is not None else None
    return StoredRequest(
        operation=case.operation,
        payload=stored_payload(case.payload, redactor),
        request=cast("dict[str, object] | None", redactor.value(form)),
        model=cast("dict[str, object] | None", redactor.value(model)),
        family=case.family,
    )


def stored_payload(data: bytes, redactor: Redactor) -> StoredPayload:
    """Write bytes that go over the border, their secrets masked."""
    parsed = parse(data)
    if parsed.ok:
        try:
            written = json.dumps(parsed.value).encode()
            if dump(parse(written).value) == data:
                return StoredPayload(json=msgspec.Raw(json.dumps(redactor.value(parsed.value)).encode()))
        except (RequestError, RecursionError):
            pass
    masked = redactor.data(data)
    try:
        return StoredPayload(text=masked.decode())
    except UnicodeDecodeError:
        return StoredPayload(base64=b64encode(masked).decode())


def _restored(stored: StoredRequest, redactor: Redactor) -> tuple[Case, bool]:
    payload = payload_bytes(stored.payload)
    restored = redactor.restore_data(payload)
    if stored.payload.json is not msgspec.UNSET:
        restored = dump(redactor.restore(parse(payload).value))
    form, model = redactor.restore(stored.request), redactor.restore(stored.model)
    try:
        request: Request | None = None
        if isinstance(form, dict):
            request = from_mapping(stored.operation, form)
        elif model is not None:
            request = msgspec.convert(model, MODELS[stored.operation])
    except (RequestError, msgspec.ValidationError) as error:
        raise UnreadableCase(one_line(f"holds a request that cannot be made: {error}")) from None
    case = Case(operation=stored.operation, payload=restored, request=request, family=stored.family)
    return case, bool(placeholders(restored) | placeholders(form) | placeholders(model))


def payload_bytes(stored: StoredPayload) -> bytes:
    """Read them, with the placeholders that stand for secrets. Raises UnreadableCase."""
    given = [value for value in (stored.json, stored.text, stored.base64) if value not in (None, msgspec.UNSET)]
    if len(given) != 1:
        raise UnreadableCase("holds a payload that is not one of json, text and base64")
    try:
        if stored.json is not msgspec.UNSET:
            parsed = parse(bytes(stored.json))
            if not parsed.ok:
                raise UnreadableCase(one_line(f"holds a payload that cannot be read: {parsed.host_message}"))
            return dump(parsed.value)
        if stored.text is not None:
            return stored.text.encode()
        return b64decode(stored.base64 or "", validate=True)
    except (RequestError, RecursionError, ValueError) as error:
        raise UnreadableCase(one_line(f"holds a payload that cannot be read: {error}")) from None


def _is_masked(stored: StoredRequest) -> bool:
    return bool(placeholders(payload_bytes(stored.payload)) | placeholders([stored.request, stored.model]))


def made_by() -> dict[str, str]:
    """Give the versions of what makes and measures calls."""
    return {name: _version(name) for name in ("pytest-mockforge", "wasmtime")}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def one_line(text: str) -> str:
    """Make the reason that a reader gives printable and short."""
    line = text.partition("\n")[0]
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)[:_LONGEST_REASON]
