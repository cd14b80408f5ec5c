"""File and line in a trap's backtrace, from DWARF and from source maps; what lies about them does no harm."""

from __future__ import annotations

import base64
import json
import os
import socket
import time
from pathlib import Path

import pytest
import wasmtime

from pytest_mockforge import GuestTrap, load
from pytest_mockforge.runtimes.wasm.dwarf_lines import read_lines
from pytest_mockforge.runtimes.wasm.source_lines import SourceLines
from tests.conftest import ROOT
from tests.guests import text_of

# Of trap.c, whose `inner` traps in line 4 and is called in line 8, by clang 19: -gdwarf-N -gline-tables-only -O1.
TRAP_C = {
    4: (
        "AGFzbQEAAAABDAJgAX8Bf2ACf38BfgMEAwABAAQFAXABAQEFAwEAAgYIAX8BQYCIBAsHIQMGbWVtb3J5AgAFYWxsb2MAAAxhdXRoZW50"
        "aWNhdGUAAQomAwUAQYAICw4AIAEQgoCAgABBAWqsCw8AAkAgAEEDSA0AAAsgAAsAMgsuZGVidWdfaW5mbyIAAAAEAAAAAAAEAQkAAAAd"
        "AAAAAAAAAAAABwAAAAAAAAAAAAAAAC4NLmRlYnVnX3JhbmdlcwIAAAAHAAAACAAAABYAAAAXAAAAJgAAAAAAAAAAAAAAACINLmRlYnVn"
        "X2FiYnJldgERACUOEwUDDhAXGw4RAVUXAAAAAH8LLmRlYnVnX2xpbmVvAAAABAAeAAAAAQEB+w4NAAEBAQEAAAABAAABAHRyYXAuYwAA"
        "AAAAAAUCAgAAAAEFRApKAgEAAQEFDAoABQIJAAAAGQYDeIIFGjYFDCAFBSACAQABAQAFAhcAAAATBQsKdQUJBiAGLwYcBQUGJQIDAAEB"
        "ADwKLmRlYnVnX3N0cnRyYXAuYwAuAERlYmlhbiBjbGFuZyB2ZXJzaW9uIDE5LjEuNyAoM35kZWIxMnUxKQAAOARuYW1lAR0DAAVhbGxv"
        "YwEMYXV0aGVudGljYXRlAgVpbm5lcgcSAQAPX19zdGFja19wb2ludGVyAEgJcHJvZHVjZXJzAghsYW5ndWFnZQEDQzExAAxwcm9jZXNz"
        "ZWQtYnkBDERlYmlhbiBjbGFuZxIxOS4xLjcgKDN+ZGViMTJ1MSkASQ90YXJnZXRfZmVhdHVyZXMEKwptdWx0aXZhbHVlKw9tdXRhYmxl"
        "LWdsb2JhbHMrD3JlZmVyZW5jZS10eXBlcysIc2lnbi1leHQ="
    ),
    5: (
        "AGFzbQEAAAABDAJgAX8Bf2ACf38BfgMEAwABAAQFAXABAQEFAwEAAgYIAX8BQYCIBAsHIQMGbWVtb3J5AgAFYWxsb2MAAAxhdXRoZW50"
        "aWNhdGUAAQomAwUAQYAICw4AIAEQgoCAgABBAWqsCw8AAkAgAEEDSA0AAAsgAAsAMwsuZGVidWdfaW5mbyMAAAAFAAEEAAAAAAEAHQAB"
        "CAAAAAAAAAACAAAAAAAIAAAADAAAAAAZDy5kZWJ1Z19saW5lX3N0cnRyYXAuYwAuAAAoDS5kZWJ1Z19hYmJyZXYBEQAlJRMFAyVyFxAX"
        "GyURAVUjcxd0FwAAAAAnEi5kZWJ1Z19zdHJfb2Zmc2V0cxAAAAAFAAAACQAAAAAAAAAHAAAAACoPLmRlYnVnX3JuZ2xpc3RzFgAAAAUA"
        "BAABAAAABAAAAAMABQMBDgMCDwAAoAELLmRlYnVnX2xpbmWQAAAABQAEADcAAAABAQH7Dg0AAQEBAQAAAAEAAAEBAR8BBwAAAAMBHwIP"
        "BR4BAAAAAAA6Sa4gyeBn7iu+5ujHD6FXBAAABQICAAAAAQVECkoCAQABAQQABQwKAAUCCQAAABkGA3iCBRo2BQwgBQUgAgEAAQEEAAAF"
        "AhcAAAATBQsKdQUJBiAGLwYcBQUGJQIDAAEBADwKLmRlYnVnX3N0cnRyYXAuYwAuAERlYmlhbiBjbGFuZyB2ZXJzaW9uIDE5LjEuNyAo"
        "M35kZWIxMnUxKQAAIAsuZGVidWdfYWRkchAAAAAFAAQAAgAAAAgAAAAXAAAAADgEbmFtZQEdAwAFYWxsb2MBDGF1dGhlbnRpY2F0ZQIF"
        "aW5uZXIHEgEAD19fc3RhY2tfcG9pbnRlcgBICXByb2R1Y2VycwIIbGFuZ3VhZ2UBA0MxMQAMcHJvY2Vzc2VkLWJ5AQxEZWJpYW4gY2xh"
        "bmcSMTkuMS43ICgzfmRlYjEydTEpAEkPdGFyZ2V0X2ZlYXR1cmVzBCsKbXVsdGl2YWx1ZSsPbXV0YWJsZS1nbG9iYWxzKw9yZWZlcmVu"
        "Y2UtdHlwZXMrCHNpZ24tZXh0"
    ),
}


