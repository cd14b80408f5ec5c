"""A module's language is judged by what its toolchain left behind; MockForge's own detection is reproduced beside."""

from __future__ import annotations

import struct

import pytest
import wasmtime

from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.language import LanguageEvidence, detect_language, host_detection, host_trace

PREAMBLE = b"\0asm\x01\0\0\0"


def leb_name(text: str) -> bytes:
    raw = text.encode()
    assert len(raw) < 128
    return bytes([len(raw)]) + raw


def custom(name: str, content: bytes = b"") -> bytes:
    body = leb_name(name) + content
    assert len(body) < 128
    return b"\0" + bytes([len(body)]) + body


def producers(**fields: tuple[str, ...]) -> bytes:
    body = bytes([len(fields)])
    for field, names in fields.items():
        body += leb_name(field.replace("_", "-")) + bytes([len(names)])
        body += b"".join(leb_name(name) + leb_name("1.0") for name in names)
    return PREAMBLE + custom("producers", body)


def exporting(*names: str) -> bytes:
    exports = "".join(f'(export "{name}" (func $f))' for name in names)
    return bytes(wasmtime.wat2wasm(f"(module (func $f) {exports})"))


def importing(module: str, name: str) -> bytes:
    return bytes(wasmtime.wat2wasm(f'(module (import "{module}" "{name}" (func)))'))


def naming(function: str) -> bytes:
    content = b"\x01" + bytes([len(leb_name(function)) + 2]) + b"\x01\0" + leb_name(function)
    return PREAMBLE + custom("name", content)


def judged(data: bytes) -> LanguageEvidence:
    return detect_language(inspect_module(data), data)


@pytest.mark.parametrize(
    ("data", "language"),
    [
        (producers(language=("Rust",), processed_by=("rustc", "clang")), "rust"),
        (producers(language=("C11",), processed_by=("TinyGo", "clang")), "tinygo"),
        (producers(language=("Go",), processed_by=("Go cmd/compile",)), "go"),
        (producers(language=("C_plus_plus_14",), processed_by=("clang",)), "c"),
        (producers(processed_by=("clang",)), "c"),
        (producers(language=("Zig",), processed_by=("zig", "clang")), "zig"),
        (producers(language=("C11",), processed_by=("componentize-py",)), "python"),
        (producers(language=("AssemblyScript",)), "assemblyscript"),
        (exporting("__new", "__pin", "__unpin"), "assemblyscript"),
        (exporting("run", "resume", "getsp"), "go"),
        (exporting("__wbindgen_malloc"), "rust"),
        (importing("env", "abort"), "assemblyscript"),
        (importing("gojs", "runtime.wasmExit"), "go"),
        (importing("wbg", "__wbg_log"), "rust"),
        (PREAMBLE + custom("go:buildid"), "go"),
        (PREAMBLE + custom(".rustc"), "rust"),
        (naming("~lib/rt/itcms/__new"), "assemblyscript"),
        (naming("__rust_alloc"), "rust"),
        (naming("runtime.alloc"), "tinygo"),
        (naming("PyObject_Call"), "python"),
        (PREAMBLE + custom("data", b"/rustc/0123/library/core/src/fmt.rs"), "rust"),
        (PREAMBLE, "unknown"),
    ],
)
def test_a_module_is_told_by_what_its_toolchain_left(data: bytes, language: str) -> None:
    assert judged(data).language == language


def test_the_evidence_names_each_trace_with_the_strongest_first() -> None:
    data = importing("wbg", "__wbg_log") + custom(".rustc")
    assert judged(data).evidence == ("custom section '.rustc'", "imports 'wbg' '__wbg_log'")


def test_an_unknown_language_comes_without_evidence() -> None:
    assert judged(exporting("authenticate", "alloc")) == LanguageEvidence(language="unknown")


def test_control_characters_in_a_name_are_quoted_in_the_evidence() -> None:
    assert judged(PREAMBLE + custom("tinygo\x1b[31m")).evidence[0] == "custom section 'tinygo\\x1b[31m'"


