"""What our own reader tells of a component, and that no file can make it fail, hang or raise what it should not."""

from __future__ import annotations

import contextlib
import random
import time

import pytest
import wasmtime

from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.runtimes.component.inspection import PREAMBLE, ComponentItem, describe_component, is_component
from tests.conftest import ROOT

FIXTURES = ROOT / "fixtures" / "component"
EMPTY_MODULE = b"\0asm\x01\0\0\0"


def fixture_bytes(name: str) -> bytes:
    return bytes(wasmtime.wat2wasm((FIXTURES / f"{name}.wat").read_text("utf-8")))


def number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def section(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + number(len(body)) + body


def text(name: str) -> bytes:
    return number(len(name.encode())) + name.encode()


def producers(field: str, name: str, version: str) -> bytes:
    return section(0, text("producers") + number(1) + text(field) + number(1) + text(name) + text(version))


def export(name: str) -> bytes:
    return b"\0" + text(name) + b"\x01\0\0"


def nested(depth: int, innermost: bytes) -> bytes:
    component = PREAMBLE + innermost
    for _ in range(depth):
        component = PREAMBLE + section(4, component)
    return component


def test_imports_and_exports_are_named_with_their_kinds() -> None:
    info = describe_component(fixture_bytes("unknown-import"))
    assert info.imports == (
        ComponentItem(name="acme:billing/ledger@1.2.0", kind="instance"),
        ComponentItem(name="wasi:cli/environment@0.2.0", kind="instance"),
        ComponentItem(name="acme:mail/outbox@0.1.0", kind="instance"),
    )
    assert info.exports == ()


def test_exports_of_a_plugin_are_functions() -> None:
    info = describe_component(fixture_bytes("echo"))
    assert info.functions == {"authenticate", "template-function", "generate-response", "query-datasource"}
    assert (info.modules, info.problems) == (1, ())
    assert info.size == len(fixture_bytes("echo"))


def test_an_instance_among_the_exports_is_no_function() -> None:
    info = describe_component(fixture_bytes("wrong-type"))
    assert info.exports[1] == ComponentItem(name="template-function", kind="instance")
    assert info.functions == {"authenticate"}


def test_every_kind_of_import_is_stepped_over() -> None:
    component = wasmtime.wat2wasm("""(component
      (import "m" (core module (export "f" (func))))
      (import "f" (func (param "x" string)))
      (import "t" (type (sub resource)))
      (import "t2" (type (eq 1)))
      (import "c" (component))
      (import "i" (instance (export "g" (func))))
      (import "last" (func)))""")
    info = describe_component(bytes(component))
    kinds = ["module", "function", "type", "type", "component", "instance", "function"]
    assert ([item.kind for item in info.imports], info.problems) == (kinds, ())
    assert [item.name for item in info.imports] == ["m", "f", "t", "t2", "c", "i", "last"]


def test_exports_with_a_declared_type_are_stepped_over() -> None:
    component = wasmtime.wat2wasm("""(component
      (type $t (func))
      (import "f" (func $f (type $t)))
      (export "g" (func $f) (func (type $t)))
      (export "last" (func $f)))""")
    assert [item.name for item in describe_component(bytes(component)).exports] == ["g", "last"]


def test_the_components_own_producers_tell_the_language() -> None:
    data = PREAMBLE + producers("processed-by", "componentize-py", "0.25.1")
    assert describe_component(data).language.language == "python"


def test_a_module_within_a_nested_component_tells_the_language() -> None:
    module = EMPTY_MODULE + producers("language", "Rust", "")
    info = describe_component(nested(3, section(1, module)))
    assert (info.language.language, info.modules) == ("rust", 1)


def test_python_goes_before_the_languages_that_its_interpreter_is_written_in() -> None:
    rust = EMPTY_MODULE + producers("language", "Rust", "") + section(0, text("filler") + bytes(10_000))
    python = EMPTY_MODULE + producers("language", "Python", "3.14")
    for modules in ((rust, python), (python, rust)):
        data = PREAMBLE + b"".join(section(1, module) for module in modules)
        assert describe_component(data).language.language == "python"


def test_the_largest_module_decides_between_other_languages() -> None:
    small = EMPTY_MODULE + producers("language", "Rust", "")
    large = EMPTY_MODULE + producers("language", "Zig", "") + section(0, text("filler") + bytes(10_000))
    data = PREAMBLE + section(1, small) + section(1, large)
    assert describe_component(data).language.language == "zig"


def test_without_a_trace_the_language_is_unknown() -> None:
    assert describe_component(PREAMBLE).language.language == "unknown"


@pytest.mark.parametrize("data", [b"", b"\0asm", EMPTY_MODULE, b"\0asm\x0e\0\x01\0", b"(component)"])
def test_what_is_no_component_says_what_one_begins_with(data: bytes) -> None:
    assert not is_component(data)
    with pytest.raises(LoadFailure) as caught:
        describe_component(data)
    assert (caught.value.step, caught.value.expected) == ("read", "00 61 73 6d 0d 00 01 00")


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (b"\x0b", "the component is malformed at byte 9"),
        (b"\x01\xff\xff\xff\xff\x0f", "section 1 claims 4,294,967,295 bytes where 0 are left"),
        (b"\x01\xff\xff\xff\xff\xff\xff", "number longer than 32 bits"),
    ],
)
def test_a_component_that_was_cut_off_is_malformed(tail: bytes, reason: str) -> None:
    with pytest.raises(LoadFailure, match=reason) as caught:
        describe_component(PREAMBLE + tail)
    assert caught.value.step == "read"


