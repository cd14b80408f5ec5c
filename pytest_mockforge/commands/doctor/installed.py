"""What is installed, as its metadata says: Python, what is required, the extras, and the plugins that pytest loads.

Imports none of it, so that a library which breaks at import is named and does not end the diagnosis.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from pathlib import Path

from pytest_mockforge.commands.doctor.fact import Fact

_PACKAGE = "pytest-mockforge"
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?:\[[^\]]*\])?\s*(?P<range>[^;]*?)\s*(?:;(?P<marker>.*))?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")
_BOUND = re.compile(r"(>=|<=|==|!=|<|>)\s*([\d.]+)")
_LEAST_PYTHON = (3, 11)
_NOT_FOR_USERS = ("all", "dev")


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """What the package asks for: a library, its versions such as `>=45,<51`, and the extra that it belongs to."""

    name: str
    range: str
    extra: str

    @property
    def text(self) -> str:
        """The requirement as pip takes it."""
        return f"{self.name}{self.range}"


def parse_requirement(text: str) -> Requirement:
    """Read one line of a distribution's metadata."""
    match = _REQUIREMENT.fullmatch(text.strip())
    if match is None:
        return Requirement(name=text, range="", extra="")
    extra = _EXTRA.search(match["marker"] or "")
    return Requirement(name=match["name"], range=match["range"].strip("() "), extra=extra[1] if extra else "")


def within(found: str, wanted: str) -> bool:
    """Tell whether a version lies in a range such as `>=45,<51`; what is not understood is not held against it."""
    release = _release(found)
    for sign, bound in _BOUND.findall(wanted):
        limit = _release(bound)
        length = max(len(release), len(limit))
        left, right = (numbers + (0,) * (length - len(numbers)) for numbers in (release, limit))
        holds = {
            ">=": left >= right, "<=": left <= right, "==": left == right,
            "!=": left != right, "<": left < right, ">": left > right,
        }  # fmt: skip
        if not holds[sign]:
            return False
    return True


def version_facts() -> Iterator[Fact]:
    """The machine, Python, this package, and all that it cannot do without."""
    windows = sys.platform == "win32"
    yield Fact(
        name="platform",
        state="warning" if windows else "ok",
        value=f"{platform.platform()}, {os.cpu_count()} processors",
        hint="services cannot be started on Windows; use WSL" if windows else "",
    )
    python = f"{platform.python_version()} ({platform.python_implementation()}), {sys.executable}"
    enough = sys.version_info >= _LEAST_PYTHON
    yield Fact(
        name="python",
        state="ok" if enough else "problem",
        value=python,
        hint="" if enough else f"use Python {'.'.join(map(str, _LEAST_PYTHON))} or later",
    )
    own = _version(_PACKAGE)
    place = Path(__file__).parents[3]
    if own is None:
        yield Fact(
            name=_PACKAGE,
            state="problem",
            value=f"not installed, only found in {place}",
            hint=f"pip install {_PACKAGE}; in a clone: pip install --editable .",
        )
        return
    yield Fact(name=_PACKAGE, state="ok", value=f"{own}, {place}")
    for wanted in _requirements():
        if not wanted.extra:
            yield _library(wanted)


def extra_facts() -> Iterator[Fact]:
    """The extras, each with what it brings."""
    extras: dict[str, list[Requirement]] = {}
    for wanted in _requirements():
        if wanted.extra and wanted.extra not in _NOT_FOR_USERS:
            extras.setdefault(wanted.extra, []).append(wanted)
    for extra, members in extras.items():
        found = {wanted: _version(wanted.name) for wanted in members}
        missing = [wanted.name for wanted, there in found.items() if there is None]
        unfit = [wanted for wanted, there in found.items() if there is not None and not within(there, wanted.range)]
        told = ", ".join(f"{wanted.name} {there}" for wanted, there in found.items() if there is not None)
        hint = f"pip install '{_PACKAGE}[{extra}]'"
        if missing:
            value = f"missing: {', '.join(missing)}" + (f"; there: {told}" if told else "")
            yield Fact(name=extra, state="absent", value=value, hint=hint)
        elif unfit:
            value = f"{told}; wanted {', '.join(wanted.text for wanted in unfit)}"
            yield Fact(name=extra, state="warning", value=value, hint=f"{hint} --upgrade")
        else:
            yield Fact(name=extra, state="ok", value=told)


def plugin_facts() -> Iterator[Fact]:
    """Whether pytest finds the plugin, and what else it loads."""
    registered = {found.name: found for found in entry_points(group="pytest11")}
    own = registered.pop("mockforge", None)
    if own is None:
        yield Fact(
            name="entry point",
            state="problem",
            value="no pytest11 entry point 'mockforge': pytest does not know of the plugin",
            hint=f"pip install {_PACKAGE}, or run pytest -p pytest_mockforge.plugin",
        )
    else:
        yield Fact(name="entry point", state="ok", value=f"mockforge = {own.value}")
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        yield Fact(
            name="autoload",
            state="warning",
            value="PYTEST_DISABLE_PLUGIN_AUTOLOAD is set, so that pytest loads no installed plugin by itself",
            hint="run pytest -p mockforge, or unset the variable",
        )
    others = sorted(f"{found.name} ({_from(found.dist)})" for found in registered.values())
    yield Fact(name="other plugins", state="ok", value=", ".join(others) or "none")
    models = [found for found in entry_points(group="hypothesis") if found.name == "mockforge"]
    if _version("hypothesis") is not None and not models:
        yield Fact(
            name="hypothesis",
            state="warning",
            value="no hypothesis entry point 'mockforge': st.from_type(…) does not know the models",
            hint=f"pip install --force-reinstall {_PACKAGE}",
        )


def _from(distribution: object) -> str:
    name, number = getattr(distribution, "name", None), getattr(distribution, "version", None)
    return f"{name} {number}" if name else "unknown"


def _requirements() -> list[Requirement]:
    try:
        return [parse_requirement(text) for text in requires(_PACKAGE) or ()]
    except PackageNotFoundError:
        return []


def _library(wanted: Requirement) -> Fact:
    found = _version(wanted.name)
    fits = found is not None and within(found, wanted.range)
    return Fact(
        name=wanted.name,
        state="ok" if fits else "problem",
        value=f"{found or 'not installed'}, wanted {wanted.range}",
        hint="" if fits else f"pip install '{wanted.text}'",
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _release(text: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()
