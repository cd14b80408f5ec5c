"""Check a JSON value against a shape as serde's derived code does, and build the value it describes (contract 1.1).

A shape is a function that takes a value, its place and a sink; it returns what it built, or `BROKEN` after telling the
sink why. Unlike serde a shape goes on after the first breach, in serde's own order: so the sink's first message is the
one that the host prints. Knows nothing of MockForge's types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from pytest_mockforge.contract.json_text import json_pointer
from pytest_mockforge.contract.rust_text import debug_text, float_text
from pytest_mockforge.contract.violations import Severity, Violation, ViolationKind

MOST_VIOLATIONS: Final = 1_000
"""Violations of one reply that are kept: three bytes of it can break the contract in several ways."""

#: Where a value stands: None is the whole reply, else the place of what holds it and its key or index there.
Place: TypeAlias = "tuple[Place, str | int] | None"


class _Marker:
    """A value that JSON cannot hold."""


BROKEN: Final = _Marker()
_ABSENT: Final = _Marker()


class Sink:
    """Gathers the violations of one reply, of too many the first.

    `refusals` counts those that the host does not put up with, `host_message` is what it says of the first.
    """

    __slots__ = ("_kept", "_left_out", "host_message", "refusals")

    def __init__(self) -> None:
        self._kept: list[Violation] = []
        self._left_out = 0
        self.host_message: str | None = None
        self.refusals = 0

    @property
    def violations(self) -> tuple[Violation, ...]:
        """What was told; where that is not all, the last one says how many more there are."""
        if not self._left_out:
            return tuple(self._kept)
        more = Violation(
            kind="semantics",
            pointer="",
            expected="a reply that keeps to the contract",
            got=f"{self._left_out:,} more breaches, which are left out here",
            severity="error" if self.refusals else "warning",
        )
        return (*self._kept, more)

    def add(self, violation: Violation) -> None:
        """Keep a violation, if it is not one too many; the first that is an error never is."""
        if len(self._kept) < MOST_VIOLATIONS or (violation.severity == "error" and not self.refusals):
            self._kept.append(violation)
        else:
            self._left_out += 1

    def refuse(
        self,
        kind: ViolationKind,
        place: Place,
        expected: str,
        got: str,
        message: str,
        *,
        hint: str | None = None,
        cause: str = "",
    ) -> _Marker:
        """Report what the host refuses; `message` is what it says of it."""
        self.add(Violation(kind=kind, pointer=pointer_to(place), expected=expected, got=got, hint=hint, cause=cause))
        self.refusals += 1
        if self.host_message is None:
            self.host_message = message
        return BROKEN

    def remark(self, severity: Severity, place: Place, expected: str, got: str, *, hint: str | None = None) -> None:
        """Report what the host accepts and yet makes little use of."""
        self.add(
            Violation(
                kind="semantics", pointer=pointer_to(place), expected=expected, got=got, severity=severity, hint=hint
            )
        )


Shape: TypeAlias = Callable[[object, Place, Sink], object]


def pointer_to(place: Place) -> str:
    parts: list[str | int] = []
    while place is not None:
        place, key = place
        parts.append(key)
    return json_pointer(reversed(parts))


def described(value: object) -> str:
    """Name a JSON value in a few words, long text shortened and nothing unprintable left."""
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean {str(value).lower()}"
        case int():
            return f"integer {value}"
        case float():
            return f"float {float_text(value)}"
        case str():
            length = f"{len(value)} character" + ("" if len(value) == 1 else "s")
            return f"string {debug_text(value if len(value) <= 40 else value[:39] + '…')} ({length})"
        case list():
            return f"array of {len(value)}" if value else "an empty array"
        case dict():
            return f"object with {len(value)} key" + ("" if len(value) == 1 else "s")
    return type(value).__name__


def _as_serde_says(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean `{str(value).lower()}`"
        case int():
            return f"integer `{value}`"
        case float():
            return f"floating point `{float_text(value)}`"
        case str():
            return f"string {debug_text(value)}"
        case list():
            return "sequence"
    return "map"


def _wrong_type(
    value: object, place: Place, sink: Sink, expected: str, serde: str, *, hint: str | None = None
) -> object:
    message = f"invalid type: {_as_serde_says(value)}, expected {serde}"
    return sink.refuse("wrong-type", place, expected, described(value), message, hint=hint)


def anything(value: object, place: Place, sink: Sink) -> object:  # noqa: ARG001 - the signature of a shape
    return value


def string(value: object, place: Place, sink: Sink) -> object:
    if type(value) is str:
        return value
    return _wrong_type(value, place, sink, "string", "a string")


def boolean(value: object, place: Place, sink: Sink) -> object:
    if type(value) is bool:
        return value
    hint = "JSON's true and false have no quotes" if value in ("true", "false") else None
    return _wrong_type(value, place, sink, "boolean", "a boolean", hint=hint)


def unsigned(bits: int) -> Shape:
    """Make the shape of Rust's u8, u16 or u64."""
    top = 2**bits - 1
    expected = f"integer 0..{top}"

    def convert(value: object, place: Place, sink: Sink) -> object:
        if type(value) is int:
            if 0 <= value <= top:
                return value
            message = f"invalid value: integer `{value}`, expected u{bits}"
            return sink.refuse("out-of-range", place, expected, described(value), message)
        hint = None
        if type(value) is float and value.is_integer():
            hint = "the host refuses a float even where it is whole: write it without a decimal point"
        return _wrong_type(value, place, sink, expected, f"u{bits}", hint=hint)

    return convert


