"""Values for a user's own shapes: a configuration schema in either language of contract 7.6, a function's signature.

Only valid values are given, borders preferred. What a schema demands and this cannot follow is refused by name, not
broken in silence. Knows nothing of requests.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from types import EllipsisType
from typing import TYPE_CHECKING, NoReturn, TypeAlias, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pytest_mockforge.contract.json_reader import I64_MIN, U64_MAX
from pytest_mockforge.contract.json_text import dump, json_pointer
from pytest_mockforge.errors import DocumentError
from pytest_mockforge.fuzz import tables, values
from pytest_mockforge.fuzz.formats import FORMATS

if TYPE_CHECKING:
    from pytest_mockforge.contract.json_text import Json

Parameter: TypeAlias = "str | Mapping[str, object] | SearchStrategy[Json] | EllipsisType"
"""A type's name, a schema, a strategy; `...` stands for any number more of what is before it."""

_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
_ALIASES = {"text": "string", "str": "string", "int": "integer", "float": "number", "bool": "boolean"} | {
    "list": "array",
    "map": "object",
    "json": "any",
}
_CANNOT_FOLLOW = (
    *("not", "if", "then", "else", "patternProperties", "propertyNames", "dependencies", "dependentRequired"),
    *("dependentSchemas", "contains", "prefixItems", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef"),
)
_VALIDATION = {
    "min": "minimum",
    "max": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
    "enum_values": "enum",
}
_SPEAKS_OF = (
    ("object", ("properties", "required", "additionalProperties", "minProperties", "maxProperties")),
    ("array", ("items", "minItems", "maxItems", "uniqueItems")),
    ("string", ("minLength", "maxLength", "pattern", "format")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)


def config(schema: Mapping[str, object]) -> SearchStrategy[dict[str, Json]]:
    """Give configurations that `schema` allows, the shortest first.

    `schema` is JSON Schema, or MockForge's own language of `version`, `properties` and `required` (contract 7.6).
    Branches of `oneOf` are taken to exclude one another. Raises DocumentError that names what cannot be followed.
    """
    own = "type" not in schema and "version" in schema and isinstance(schema.get("properties"), Mapping)
    root = _as_json_schema(schema) if own else {"type": "object", **schema}
    if root["type"] != "object":
        _refuse((), "a configuration is an object", "type: object", f"type: {root['type']}")
    return cast("SearchStrategy[dict[str, Json]]", _Reader(root).strategy(root, ()))


def template_arguments(signature: Sequence[Parameter]) -> SearchStrategy[tuple[object, ...]]:
    """Give tuples of arguments for a template function.

    Each parameter is a type's name (`string`, `integer`, `number`, `boolean`, `array`, `object`, `null`, `any`), a
    schema, which may say `required: false`, or a strategy. Raises DocumentError for a parameter that is none.
    """
    fixed: list[SearchStrategy[Json]] = []
    needed = 0
    for index, parameter in enumerate(signature):
        if isinstance(parameter, EllipsisType):
            if not fixed or index != len(signature) - 1:
                _refuse((index,), "`...` stands for more of what is before it", "a last `...`", "another place")
            more = st.lists(fixed[-1], max_size=4)
            return st.builds(lambda first, rest: (*first, *rest), st.tuples(*fixed), more)
        fixed.append(_parameter(parameter, index))
        if not (isinstance(parameter, Mapping) and parameter.get("required") is False):
            needed = len(fixed)
    return st.one_of([st.tuples(*fixed[:count]) for count in range(needed, len(fixed) + 1)])


def _parameter(parameter: str | Mapping[str, object] | SearchStrategy[Json], index: int) -> SearchStrategy[Json]:
    if isinstance(parameter, SearchStrategy):
        return parameter
    schema: dict[str, object] = {"type": parameter} if isinstance(parameter, str) else dict(parameter)
    if isinstance(schema.get("required"), bool):
        del schema["required"]
    kind = schema.get("type", schema.pop("param_type", None))
    if isinstance(kind, str):
        kind = _ALIASES.get(kind.lower(), kind.lower())
        schema["type"] = kind
    if kind == "any":
        del schema["type"]
    return _Reader(schema).strategy(schema, (index,))


def _refuse(place: tuple[str | int, ...], what: str, expected: str, got: str) -> NoReturn:
    where = json_pointer(place) or "its root"
    raise DocumentError(f"the schema at {where}: {what}", expected=expected, got=got)


def _as_json_schema(schema: Mapping[str, object]) -> dict[str, object]:
    """Translate MockForge's own language, whose rules stand in `validation`."""
    properties = schema["properties"]
    assert isinstance(properties, Mapping)
    translated: dict[str, object] = {}
    for name, member in properties.items():
        if not isinstance(member, Mapping):
            _refuse(("properties", name), "a property is a mapping", "a mapping", type(member).__name__)
        rules = member.get("validation") or {}
        assert isinstance(rules, Mapping)
        unknown = [str(rule) for rule in rules if rule not in _VALIDATION]
        if unknown:
            place = ("properties", name, "validation", unknown[0])
            _refuse(place, "an unknown rule", f"one of {', '.join(_VALIDATION)}", unknown[0])
        given = {_VALIDATION[rule]: value for rule, value in rules.items() if value is not None}
        kept = {key: member[key] for key in ("type", "default") if member.get(key) is not None}
        translated[name] = kept | given
    return {"type": "object", "properties": translated, "required": schema.get("required") or []}


class _Reader:
    """Turns one schema into strategies; references are followed within it, also where they come back to themselves."""

    def __init__(self, root: Mapping[str, object]) -> None:
        self._root = root
        self._referred: dict[str, SearchStrategy[Json]] = {}

    def strategy(self, schema: object, place: tuple[str | int, ...]) -> SearchStrategy[Json]:
        if schema is True or schema == {}:
            return values.json_values(deepest=8)
        if not isinstance(schema, Mapping):
            _refuse(place, "no schema", "a mapping", repr(schema))
        lost = next((key for key in _CANNOT_FOLLOW if key in schema), None)
        if lost is not None:
            _refuse((*place, lost), "this cannot be followed", "a schema without it", lost)
        if "$ref" in schema:
            return self._reference(str(schema["$ref"]), place)
        if "const" in schema:
            return st.just(schema["const"]).map(_copied)
        if "enum" in schema:
            return self._one_of_these(schema["enum"], (*place, "enum"))
        for key in ("allOf", "anyOf", "oneOf"):
            if key in schema:
                return self._combined(schema, key, place)
        plain = self._typed(schema, place)
        return st.one_of(st.just(schema["default"]).map(_copied), plain) if "default" in schema else plain

    def _one_of_these(self, members: object, place: tuple[str | int, ...]) -> SearchStrategy[Json]:
        if not isinstance(members, Sequence) or isinstance(members, str) or not members:
            _refuse(place, "no value fits", "a list with something in it", repr(members))
        return st.sampled_from(list(members)).map(_copied)

    def _reference(self, target: str, place: tuple[str | int, ...]) -> SearchStrategy[Json]:
        if target not in self._referred:
            found: object = self._root
            if not target.startswith("#"):
                _refuse(place, "a reference out of the schema", "a $ref that begins with #", target)
            for step in target[1:].split("/")[1:]:
                key = step.replace("~1", "/").replace("~0", "~")
                if not isinstance(found, Mapping) or key not in found:
                    _refuse(place, "a reference to nothing", "a $ref to a part of the schema", target)
                found = found[key]
            referred = found
            self._referred[target] = st.deferred(lambda: self.strategy(referred, place))
        return self._referred[target]

    def _combined(self, schema: Mapping[str, object], key: str, place: tuple[str | int, ...]) -> SearchStrategy[Json]:
        branches = schema[key]
        rest = {name: value for name, value in schema.items() if name != key}
        if not isinstance(branches, Sequence) or not all(isinstance(one, Mapping) for one in branches):
            _refuse((*place, key), "no list of schemas", "a list of mappings", repr(branches))
        if key != "allOf":
            merged = [_merged(rest, branch) for branch in branches]
            return st.one_of([self.strategy(one, (*place, key, index)) for index, one in enumerate(merged)])
        for index, branch in enumerate(branches):
            if "$ref" in branch or "enum" in branch:
                _refuse((*place, key, index), "this cannot be merged", "types and their rules", ", ".join(branch))
            rest = _merged(rest, branch)
        return self.strategy(rest, place)

    def _typed(self, schema: Mapping[str, object], place: tuple[str | int, ...]) -> SearchStrategy[Json]:
        kind = schema.get("type")
        if kind is None:
            kind = next((name for name, keys in _SPEAKS_OF if any(key in schema for key in keys)), None)
            if kind is None:
                return values.json_values(deepest=8)
        if isinstance(kind, Sequence) and not isinstance(kind, str):
            return st.one_of([self._typed({**schema, "type": one}, place) for one in kind])
        match kind:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "integer":
                return _integers(schema, place)
            case "number":
                return _numbers(schema, place)
            case "string":
                return _texts(schema, place)
            case "array":
                return self._arrays(schema, place)
            case "object":
                return self._objects(schema, place)
        _refuse((*place, "type"), "an unknown type", f"one of {', '.join(_TYPES)}", repr(kind))

    def _arrays(self, schema: Mapping[str, object], place: tuple[str | int, ...]) -> SearchStrategy[Json]:
        least = _count(schema, "minItems", place) or 0
        most = _count(schema, "maxItems", place)
        most = least + 4 if most is None else min(most, max(least, 64))
        items = self.strategy(schema.get("items", True), (*place, "items"))
        if schema.get("uniqueItems") is True:
            return st.lists(items, min_size=least, max_size=most, unique_by=lambda item: dump(item))
        return st.lists(items, min_size=least, max_size=most)

    def _objects(self, schema: Mapping[str, object], place: tuple[str | int, ...]) -> SearchStrategy[Json]:
        properties, required = schema.get("properties") or {}, schema.get("required") or ()
        if not isinstance(properties, Mapping):
            _refuse((*place, "properties"), "no properties", "a mapping", repr(properties))
        if not isinstance(required, Sequence) or isinstance(required, str):
            _refuse((*place, "required"), "no list of names", "a list", repr(required))
        members = {name: self.strategy(one, (*place, "properties", name)) for name, one in properties.items()}
        must = {name: members.get(name, values.json_values(deepest=8)) for name in required}
        may = {name: strategy for name, strategy in members.items() if name not in must}
        known: SearchStrategy[dict[str, Json]] = st.fixed_dictionaries(must, optional=may)
        others = schema.get("additionalProperties")
        if others is not None and others is not False:
            more = st.dictionaries(values.names(), self.strategy(others, (*place, "additionalProperties")), max_size=3)
            known = st.builds(lambda extra, own: {**extra, **own}, more, known)
        least, most = _count(schema, "minProperties", place) or 0, _count(schema, "maxProperties", place)
        if least or most is not None:
            known = known.filter(lambda value: least <= len(value) <= (len(value) if most is None else most))
        return cast("SearchStrategy[Json]", known)


def _copied(value: object) -> Json:
    return cast("Json", deepcopy(value))


def _merged(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    both = {**one, **other}
    for key in ("properties", "required"):
        mine, theirs = one.get(key), other.get(key)
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            both[key] = {**mine, **theirs}
        elif isinstance(mine, list) and isinstance(theirs, list):
            both[key] = [*mine, *(name for name in theirs if name not in mine)]
    return both


# --- scalars ----------------------------------------------------------------------------------------------------------


def _count(schema: Mapping[str, object], key: str, place: tuple[str | int, ...]) -> int | None:
    value = schema.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    _refuse((*place, key), "no count", "an integer from 0 on", repr(value))


def _bounds(
    schema: Mapping[str, object], place: tuple[str | int, ...]
) -> tuple[float | None, float | None, bool, bool]:
    """Give the least and the greatest number, and whether each of them is left out itself."""
    ends: list[float | None] = []
    open_ends: list[bool] = []
    for key, exclusive, pick in (("minimum", "exclusiveMinimum", max), ("maximum", "exclusiveMaximum", min)):
        given = [schema.get(key), schema.get(exclusive)]
        for name, value in zip((key, exclusive), given, strict=True):
            if value is not None and not isinstance(value, int | float):
                _refuse((*place, name), "no number", "a number", repr(value))
        # Draft 4 writes a boolean beside the bound, later drafts the bound itself.
        numbers = [one for one in given if isinstance(one, int | float) and not isinstance(one, bool)]
        end = pick(numbers) if numbers else None
        ends.append(end)
        open_ends.append(given[1] is True or (len(numbers) > 0 and not isinstance(given[1], bool) and end == given[1]))
    return ends[0], ends[1], open_ends[0], open_ends[1]


def _integers(schema: Mapping[str, object], place: tuple[str | int, ...]) -> SearchStrategy[Json]:
    low, high, above, below = _bounds(schema, place)
    least = I64_MIN if low is None else max(I64_MIN, math.ceil(low) + (above and math.ceil(low) == low))
    most = U64_MAX if high is None else min(U64_MAX, math.floor(high) - (below and math.floor(high) == high))
    step = schema.get("multipleOf", 1)
    if not isinstance(step, int) or isinstance(step, bool) or step < 1:
        _refuse((*place, "multipleOf"), "no whole number above 0", "1, 2, 3, …", repr(step))
    first, last = -(-least // step), most // step
    if first > last:
        _refuse(place, "no integer fits", "a range with a number in it", f"{least}..{most}")
    ends = st.sampled_from(sorted({first * step, last * step}, key=abs))
    inner = values.integers(first, last)
    return st.one_of(inner if step == 1 else inner.map(lambda number: number * step), ends)


def _numbers(schema: Mapping[str, object], place: tuple[str | int, ...]) -> SearchStrategy[Json]:
    low, high, above, below = _bounds(schema, place)
    if low is not None and high is not None and (low > high or (low == high and (above or below))):
        _refuse(place, "no number fits", "a range with a number in it", f"{low}..{high}")
    step = schema.get("multipleOf")
    if step is not None:
        if not isinstance(step, int):
            _refuse((*place, "multipleOf"), "only whole steps can be followed", "1, 2, 3, …", repr(step))
        return _integers(schema, place)

    def fits(number: float) -> bool:
        over = low is None or number > low or (number == low and not above)
        return over and (high is None or number < high or (number == high and not below))

    inside = st.floats(low, high, exclude_min=above, exclude_max=below, allow_nan=False, allow_infinity=False)
    borders = [number for number in tables.FLOATS if fits(number)]
    borders += [end for end in (low, high) if end is not None and fits(end)]
    wholes = [number for number in tables.INTEGERS if I64_MIN <= number <= U64_MAX and fits(number)]
    ways: list[SearchStrategy[Json]] = [st.sampled_from(list(some)) for some in (wholes, borders) if some]
    return st.one_of([*ways, inside])


def _texts(schema: Mapping[str, object], place: tuple[str | int, ...]) -> SearchStrategy[Json]:
    least, most = _count(schema, "minLength", place) or 0, _count(schema, "maxLength", place)
    if most is not None and least > most:
        _refuse(place, "no text fits", "minLength up to maxLength", f"{least} > {most}")

    def fits(text: str) -> bool:
        return least <= len(text) and (most is None or len(text) <= most)

    pattern = schema.get("pattern")
    if pattern is not None:
        return _matching(str(pattern), (*place, "pattern")).filter(fits)
    named = FORMATS.get(str(schema.get("format")))
    if named is not None:
        return named().filter(fits)
    longest = values.LONGEST if most is None else min(most, max(values.LONGEST, least))
    sized = values.plain_text(min_size=least, max_size=min(longest, least + 24))
    at_ends = st.sampled_from(sorted({"a" * least, "🎸" * least, *(("a" * most,) if most == longest else ())}, key=len))
    if least > 8:
        return st.one_of(at_ends, sized)
    return st.one_of(at_ends, sized, values.texts(longest=longest).filter(fits))


def _matching(pattern: str, place: tuple[str | int, ...]) -> SearchStrategy[str]:
    # In the schema's language `$` is the very end, in Python's it may stand before a last line break.
    ending = re.sub(r"(?<!\\)((?:\\\\)*)\$$", r"\1\\Z", pattern)
    try:
        return st.from_regex(re.compile(ending))
    except re.error as error:
        _refuse(place, f"a pattern that Python cannot read ({error})", "a regular expression", repr(pattern))