def test_an_unknown_form_is_a_problem_and_no_failure() -> None:
    info = describe_component(PREAMBLE + section(11, number(2) + export("known") + b"\x09new\0\0\0"))
    assert [item.name for item in info.exports] == ["known"]
    assert info.problems == ("section 11: the form 9 of a name is not known here",)


def test_a_count_that_cannot_be_true_is_a_problem() -> None:
    info = describe_component(PREAMBLE + section(10, number(1_000_000) + b"\0"))
    assert info.problems == ("section 10: claims 1,000,000 entries in 1 bytes",)


def test_a_damaged_core_module_is_a_problem() -> None:
    info = describe_component(PREAMBLE + section(1, b"nonsense"))
    assert (info.modules, len(info.problems)) == (1, 1)


def test_nesting_without_end_is_cut() -> None:
    info = describe_component(nested(2000, b""))
    assert info.problems == ("components are nested deeper than 32",)


def test_a_hundred_thousand_exports_are_read() -> None:
    body = number(100_000) + b"".join(export(f"f{index}") for index in range(100_000))
    started = time.process_time()
    assert len(describe_component(PREAMBLE + section(11, body)).functions) == 100_000
    assert time.process_time() - started < 5


def test_very_many_modules_are_counted_and_not_all_looked_into() -> None:
    module = EMPTY_MODULE + producers("language", "Rust", "")
    started = time.process_time()
    assert describe_component(PREAMBLE + section(1, module) * 20_000).modules == 20_000
    assert time.process_time() - started < 5


def test_names_come_as_they_are() -> None:
    info = describe_component(PREAMBLE + section(11, number(1) + export("\x1b[2J\n")))
    assert info.functions == {"\x1b[2J\n"}


@pytest.mark.parametrize("name", ["echo", "unknown-import", "wrong-type"])
def test_no_flipped_or_missing_byte_raises_anything_else(name: str) -> None:
    data, chance = fixture_bytes(name), random.Random(7)
    for end in range(len(data)):
        describe_or_fail(data[:end])
    for _ in range(2000):
        broken = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(8, len(broken))] = chance.randrange(256)
        describe_or_fail(bytes(broken))


def describe_or_fail(data: bytes) -> None:
    with contextlib.suppress(LoadFailure):
        describe_component(data)