def list_of(element: Shape) -> Shape:
    """Make the shape of a Vec; it builds a tuple."""

    def convert(value: object, place: Place, sink: Sink) -> object:
        if type(value) is not list:
            return _wrong_type(value, place, sink, "array", "a sequence")
        if element is anything or (element is string and _all_text(value)):
            return tuple(value)
        return tuple([element(item, (place, index), sink) for index, item in enumerate(value)])

    return convert


def _all_text(values: Iterable[object]) -> bool:
    for value in values:  # noqa: SIM110  # `all` of a generator takes three times as long
        if type(value) is not str:
            return False
    return True


def byte_list(value: object, place: Place, sink: Sink) -> object:
    """Check a Vec<u8>: an array of numbers, which builds bytes."""
    if type(value) is not list:
        hint = "write each byte as a number: [104, 105]"
        if type(value) is str:
            hint = f"the host reads no text and no base64 here; {hint}"
        return _wrong_type(value, place, sink, "array of integers 0..255", "a sequence", hint=hint)
    if set(map(type, value)) <= {int}:
        try:
            return bytes(value)
        except ValueError:
            pass
    for index, item in enumerate(value):
        _byte(item, (place, index), sink)
    return BROKEN


_byte = unsigned(8)


def json_object(value: object, place: Place, sink: Sink) -> object:
    """Check a HashMap from text to any JSON."""
    return value if type(value) is dict else _not_a_map(value, place, sink)


def text_map(value: object, place: Place, sink: Sink) -> object:
    """Check a HashMap from text to text; it builds a dict."""
    if type(value) is not dict:
        return _not_a_map(value, place, sink)
    if _all_text(value.values()):
        return value
    return {key: string(value[key], (place, key), sink) for key in sorted(value)}


def _not_a_map(value: object, place: Place, sink: Sink) -> object:
    hint = "write {} for none" if value is None or value == [] else None
    return _wrong_type(value, place, sink, "object", "a map", hint=hint)


#: Shapes that take any value of one type as it is: the struct shape then saves itself the call.
_TAKEN_WHOLE: dict[Shape, type] = {string: str, boolean: bool, json_object: dict}