@pytest.mark.parametrize(
    ("data", "adapter"),
    [
        (exporting("resume", "getsp"), "tinygo"),
        (exporting("resume"), "rust"),
        (PREAMBLE + custom("my-tinygo-notes"), "tinygo"),
        (PREAMBLE + custom("x", b"built without tinygo"), "tinygo"),
        (PREAMBLE + custom("x", b"TinyGo"), "rust"),
        (exporting("__new", "__pin"), "assemblyscript"),
        (exporting("__new", "__unpin"), "assemblyscript"),
        (exporting("__new"), "rust"),
        (exporting("__pin", "__unpin"), "rust"),
        (PREAMBLE + custom("javascript"), "assemblyscript"),
        (PREAMBLE + custom("x", b"no assemblyscript here"), "assemblyscript"),
        (PREAMBLE + custom("x", b"asc"), "rust"),
        (PREAMBLE + custom("javascript") + custom("x", b"tinygo"), "tinygo"),
        (PREAMBLE, "rust"),
    ],
)
def test_the_hosts_own_detection_is_reproduced_with_its_traps(data: bytes, adapter: str) -> None:
    assert host_detection(inspect_module(data), data) == adapter
    assert host_detection(None, data) == adapter


@pytest.mark.parametrize(
    ("data", "adapter"),
    [
        (b"", "rust"),
        (b"\x7fELF", "rust"),
        (b"no module, yet tinygo", "tinygo"),
        (PREAMBLE + custom("javascript") + b"\x07\x80", "assemblyscript"),
        (PREAMBLE + b"\x07\x7f\x01" + custom("javascript"), "rust"),
        (exporting("__new", "__pin") + b"\x0a", "assemblyscript"),
        (PREAMBLE + b"\x07\x05\x01\x01f\x09\0" + custom("javascript"), "rust"),
    ],
)
def test_for_a_damaged_file_the_host_judges_by_what_comes_before_the_damage(data: bytes, adapter: str) -> None:
    assert host_detection(None, data) == adapter


def test_the_host_stops_at_an_export_of_an_unknown_kind_also_where_our_reader_goes_on() -> None:
    data = PREAMBLE + b"\x07\x05\x01\x01f\x09\0" + custom("javascript")
    assert host_detection(inspect_module(data), data) == "rust"


def text_object(text: str, *, optimised: bool) -> bytes:
    """A static string as asc writes it: class, length and UTF-16; before them, unoptimised, the length of all that."""
    raw = text.encode("utf-16-le")
    short = struct.pack("<2I", 2, len(raw)) + raw.removesuffix(b"\0")
    rest = (16 + len(raw) + 4 + 15) // 16 * 16 - 4
    return short if optimised else struct.pack("<3I", rest, 0, 0) + short.ljust(rest - 8, b"\0")


def with_data(*segments: bytes) -> bytes:
    quoted = ["".join(f"\\{byte:02x}" for byte in segment) for segment in segments]
    lines = [f'(data (i32.const {4096 * index}) "{text}")' for index, text in enumerate(quoted)]
    return bytes(wasmtime.wat2wasm(f"(module (memory 1) {' '.join(lines)})"))


@pytest.mark.parametrize("optimised", [False, True])
def test_static_strings_tell_assemblyscript_where_nothing_else_does(optimised: bool) -> None:
    data = with_data(*(text_object(text, optimised=optimised) for text in ("admitted", "né🎸")))
    assert detect_language(inspect_module(data), data).language == "assemblyscript"


def test_static_strings_of_one_letter_tell_assemblyscript() -> None:
    data = with_data(*(text_object(text, optimised=True) for text in "abc"))
    assert detect_language(inspect_module(data), data).language == "assemblyscript"


TOO_LONG_FOR_ITS_SEGMENT = struct.pack("<5I", 28, 0, 0, 2, 14) + b"twelve bytes"


@pytest.mark.parametrize(
    "segment",
    [
        b"",
        b"\2\0\0\0",
        bytes(8),
        bytes(40),
        b"\2\0\0\0\3\0\0\0abc",
        b"plain text in UTF-8",
        TOO_LONG_FOR_ITS_SEGMENT,
    ],
)
def test_other_data_tells_nothing(segment: bytes) -> None:
    data = with_data(segment, segment, segment)
    assert detect_language(inspect_module(data), data).language == "unknown"


def test_what_mockforge_goes_by_is_said() -> None:
    for data, said in (
        (exporting("resume", "getsp"), "it exports resume and getsp"),
        (PREAMBLE + custom("x", b"by tinygo"), "the text 'tinygo' stands at byte 15"),
        (exporting("__new", "__pin"), "it exports __new and one of __pin and __unpin"),
        (PREAMBLE + custom("javascript"), "the custom section 'javascript' has 'asc' in its name"),
        (PREAMBLE + custom("x", b"assemblyscript"), "the text 'assemblyscript' stands at byte 12"),
        (PREAMBLE, "it bears no mark of TinyGo or AssemblyScript"),
    ):
        assert host_trace(inspect_module(data), data) == said