def trap_of(path: Path) -> GuestTrap:
    with load(path, cache="off") as plugin, pytest.raises(GuestTrap) as caught:
        plugin.call_raw("authenticate", b"12345")
    return caught.value


def test_lines_in_the_64_bit_form_read_the_same() -> None:
    module = base64.b64decode(TRAP_C[4])
    at = module.index(b".debug_line") + len(b".debug_line")
    size = int.from_bytes(module[at : at + 4], "little")
    short = module[at : at + 4 + size]
    version, header, rest = short[4:6], int.from_bytes(short[6:10], "little"), short[10:]
    wide = b"\xff" * 4 + (size + 4).to_bytes(8, "little") + version + header.to_bytes(8, "little") + rest
    assert read_lines(wide) == read_lines(short)
    assert {row.line for row in read_lines(short)} >= {4, 8}


@pytest.mark.parametrize("version", TRAP_C)
def test_dwarf_tells_file_and_line_of_each_frame(tmp_path: Path, version: int) -> None:
    path = tmp_path / "trap.wasm"
    path.write_bytes(base64.b64decode(TRAP_C[version]))
    trap = trap_of(path)
    assert trap.backtrace[:2] == ("inner (trap.c:4:9)", "authenticate (trap.c:8:12)")
    assert trap.message.endswith("instruction executed in inner (trap.c:4:9)")


@pytest.mark.parametrize("version", TRAP_C)
def test_dwarf_that_lies_is_read_to_an_end(version: int) -> None:
    whole = base64.b64decode(TRAP_C[version])
    begin = whole.index(b".debug_line")
    end = whole.index(b"name\x01", begin)
    started = time.process_time()
    for position in range(begin + 11, end):
        for value in (0, 0x7F, 0x80, 0xFF):
            changed = bytearray(whole)
            changed[position] = value
            SourceLines(bytes(changed), None).locate(150)
    assert time.process_time() - started < 60


def test_dwarf_cut_anywhere_is_read_to_its_end() -> None:
    whole = base64.b64decode(TRAP_C[5])
    for length in range(len(whole)):
        SourceLines(whole[:length], None).locate(150)