def struct(
    name: str,
    fields: dict[str, Shape],
    build: Callable[..., object],
    *,
    optional: tuple[str, ...] = (),
    review: Callable[[dict[str, object], Place, Sink], None] | None = None,
) -> Shape:
    """Make the shape of a Rust struct from its fields in declaration order.

    The `optional` ones may be absent or null. `build` is called with the fields as keywords once all of them hold;
    `review` looks at whichever were there.
    """
    declared = tuple(fields.items())
    # A host walks the keys in the order of its sorted map, so the first type error is the alphabetically first.
    alphabetical = tuple((key, fields[key], key in optional, _TAKEN_WHOLE.get(fields[key])) for key in sorted(fields))
    required = tuple(key for key in fields if key not in optional)

    def from_object(value: dict[str, object], place: Place, sink: Sink) -> dict[str, object]:
        filled: dict[str, object] = {}
        get = value.get
        missing = False
        for key, shape, may_lack, whole in alphabetical:
            member = get(key, _ABSENT)
            if type(member) is whole:
                filled[key] = member
            elif may_lack and (member is None or member is _ABSENT):
                filled[key] = None
            elif member is _ABSENT:
                missing = True
            else:
                filled[key] = shape(member, (place, key), sink)
        if missing:
            _report_missing(value, name, required, place, sink)
        return filled

    def from_array(value: list[object], place: Place, sink: Sink) -> dict[str, object]:
        filled: dict[str, object] = {}
        for index, ((key, shape), member) in enumerate(zip(declared, value, strict=False)):
            null = member is None and key in optional
            filled[key] = None if null else shape(member, (place, index), sink)
        if len(value) != len(declared):
            rest = f"struct {name} with {len(declared)} elements" if len(value) < len(declared) else None
            sink.refuse(
                "wrong-length",
                place,
                f"all {len(declared)} fields of {name} in order",
                described(value),
                f"invalid length {len(value)}, expected {rest or 'fewer elements in array'}",
                hint="write an object with named fields",
            )
        return filled

    def convert(value: object, place: Place, sink: Sink) -> object:
        before = sink.refusals
        if type(value) is dict:
            filled = from_object(value, place, sink)
        elif type(value) is list:
            filled = from_array(value, place, sink)
        else:
            return _wrong_type(value, place, sink, f"object {name}", f"struct {name}")
        if review is not None:
            review(filled, place, sink)
        return build(**filled) if sink.refusals == before else BROKEN

    return convert


def _report_missing(value: dict[str, object], name: str, required: tuple[str, ...], place: Place, sink: Sink) -> None:
    hint = _envelope_hint(value, name) if place is None else None
    cause = "envelope" if hint else ""
    for key in required:
        if key not in value:
            what = ("a value", "nothing", f"missing field `{key}`")
            sink.refuse("missing-field", (place, key), *what, hint=hint, cause=cause)


def _envelope_hint(value: dict[str, object], name: str) -> str | None:
    """Name the envelope that the SDKs wrap their results in, where the host wants the bare type (contract 1.8, 4.2)."""
    if "success" not in value:
        return None
    inner = next((key for key in ("data", "result", "error") if key in value), None)
    if inner is None:
        return None
    return f'the reply is an envelope {{"success", "{inner}"}}: the host wants the bare {name}'


def tagged_enum(unit_variants: tuple[str, ...], text_variant: str) -> Shape:
    """Make the shape of an externally tagged enum of unit variants and one that holds text.

    Builds the pair of the variant's name and its text, None for a unit variant.
    """
    variants = (*unit_variants, text_variant)
    known = frozenset(variants)
    units = {name: (name, None) for name in unit_variants}
    expected = f'one of {", ".join(unit_variants)} or {{"{text_variant}": "…"}}'
    listed = ", ".join(f"`{name}`" for name in variants)

    def variant(name: str, place: Place, sink: Sink) -> bool:
        if name in known:
            return True
        close = next((v for v in variants if v.lower() == name.lower()), None)
        hint = f"the host minds letter case: {close}" if close else None
        got = described(name)
        sink.refuse(
            "unknown-variant", place, expected, got, f"unknown variant `{name}`, expected one of {listed}", hint=hint
        )
        return False

    def held(name: str, inner: object, place: Place, sink: Sink) -> object:
        if name == text_variant:
            text = string(inner, (place, name), sink)
            return BROKEN if text is BROKEN else (name, text)
        if inner is not None:
            return _wrong_type(inner, (place, name), sink, "null", "unit")
        return units[name]

    def convert(value: object, place: Place, sink: Sink) -> object:
        if type(value) is str:
            if not variant(value, place, sink):
                return BROKEN
            if value != text_variant:
                return units[value]
            message = "invalid type: unit variant, expected newtype variant"
            return sink.refuse("wrong-type", place, f'{{"{text_variant}": "…"}}', described(value), message)
        if type(value) is not dict:
            return _wrong_type(value, place, sink, expected, "string or map")
        if len(value) != 1:
            message = "invalid value: map, expected map with a single key"
            return sink.refuse("wrong-length", place, "object with one key", described(value), message)
        [(name, inner)] = value.items()
        return held(name, inner, place, sink) if variant(name, place, sink) else BROKEN

    return convert
