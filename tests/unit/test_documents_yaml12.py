"""YAML 1.2 as authors write it, and as somebody hostile would."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from pytest_mockforge.documents.yaml12 import MAX_BYTES, load
from pytest_mockforge.documents.yaml_events import Mark
from pytest_mockforge.errors import DocumentError

MEBIBYTE = 1024 * 1024


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "plugin.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def value_of(folder: Path, content: str | bytes) -> object:
    return load(written(folder, content)).value


def refusal(folder: Path, content: str | bytes) -> str:
    with pytest.raises(DocumentError) as caught:
        load(written(folder, content))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value).replace(f"{folder}{os.sep}", "")


@pytest.mark.parametrize("word", ["no", "yes", "on", "off", "y", "N", "2027-01-31", "12:30", "0b11", "1_000", "1.10.2"])
def test_what_only_yaml_1_1_gives_a_meaning_is_text(tmp_path: Path, word: str) -> None:
    assert value_of(tmp_path, f"key: {word}") == {"key": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("+5", 5),
        ("1.10", 1.1),
        ("1.", 1.0),
        ("-1e3", -1000.0),
        ("1e400", float("inf")),
        ("-.INF", float("-inf")),
        ("'1.10'", "1.10"),
        ('"true"', "true"),
        ("!!str 1.10", "1.10"),
        ("|\n  no", "no"),
    ],
)
def test_scalars_follow_the_core_schema(tmp_path: Path, text: str, value: object) -> None:
    got = value_of(tmp_path, f"key: {text}")
    assert got == {"key": value}
    assert type(got["key"]) is type(value)


def test_not_a_number_is_read(tmp_path: Path) -> None:
    assert repr(value_of(tmp_path, "- .nan\n- .NaN")) == "[nan, nan]"


def test_a_version_directive_of_1_1_changes_no_rule(tmp_path: Path) -> None:
    assert value_of(tmp_path, "%YAML 1.1\n---\nkey: no\n") == {"key": "no"}


def test_keys_are_text_as_they_stand(tmp_path: Path) -> None:
    assert value_of(tmp_path, "1.10: a\ntrue: b\non: c\nnull: d") == {"1.10": "a", "true": "b", "on": "c", "null": "d"}


def test_a_merge_key_is_a_key_like_any_other(tmp_path: Path) -> None:
    assert value_of(tmp_path, "a: &a {x: 1}\nb:\n  <<: *a") == {"a": {"x": 1}, "b": {"<<": {"x": 1}}}


def test_aliases_are_copies(tmp_path: Path) -> None:
    value = value_of(tmp_path, "a: &a [1]\nb: *a")
    assert value == {"a": [1], "b": [1]}
    assert value["a"] is not value["b"]


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    assert value_of(tmp_path, b"\xef\xbb\xbfkey: 1") == {"key": 1}


def test_both_halves_of_a_surrogate_pair_are_one_character(tmp_path: Path) -> None:
    assert value_of(tmp_path, r'"\ud83d\ude00"') == "😀"


@pytest.mark.parametrize(
    ("pointer", "mark"),
    [
        ("", Mark(line=2, column=1)),
        ("/a", Mark(line=2, column=1)),
        ("/b", Mark(line=3, column=1)),
        ("/b/1", Mark(line=5, column=5)),
        ("/b/1/x~1y", Mark(line=5, column=5)),
        ("/b/1/x~1y/absent", Mark(line=5, column=5)),
        ("/b/9", Mark(line=3, column=1)),
        ("/b/²", Mark(line=3, column=1)),
        ("/absent", Mark(line=2, column=1)),
    ],
)
def test_a_pointer_is_found_at_its_key_or_item(tmp_path: Path, pointer: str, mark: Mark) -> None:
    document = load(written(tmp_path, "# head\na: 1\nb:\n  - 2\n  - x/y: 3\n"))
    assert document.mark(pointer) == mark


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "plugin.yaml:4:3: the key 'c' stands twice in one mapping (first on line 3)"),
        ("1: a\n'1': b\n", "plugin.yaml:2:1: the key '1' stands twice"),
        ("a:\n\tb: 1\n", "plugin.yaml:2:1: a tab where YAML takes only spaces"),
        ("a: b: c\n", "plugin.yaml:1:5: a second ': ' in one line"),
        (" a: 1\nb: 2\n", "plugin.yaml:2:1: text after the end of the document"),
        ("a: 1\nb\nc: 2\n", "plugin.yaml:3:1: a line without ': '"),
        ("a: 'x\nb: 1\n", "plugin.yaml:1:4: while scanning a quoted scalar"),
        ("a: [1, 2\nb: 1\n", "plugin.yaml:2:2: while parsing a flow sequence"),
        ("a: @x\n", "plugin.yaml:1:4: while scanning for the next token: found character '@'"),
        ("a: 1\n---\nb: 2\n", "plugin.yaml:2:1: a second document begins here"),
        ("? [a]\n: b\n", "plugin.yaml:1:3: a list or mapping stands as a key"),
        ("", "plugin.yaml:1:1: the file is empty"),
        ("# only a comment\n", "plugin.yaml:2:1: the file is empty"),
        ("---\n", "plugin.yaml:2:1: the file is empty"),
        (b"a: 1\nb: caf\xe9\n", "plugin.yaml:2:7: byte 0xe9 is not UTF-8"),
        ("a: b".encode("utf-16"), "plugin.yaml:1:1: byte 0xff is not UTF-8"),
        ("a: \x1b[31m", "plugin.yaml:1:4: character U+001B is not allowed in YAML"),
        (b"a: \0", "plugin.yaml:1:4: character U+0000 is not allowed in YAML"),
        (r'a: "\ud800"', "plugin.yaml:1:4: half of a surrogate pair is no character"),
        (r'"\UFFFFFFFF"', "plugin.yaml:1:1: not YAML"),
        ("- !foo x\n", "plugin.yaml:1:3: a tag: values are plain JSON here"),
        ("!!python/object/apply:os.system [id]\n", "plugin.yaml:1:1: a tag: values are plain JSON here"),
        ("!<tag:yaml.org,2002:str> x\n", "plugin.yaml:1:1: a tag: values are plain JSON here"),
        ("a: !!str {b: 1}\n", "plugin.yaml:1:4: the tag !!str stands before a list or mapping"),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", "plugin.yaml:1:1: no directive but %YAML 1.2 is known"),
        ("%YAML 2.0\n---\na: 1\n", "plugin.yaml:1:1: no directive but %YAML 1.2 is known"),
        ("a: *b\n", "plugin.yaml:1:4: no anchor 'b' stands before this alias"),
        ("a: &a [*a]\n", "plugin.yaml:1:8: the alias 'a' contains itself"),
        ("a: &a {b: {c: *a}}\n", "plugin.yaml:1:15: the alias 'a' contains itself"),
        ("1" * 5000, "plugin.yaml:1:1: a number of more than 400 digits"),
        ("0x" + "f" * 5000, "plugin.yaml:1:1: a number of more than 400 digits"),
    ],
)
def test_a_broken_document_is_named_by_file_line_and_column(tmp_path: Path, content: str | bytes, message: str) -> None:
    text = refusal(tmp_path, content)
    assert text.startswith(message)
    assert "\n  hint: " in text


def test_control_characters_of_a_key_do_not_reach_the_message(tmp_path: Path) -> None:
    text = refusal(tmp_path, '"\\e[31m": 1\n"\\e[31m": 2\n')
    assert r"the key '\x1b[31m' stands twice" in text
    assert "\x1b" not in text


LAUGHS = "a: &a ['', '', '', '', '', '', '', '', '']\n" + "".join(
    f"{this}: &{this} [{', '.join([f'*{last}'] * 9)}]\n" for last, this in zip("abcde", "bcdef", strict=True)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("[" * MEBIBYTE, "1:65: nested more than 64 levels deep", id="brackets"),
        pytest.param("{a: " * (MEBIBYTE // 4), "nested more than 64 levels deep", id="flow mappings"),
        pytest.param("- " * (MEBIBYTE // 2), "nested more than 64 levels deep", id="block lists"),
        pytest.param("? " * (MEBIBYTE // 2), "nested more than 64 levels deep", id="question marks"),
        pytest.param(LAUGHS, "aliases expand to more than 10000 values", id="billion laughs"),
        pytest.param(
            "a: &a " + "x" * 500_000 + "\nb: [*a, *a, *a]", "or 1048576 characters", id="long text, many aliases"
        ),
        pytest.param(
            "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 99)),
            "nested more than 64 levels deep",
            id="a ladder of aliases",
        ),
        pytest.param("[" + "a," * 500_000 + "]", "more than 20000 values", id="half a million values"),
        pytest.param(
            "".join(f"- &a{n} x\n" for n in range(40_000)), "more than 20000 values", id="thousands of anchors"
        ),
        pytest.param("\n" * MEBIBYTE, "50000:1: more than 50000 lines", id="blank lines"),
        pytest.param("'" + "a\n" * 500_000, "more than 50000 lines", id="a scalar of many lines"),
        pytest.param("!" + "a" * (MEBIBYTE - 1), "a tag", id="a long tag"),
        pytest.param("%TAG ! " + "a" * (MEBIBYTE - 8), "no directive", id="a long directive"),
    ],
)
def test_a_hostile_document_is_refused_in_bounded_time(tmp_path: Path, content: str, message: str) -> None:
    began = time.process_time()
    assert message in refusal(tmp_path, content)
    assert time.process_time() - began < 6


def test_brackets_are_refused_before_the_scanner_looks_ahead(tmp_path: Path) -> None:
    began = time.process_time()
    refusal(tmp_path, "[" * MEBIBYTE)
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    "content",
    [
        "a" * MEBIBYTE,
        "a " * (MEBIBYTE // 2),
        '"' + r"\n" * (MEBIBYTE // 2 - 1) + '"',
        "&" + "a" * (MEBIBYTE - 3) + " x",
    ],
    ids=["plain", "words", "escapes", "anchor"],
)
def test_a_scalar_as_long_as_a_file_may_be_is_read_in_bounded_time(tmp_path: Path, content: str) -> None:
    began = time.process_time()
    assert isinstance(value_of(tmp_path, content), str)
    assert time.process_time() - began < 6


def test_a_file_of_100_megabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "plugin.yaml"
    with path.open("wb") as stream:
        stream.truncate(100_000_000)
    with pytest.raises(DocumentError, match=r"is too large: 100000000 bytes\n  expected: at most 1048576 bytes"):
        load(path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_file_that_holds_more_than_its_size_says_is_refused() -> None:
    with pytest.raises(DocumentError, match="is too large: more than 4 bytes"):
        load(Path("/proc/self/status"), max_bytes=4)


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    assert load(written(tmp_path, "a: 1"), max_bytes=4).value == {"a": 1}
    assert MAX_BYTES == MEBIBYTE


def test_a_file_one_byte_over_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"plugin\.yaml: is too large: 5 bytes"):
        load(written(tmp_path, "a: 12"), max_bytes=4)


def test_a_named_pipe_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "plugin.yaml"
    os.mkfifo(path)
    with pytest.raises(DocumentError, match=r"plugin\.yaml: is a named pipe, not a file"):
        load(path)


def test_a_device_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plugin.yaml"
    path.symlink_to("/dev/zero")
    with pytest.raises(DocumentError, match="is a device, not a file"):
        load(path)


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("plugin.yaml")
        with pytest.raises(DocumentError, match="is a socket, not a file"):
            load(tmp_path / "plugin.yaml")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="is a folder, not a file"):
        load(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"plugin\.yaml: no such file\n  hint: "):
        load(tmp_path / "plugin.yaml")


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plugin.yaml"
    path.symlink_to(path)
    with pytest.raises(DocumentError, match="cannot be read: "):
        load(path)


@pytest.mark.parametrize("name", ["a\0b", "n" * 5000])
def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DocumentError, match="cannot be read: ") as caught:
        load(tmp_path / name)
    assert "\0" not in str(caught.value)


def test_a_path_that_would_act_on_a_terminal_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[31m.yaml"
    path.write_text("a: b: c")
    with pytest.raises(DocumentError, match=r"\\x1b\[31m\.yaml':1:5: a second"):
        load(path)