def test_of_two_lines_at_one_address_the_one_that_comes_last_counts() -> None:
    header = b"\4\0\x17\0\0\0\1\1\1\xfb\x0e\x0d\0\1\1\1\1\0\0\0\1\0\0\1\0a\0\0\0\0\0"
    at_address_1, ten, two, end = b"\0\5\2\1\0\0\0", b"\3\x09\1", b"\3\x78\1", b"\2\4\0\1\1"
    body = header + at_address_1 + ten + two + end
    rows = read_lines(len(body).to_bytes(4, "little") + body)
    assert [(row.address, row.line) for row in rows] == [(1, 10), (1, 2), (5, 0)]


def test_a_line_table_of_a_mebibyte_is_read_in_time_and_a_larger_one_not_at_all() -> None:
    header = b"\4\0\x17\0\0\0\1\1\1\xfb\x0e\x0d\0\1\1\1\1\0\0\0\1\0\0\1\0a\0\0\0\0\0"
    body = header + b"\0\5\2\1\0\0\0" + b"\x20" * (2**20 - 100) + b"\0\1\1"
    table = len(body).to_bytes(4, "little") + body
    started = time.process_time()
    assert len(read_lines(table)) > 2**20 - 200
    assert time.process_time() - started < 60
    assert read_lines(table + bytes(200)) == []


def leb(number: int) -> bytes:
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def with_map(url: str) -> bytes:
    module = bytes(wasmtime.wat2wasm(text_of("", "(call $inner)", extra="(func $inner (unreachable))")))
    name = b"sourceMappingURL"
    body = leb(len(name)) + name + leb(len(url.encode())) + url.encode()
    return module + b"\0" + leb(len(body)) + body


def digits(number: int) -> str:
    value = (-number << 1 | 1) if number < 0 else number << 1
    out = ""
    while True:
        value, low = value >> 5, value & 31
        out += "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[low | (32 if value else 0)]
        if not value:
            return out


def source_map(offset: int) -> str:
    """From the start everything is line 3 of one file, and from `offset` on line 40, column 7 of another."""
    first = "".join(map(digits, (0, 0, 2, 0)))
    second = "".join(map(digits, (offset, 1, 37, 6)))
    return json.dumps({"version": 3, "sources": ["a.ts", "assembly/index.ts"], "mappings": f"{first},{second}"})


def written(folder: Path, url: str) -> Path:
    path = folder / "plugin.wasm"
    path.write_bytes(with_map(url))
    return path


def test_a_source_map_beside_the_module_tells_file_and_line(tmp_path: Path) -> None:
    path = written(tmp_path, "./plugin.wasm.map")
    where = path.read_bytes().index(b"\x03\x00\x00\x0b")  # the body of $inner: length, no locals, unreachable, end
    (tmp_path / "plugin.wasm.map").write_text(source_map(where + 2))
    trap = trap_of(path)
    assert [frame.partition(" ")[2] for frame in trap.backtrace] == ["(assembly/index.ts:40:7)"] * 2


def test_a_source_map_inside_of_the_module_tells_it_too(tmp_path: Path) -> None:
    url = "data:application/json;base64," + base64.b64encode(source_map(10**6).encode()).decode()
    assert trap_of(written(tmp_path, url)).backtrace[0].endswith("(a.ts:3:1)")


SOURCE_MAP = ROOT / "fixtures" / "source-map"


@pytest.mark.parametrize(
    ("request_bytes", "innermost"),
    [(b"12", "assembly/refuse/refuse (assembly/refuse.ts:3:3)"), (b"123", "(~lib/staticarray.ts:")],
)
def test_a_map_of_a_real_compiler_tells_the_lines_of_its_source(request_bytes: bytes, innermost: str) -> None:
    with load(SOURCE_MAP / "plugin.wasm", cache="off") as plugin, pytest.raises(GuestTrap) as caught:
        plugin.call_raw("authenticate", request_bytes)
    first, *others = caught.value.backtrace
    assert innermost in first
    called = "refuse(size)" if request_bytes == b"12" else "new StaticArray"
    assert others == [
        f"assembly/index/firstByte (assembly/index.ts:{line_of(called)})",
        f"assembly/index/authenticate (assembly/index.ts:{line_of('firstByte(request, size);')})",
        "authenticate.adapted",
    ]


