"""Values for a user's own shapes: configurations by their schema, arguments by their signature."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

pytest.importorskip("hypothesis")

from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from pytest_mockforge.contract.json_text import dump
from pytest_mockforge.errors import DocumentError
from pytest_mockforge.fuzz.schema import Parameter
from pytest_mockforge.strategies import config, template_arguments

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from pytest_mockforge.contract.json_text import Json

some = settings(max_examples=60, database=None, derandomize=True, deadline=None)
search = settings(max_examples=3000, database=None, derandomize=True)


def holds(strategy: st.SearchStrategy[object], condition: Callable[..., bool]) -> None:
    @some
    @given(strategy)
    def judge(value: object) -> None:
        dump(value)
        assert condition(value)

    judge()


def one(schema: dict[str, object]) -> st.SearchStrategy[object]:
    return config({"type": "object", "properties": {"a": schema}, "required": ["a"]}).map(lambda made: made["a"])


@pytest.mark.parametrize(
    ("schema", "condition"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9}, lambda v: type(v) is int and 1 <= v <= 9),
        ({"type": "integer", "exclusiveMinimum": 1, "maximum": 2}, lambda v: v == 2),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True, "maximum": 2}, lambda v: v == 2),
        ({"type": "integer", "multipleOf": 5, "minimum": 1, "maximum": 11}, lambda v: v in (5, 10)),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, lambda v: 0 <= v < 1),
        ({"type": "number"}, lambda v: type(v) in (int, float) and math.isfinite(v)),
        ({"type": "string", "minLength": 2, "maxLength": 4}, lambda v: 2 <= len(v) <= 4),
        ({"type": "string", "minLength": 300}, lambda v: len(v) >= 300),
        ({"type": "string", "pattern": "^[a-z]+$"}, lambda v: re.fullmatch("[a-z]+", v)),
        ({"type": "string", "format": "date-time"}, lambda v: datetime.fromisoformat(v[:19])),
        ({"type": "string", "format": "ipv4"}, lambda v: ipaddress.IPv4Address(v)),
        ({"type": "string", "format": "uuid"}, lambda v: str(UUID(v)) == v),
        ({"type": "string", "format": "uri"}, lambda v: v.startswith("http")),
        ({"type": "boolean"}, lambda v: type(v) is bool),
        ({"type": ["string", "null"]}, lambda v: v is None or type(v) is str),
        ({"enum": ["a", 1, None]}, lambda v: v in ("a", 1, None)),
        ({"const": {"b": 1}}, lambda v: v == {"b": 1}),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}, lambda v: 1 <= len(v) <= 2),
        ({"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True}, lambda v: len(v) == len(set(v))),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, lambda v: {*map(type, v.values())} <= {bool}),
        ({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, lambda v: type(v) in (int, bool)),
        ({"type": "string", "oneOf": [{"minLength": 3}, {"maxLength": 1}]}, lambda v: len(v) != 2),
        ({"allOf": [{"type": "integer"}, {"minimum": 3, "maximum": 4}]}, lambda v: v in (3, 4)),
        ({"minimum": 3, "maximum": 4}, lambda v: 3 <= v <= 4),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_json_schema_is_kept(schema: dict[str, object], condition: Callable[..., bool]) -> None:
    holds(one(schema), condition)


def test_what_is_not_required_is_absent_and_there() -> None:
    strategy = config({"properties": {"a": {"type": "integer"}, "b": {"type": "null"}}, "required": ["a"]})
    assert find(strategy, lambda _: True, settings=search).keys() == {"a"}
    assert find(strategy, lambda made: "b" in made, settings=search)["b"] is None


def test_a_default_is_the_simplest_value() -> None:
    assert find(one({"type": "integer", "default": 30}), lambda _: True, settings=search) == 30


def test_a_reference_may_come_back_to_itself() -> None:
    tree = {"type": "object", "properties": {"next": {"$ref": "#/$defs/tree"}}}
    strategy = config({"type": "object", "properties": {"root": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": tree}})
    deep = find(strategy, lambda made: "next" in made.get("root", {}).get("next", {}), settings=search)
    assert deep == {"root": {"next": {"next": {}}}}


def test_mockforges_own_language_is_kept() -> None:
    own = {
        "version": "1.0",
        "properties": {
            "level": {"type": "string", "validation": {"enum_values": ["low", "high"]}, "default": "low"},
            "limit": {"type": "number", "description": "at most", "validation": {"min": 1, "max": 10}},
            "name": {"type": "string", "validation": {"min_length": 1, "max_length": 3, "pattern": None}},
        },
        "required": ["limit"],
    }

    def fits(made: dict[str, Json]) -> bool:
        limit, name = made["limit"], made.get("name", "a")
        assert isinstance(limit, int | float)
        assert isinstance(name, str)
        return 1 <= limit <= 10 and 1 <= len(name) <= 3 and made.get("level", "low") in ("low", "high")

    holds(config(own), fits)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "string"}, "its root: a configuration is an object"),
        ({"properties": {"a": {"not": {}}}}, "/properties/a/not: this cannot be followed"),
        ({"properties": {"a": {"type": "text"}}}, "/properties/a/type: an unknown type"),
        ({"properties": {"a": {"type": "integer", "minimum": 2, "maximum": 1}}}, "/properties/a: no integer fits"),
        ({"properties": {"a": {"type": "number", "minimum": "1"}}}, "/properties/a/minimum: no number"),
        ({"properties": {"a": {"type": "string", "pattern": "["}}}, "/properties/a/pattern: a pattern that Python"),
        ({"properties": {"a": {"enum": []}}}, "/properties/a/enum: no value fits"),
        ({"properties": {"a": 1}}, "/properties/a: no schema"),
        (
            {"version": "1.0", "properties": {"a": {"type": "string", "validation": {"max": 1, "longest": 2}}}},
            "/properties/a/validation/longest: an unknown rule",
        ),
    ],
)
def test_what_cannot_be_followed_is_named(schema: dict[str, object], message: str) -> None:
    with pytest.raises(DocumentError, match=re.escape(message)):
        config(schema)


# --- signatures -------------------------------------------------------------------------------------------------------


def test_arguments_have_the_types_of_the_signature() -> None:
    signature: list[Parameter] = [
        "string",
        "Integer",
        {"name": "c", "param_type": "boolean"},
        {"enum": ["x"]},
        st.just(None),
    ]
    holds(
        template_arguments(signature),
        lambda args: [type(one) for one in args] == [str, int, bool, str, type(None)] and args[3] == "x",
    )


def test_arguments_that_may_be_left_out_are() -> None:
    strategy = template_arguments(["integer", {"type": "string", "required": False}])
    assert find(strategy, lambda _: True, settings=search) == (0,)
    assert find(strategy, lambda args: len(args) == 2, settings=search) == (0, "")


def test_three_points_stand_for_any_number_more() -> None:
    strategy = template_arguments(["integer", "integer", ...])
    assert find(strategy, lambda args: len(args) == 4, settings=search) == (0, 0, 0, 0)
    with pytest.raises(NoSuchExample):
        find(strategy, lambda args: len(args) < 2, settings=settings(max_examples=100, database=None))


def test_no_parameters_are_no_arguments() -> None:
    assert find(template_arguments([]), lambda _: True) == ()


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(DocumentError, match="the schema at /1/type: an unknown type\n  expected: one of string, "):
        template_arguments(["string", "strnig"])
