"""Where pytest's configuration for a folder goes, and what to add to one that exists. Pure but for reading the files.

A file is changed only where reading it before and after proves that nothing but our keys was added.
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_mockforge.documents.files import read_regular
from pytest_mockforge.errors import DocumentError

_LARGEST = 1024 * 1024
_PLUGINS = "mockforge_plugins"
_COMMANDS = "mockforge_allow_commands"
_TABLE = "tool.pytest.ini_options"

Action = Literal["write", "merge", "keep", "advise"]
"""A new file; keys added to one that exists; nothing to do; or what to add by hand, as it cannot be done safely."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """What is to become of pytest's configuration."""

    path: Path
    action: Action
    text: str = ""
    """The whole file as it should be; empty where it stays."""
    lines: tuple[str, ...] = ()
    """What is added, or should be."""
    reason: str = ""
    """Why it is not added by us."""


def configuration(folder: Path, spec: str, *, commands: bool) -> Configuration:
    """Find the file that pytest reads in this folder, and say what to do with it.

    `spec` names the plugin from that file; `commands` says whether `plugin.test.yaml` starts a service.
    """
    for name in ("pytest.toml", ".pytest.toml"):
        if (folder / name).exists():
            return _by_hand(folder / name, _toml_lines(spec, commands), "[pytest]")
    for name in ("pytest.ini", ".pytest.ini"):
        if (folder / name).exists():
            return _merged_ini(folder / name, "pytest", spec, commands)
    pyproject = folder / "pyproject.toml"
    if "[tool.pytest" in _read(pyproject):
        return _merged_toml(pyproject, spec, commands)
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        if f"[{section}]" in _read(folder / name):
            return _merged_ini(folder / name, section, spec, commands)
    if pyproject.exists():
        return _merged_toml(pyproject, spec, commands)
    lines = ("[pytest]", *_ini_lines(spec, commands))
    return Configuration(path=folder / "pytest.ini", action="write", text="\n".join(lines) + "\n", lines=lines)


def _ini_lines(spec: str, commands: bool) -> tuple[str, ...]:
    lines = ["# The plugin that is tested here; its path counts from this file.", f"{_PLUGINS} = {spec}"]
    if commands:
        lines += ["# plugin.test.yaml starts the service by a command.", f"{_COMMANDS} = true"]
    return tuple(lines)


def _toml_lines(spec: str, commands: bool) -> tuple[str, ...]:
    lines = ["# The plugin that is tested here; its path counts from this file.", f"{_PLUGINS} = [{json.dumps(spec)}]"]
    if commands:
        lines += ["# plugin.test.yaml starts the service by a command.", f"{_COMMANDS} = true"]
    return tuple(lines)


def _merged_ini(path: Path, section: str, spec: str, commands: bool) -> Configuration:
    lines = _ini_lines(spec, commands)
    text = _read(path)
    before = _sections(text)
    if before is None:
        return _by_hand(path, lines, f"[{section}]")
    if _PLUGINS in before.get(section, {}):
        return Configuration(path=path, action="keep")
    wanted = {**before, section: {**before.get(section, {}), **_assigned(lines)}}
    return _inserted(path, text, f"[{section}]", lines, lambda new: _sections(new) == wanted)


def _merged_toml(path: Path, spec: str, commands: bool) -> Configuration:
    lines = _toml_lines(spec, commands)
    text = _read(path)
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return _by_hand(path, lines, f"[{_TABLE}]")
    tables = before.get("tool", {}).get("pytest", {})
    if set(tables) - {"ini_options"}:
        # The table in TOML's own types that pytest 9 has, beside which the older one is an error.
        return Configuration(path=path, action="keep") if _PLUGINS in tables else _by_hand(path, lines, "[tool.pytest]")
    options = tables.get("ini_options", {})
    if _PLUGINS in options:
        return Configuration(path=path, action="keep")
    tool = before.get("tool", {})
    added = tomllib.loads("\n".join(lines))
    wanted = {**before, "tool": {**tool, "pytest": {"ini_options": {**options, **added}}}}
    return _inserted(path, text, f"[{_TABLE}]", lines, lambda new: tomllib.loads(new) == wanted)


def _inserted(
    path: Path, text: str, header: str, lines: tuple[str, ...], holds: Callable[[str], bool]
) -> Configuration:
    """Put lines behind a header, or both at the end; only where that adds these keys and changes no other."""
    newline = "\r\n" if "\r\n" in text else "\n"
    added = newline.join(lines) + newline
    found = list(re.finditer(rf"^{re.escape(header)}[ \t]*(?:[#;][^\r\n]*)?\r?$\n?", text, re.MULTILINE))
    if len(found) == 1:
        end = found[0].end()
        new = text[:end] + ("" if text[:end].endswith("\n") else newline) + added + text[end:]
    else:
        gap = "" if not text else newline if text.endswith("\n") else newline * 2
        new = f"{text}{gap}{header}{newline}{added}"
    try:
        safe = len(found) < 2 and holds(new)
    except (tomllib.TOMLDecodeError, configparser.Error):
        safe = False
    if not safe:
        return _by_hand(path, lines, header)
    return Configuration(path=path, action="merge", text=new, lines=lines)


def _by_hand(path: Path, lines: tuple[str, ...], header: str) -> Configuration:
    if re.search(rf"^\s*{_PLUGINS}\s*=", _read(path), re.MULTILINE):
        return Configuration(path=path, action="keep")
    reason = f"{path.name} cannot be changed without a risk to what it says"
    return Configuration(path=path, action="advise", lines=(header, *lines), reason=reason)


def _sections(text: str) -> Mapping[str, Mapping[str, str]] | None:
    parser = configparser.RawConfigParser(strict=True, default_section="\0", inline_comment_prefixes=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names as they are
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {section: dict(parser.items(section)) for section in parser.sections()}


def _assigned(lines: tuple[str, ...]) -> dict[str, str]:
    pairs = (line.partition(" = ") for line in lines if not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _read(path: Path) -> str:
    """Give a file's text, line ends as they are; nothing where there is none. Raises DocumentError otherwise."""
    if not path.exists():
        return ""
    try:
        return read_regular(path, max_bytes=_LARGEST).decode("utf-8")
    except UnicodeDecodeError:
        raise DocumentError(f"{path}: is not UTF-8", hint="save it as UTF-8") from None
