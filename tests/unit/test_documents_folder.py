"""What stands in a plugin's folder: the manifest and the module that are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mockforge.documents.manifest import find_manifest, find_module, read_manifest, require_manifest
from pytest_mockforge.errors import DocumentError

if TYPE_CHECKING:
    from pathlib import Path


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def module_named(folder: Path, name: str) -> Path:
    path = folder / "plugin.yaml"
    path.write_text(f'id: x\nmodule: "{name}"\n')
    return find_module(folder, read_manifest(path))


@pytest.mark.parametrize("name", ["plugin.yaml", "plugin.yml"])
def test_a_manifest_is_found_under_either_name(tmp_path: Path, name: str) -> None:
    assert find_manifest(touched(tmp_path, name, "other.yaml")) == tmp_path / name


def test_a_folder_without_a_manifest_has_none(tmp_path: Path) -> None:
    assert find_manifest(touched(tmp_path, "plugin.wasm")) is None


def test_two_manifests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"both plugin\.yaml and plugin\.yml stand here\n  hint: keep plugin\.yaml"):
        find_manifest(touched(tmp_path, "plugin.yaml", "plugin.yml"))


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="absent: is no folder that can be read: No such file"):
        find_manifest(tmp_path / "absent")


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="is no folder that can be read: Not a directory"):
        find_module(touched(tmp_path, "x") / "x")


def test_a_required_manifest_is_given(tmp_path: Path) -> None:
    assert require_manifest(touched(tmp_path, "plugin.yml")) == tmp_path / "plugin.yml"


def test_a_missing_manifest_is_an_error_that_shows_how_to_name_a_bare_module(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        require_manifest(touched(tmp_path, "auth.wasm"))
    assert str(caught.value) == (
        f"no plugin.yaml in {tmp_path}\n"
        f"  hint: write one, or name a bare module: --mockforge-plugin={tmp_path}/auth.wasm"
    )


def test_plugin_wasm_is_the_module_whatever_else_is_there(tmp_path: Path) -> None:
    assert find_module(touched(tmp_path, "plugin.wasm", "a.wasm")) == tmp_path / "plugin.wasm"


def test_the_only_module_is_found_by_its_ending(tmp_path: Path) -> None:
    (tmp_path / "folder.wasm").mkdir()
    assert find_module(touched(tmp_path, "auth.wasm", "auth.wat", "README.md")) == tmp_path / "auth.wasm"


def test_a_module_in_a_folder_below_is_not_meant(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    touched(tmp_path / "target", "plugin.wasm")
    with pytest.raises(DocumentError, match=r"no \.wasm file in .*\n  hint: build the plugin first"):
        find_module(tmp_path)


def test_two_modules_are_refused_and_listed(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        find_module(touched(tmp_path, "b.wasm", "a.wasm"))
    lines = str(caught.value).splitlines()
    assert lines[0] == f"2 .wasm files in {tmp_path}"
    assert lines[2] == "  got: 'a.wasm', 'b.wasm'"
    assert lines[3].startswith("  hint: keep one built module beside the manifest, named plugin.wasm")


def test_a_long_list_of_modules_is_cut(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"9 \.wasm files.*\n.*\n  got: .*'m4\.wasm', …\n"):
        find_module(touched(tmp_path, *(f"m{number}.wasm" for number in range(9))))


def test_the_module_that_the_manifest_names_wins(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    touched(tmp_path, "plugin.wasm", "a.wasm", "out/b.wasm")
    assert module_named(tmp_path, "a.wasm") == tmp_path / "a.wasm"
    assert module_named(tmp_path, "out/b.wasm") == tmp_path / "out" / "b.wasm"


@pytest.mark.parametrize("name", ["../x.wasm", "/etc/x.wasm", "a/../../x.wasm", "link/x.wasm", "out.wasm"])
def test_a_module_outside_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    touched(outside, "x.wasm")
    touched(tmp_path, "x.wasm")
    (folder / "link").symlink_to(outside)
    (folder / "out.wasm").symlink_to(outside / "x.wasm")
    with pytest.raises(DocumentError, match=r"which leaves the plugin's folder\n  hint: name a file inside"):
        module_named(folder, name)


@pytest.mark.parametrize("name", ["absent.wasm", "folder.wasm", "loop.wasm", "a\\0b.wasm"])
def test_a_named_module_that_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.wasm").mkdir()
    (tmp_path / "loop.wasm").symlink_to(tmp_path / "loop.wasm")
    with pytest.raises(DocumentError, match=r"plugin\.yaml: the manifest names the module .* is no file here"):
        module_named(tmp_path, name)
