"""The text that names a plugin, and the labels it leads to."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mockforge.errors import SpecError
from pytest_mockforge.spec import Spec, parse_spec, unique


def file(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def specs(folder: Path, *texts: str) -> tuple[Spec, ...]:
    return unique(parse_spec(text, folder) for text in texts)


def test_a_module_goes_by_its_stem(tmp_path: Path) -> None:
    file(tmp_path, "auth.wasm")
    spec = parse_spec("auth.wasm", tmp_path)
    assert (spec.label, spec.kind, spec.path) == ("auth", "module", tmp_path / "auth.wasm")


def test_text_is_told_by_its_ending(tmp_path: Path) -> None:
    file(tmp_path, "auth.wat")
    assert parse_spec("auth.wat", tmp_path).kind == "text"


def test_a_module_called_plugin_goes_by_its_folder_as_given(tmp_path: Path) -> None:
    file(tmp_path, "rust/plugin.wasm")
    assert parse_spec("rust/plugin.wasm", tmp_path).label == "rust"
    assert parse_spec("plugin.wasm", tmp_path / "rust").label == "plugin"


def test_a_folder_goes_by_its_name(tmp_path: Path) -> None:
    file(tmp_path, "rust/plugin.wasm")
    assert parse_spec("rust/", tmp_path).label == "rust"
    assert parse_spec(".", tmp_path / "rust").label == "rust"


def test_a_name_sets_the_label(tmp_path: Path) -> None:
    file(tmp_path, "auth.wasm")
    assert parse_spec("old=auth.wasm", tmp_path).label == "old"


def test_an_equals_sign_in_a_file_name_is_no_label(tmp_path: Path) -> None:
    file(tmp_path, "a=b.wasm")
    assert parse_spec("a=b.wasm", tmp_path).label == "a-b"


def test_a_label_holds_nothing_that_an_id_is_split_by(tmp_path: Path) -> None:
    file(tmp_path, "we[i]rd::name.wasm")
    assert parse_spec("we[i]rd::name.wasm", tmp_path).label == "we-i-rd-name"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' names no plugin"),
        ("name=", "'name=' names no plugin"),
        ("nothing.wasm", "'nothing.wasm' does not exist"),
        ("ftp://host/x.wasm", "'ftp://host/x.wasm' has the unknown scheme 'ftp'"),
        ("a b=x.wasm", "the label 'a b' in 'a b=x.wasm' cannot be used"),
        ("x\0y", "'x\\x00y' holds a NUL character"),
        ("x" * 5000, "cannot be looked up"),
    ],
)
def test_what_names_no_plugin_is_an_error_with_a_hint(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, tmp_path)
    assert message in str(caught.value)
    assert "hint: " in str(caught.value)


def test_the_same_plugin_named_twice_counts_once(tmp_path: Path) -> None:
    file(tmp_path, "auth.wasm")
    assert [spec.label for spec in specs(tmp_path, "auth.wasm", "./auth.wasm")] == ["auth"]


def test_the_same_plugin_under_two_labels_counts_twice(tmp_path: Path) -> None:
    file(tmp_path, "auth.wasm")
    assert [spec.label for spec in specs(tmp_path, "a=auth.wasm", "b=auth.wasm")] == ["a", "b"]


def test_equal_labels_are_numbered_in_order(tmp_path: Path) -> None:
    for folder in "xyz":
        file(tmp_path, f"{folder}/auth.wasm")
    found = specs(tmp_path, "x/auth.wasm", "y/auth.wasm", "z/auth.wasm")
    assert [spec.label for spec in found] == ["auth", "auth-2", "auth-3"]


def test_a_chosen_label_is_kept_where_another_plugin_would_take_it(tmp_path: Path) -> None:
    file(tmp_path, "x/auth.wasm")
    file(tmp_path, "y.wasm")
    found = specs(tmp_path, "x/auth.wasm", "auth=y.wasm")
    assert [(spec.label, spec.path.name) for spec in found] == [("auth-2", "auth.wasm"), ("auth", "y.wasm")]


def test_one_chosen_label_for_two_plugins_is_an_error(tmp_path: Path) -> None:
    file(tmp_path, "x.wasm")
    file(tmp_path, "y.wasm")
    with pytest.raises(SpecError, match=r"the label 'a' names two plugins: 'a=x.wasm' and 'a=y.wasm'"):
        specs(tmp_path, "a=x.wasm", "a=y.wasm")


@pytest.mark.parametrize(
    ("text", "kind", "label", "address"),
    [
        ("http://127.0.0.1:8000", "http", "127.0.0.1", "http://127.0.0.1:8000"),
        ("https://plugins.example/auth/", "http", "plugins.example", "https://plugins.example/auth/"),
        ("grpc://localhost:50051", "grpc", "localhost", "grpc://localhost:50051"),
        ("grpcs://[::1]:50051", "grpc", "1", "grpcs://[::1]:50051"),
        ("asgi:package.module:app", "asgi", "package.module", "package.module:app"),
        ("asgi:app:create()", "asgi", "app-create", "app:create()"),
        ("mine=http://127.0.0.1:8000", "http", "mine", "http://127.0.0.1:8000"),
    ],
)
def test_an_address_names_a_service(text: str, kind: str, label: str, address: str, tmp_path: Path) -> None:
    spec = parse_spec(text, tmp_path)
    assert (spec.kind, spec.label, spec.address, spec.folder) == (kind, label, address, None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ftp://127.0.0.1", "unknown scheme 'ftp'"),
        ("http:127.0.0.1", "is no URL"),
        ("http://", "is no URL"),
        ("http://127.0.0.1:99999", "is no URL: Port out of range"),
        ("http://127.0.0.1:0", "is no URL"),
        ("http://a b", "is no URL"),
        ("http://127.0.0.1/?x=1", "has a query or a fragment"),
        ("asgi:module", "names no app"),
        ("asgi:../app:app", "names no app"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=why):
        parse_spec(text, tmp_path)


def test_a_secret_in_a_url_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"127\.0\.0\.1 holds credentials") as caught:
        parse_spec("http://ann:hunter2@127.0.0.1:8000", tmp_path)
    assert "hunter2" not in str(caught.value)


def test_two_ports_of_one_host_are_two_plugins(tmp_path: Path) -> None:
    labels = [spec.label for spec in specs(tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:1")]
    assert labels == ["127.0.0.1", "127.0.0.1-2"]