def line_of(text: str) -> str:
    for number, line in enumerate((SOURCE_MAP / "assembly" / "index.ts").read_text("utf-8").splitlines(), start=1):
        if text in line:
            return f"{number}:{line.index(text) + 1}"
    raise AssertionError(text)


def test_the_map_of_a_real_compiler_tells_them_of_the_module_as_it_is_too() -> None:
    data = (SOURCE_MAP / "plugin.wasm").read_bytes()
    begin = data.index(b"\x0a", 8)
    lines = SourceLines(data, SOURCE_MAP)
    found = {lines.locate(offset).partition(":")[0] for offset in range(begin, len(data))}
    assert {"assembly/index.ts", "assembly/refuse.ts", "~lib/rt/stub.ts"} <= found


@pytest.mark.parametrize("kind", ["link", "folder", "fifo", "socket"])
def test_a_source_map_that_is_no_file_of_the_folder_is_not_opened(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "plugin"
    folder.mkdir()
    path, place = written(folder, "plugin.wasm.map"), folder / "plugin.wasm.map"
    if kind == "link":
        (tmp_path / "secret.map").write_text(source_map(0))
        place.symlink_to(tmp_path / "secret.map")
    elif kind == "folder":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(place))
    assert "(" not in trap_of(path).backtrace[0]


def test_a_source_map_of_100_mb_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, "plugin.wasm.map")
    with (tmp_path / "plugin.wasm.map").open("wb") as file:
        file.write(source_map(0).encode())
        file.truncate(100_000_000)
    started = time.process_time()
    assert "(" not in trap_of(path).backtrace[0]
    assert time.process_time() - started < 5


@pytest.mark.slow
def test_a_source_map_with_a_flood_of_mappings_is_read_to_an_end(tmp_path: Path) -> None:
    path = written(tmp_path, "plugin.wasm.map")
    text = json.dumps({"version": 3, "sources": ["a.ts"], "mappings": "AAAA," * 3_000_000})
    (tmp_path / "plugin.wasm.map").write_text(text)
    started = time.process_time()
    assert "(a.ts:1:1)" in trap_of(path).backtrace[0]
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    "url", ["../secret.map", "/etc/passwd", "https://127.0.0.1/plugin.map", "a/plugin.map", "..\\plugin.map", "", ".."]
)
def test_a_source_map_elsewhere_is_not_opened(tmp_path: Path, url: str) -> None:
    (tmp_path / "secret.map").write_text(source_map(0))
    folder = tmp_path / "plugin"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "plugin.map").write_text(source_map(0))
    assert "(" not in trap_of(written(folder, url)).backtrace[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 100_000,
        "{}",
        '{"sources":[],"mappings":"AAAA"}',
        '{"sources":["a"],"mappings":5}',
        '{"sources":["a"],"mappings":"\u00e9"}',
        '{"sources":["a"],"mappings":"' + "g" * 1000 + '"}',
        '{"sources":{},"mappings":"AAAA"}',
    ],
)
def test_a_source_map_that_lies_is_as_none(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "plugin.wasm.map")
    (tmp_path / "plugin.wasm.map").write_text(text)
    assert "(" not in trap_of(path).backtrace[0]


def test_control_characters_in_a_files_name_are_escaped(tmp_path: Path) -> None:
    path = written(tmp_path, "plugin.wasm.map")
    text = json.dumps({"sources": ["\x1b[31mred.ts"], "mappings": "AAAA"})
    (tmp_path / "plugin.wasm.map").write_text(text)
    assert trap_of(path).backtrace[0].endswith(r"(\x1b[31mred.ts:1:1)")
