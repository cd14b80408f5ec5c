"""Compilers and programs of plugin authors that are at hand. None is needed to test a plugin that is built."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_mockforge.commands.doctor.fact import Fact

_PATIENCE = 15.0
"""Seconds for a program to tell its version."""
_RUST_TARGETS = ("wasm32-unknown-unknown", "wasm32-wasip1")
_TOOLS: dict[str, tuple[tuple[str, ...], str]] = {
    "rustc": (("rustc", "--version"), "plugins in Rust"),
    "tinygo": (("tinygo", "version"), "plugins in TinyGo"),
    "go": (("go", "version"), "plugins in Go"),
    "asc": (("asc", "--version"), "plugins in AssemblyScript"),
    "clang": (("clang", "--version"), "plugins in C"),
    "zig": (("zig", "version"), "plugins in C or Zig"),
    "node": (("node", "--version"), "plugins that are services on Node.js"),
}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def tool_facts() -> Iterator[Fact]:
    """Each compiler with its version, and what it is for; then a browser."""
    for name, (command, use) in _TOOLS.items():
        path = shutil.which(name)
        if path is None:
            yield Fact(name=name, state="absent", value=f"not found; for {use}")
            continue
        yield Fact(name=name, state="ok", value=f"{_said(command)}, {path}")
        if name == "rustc":
            yield from _rust_targets()
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        yield Fact(name="chromium", state="absent", value="not found; HTML reports open in any browser")
    else:
        yield Fact(name="chromium", state="ok", value=f"{_said((browser, '--version'))}, {browser}")


def _rust_targets() -> Iterator[Fact]:
    for target in _RUST_TARGETS:
        folder = _said(("rustc", "--print", "target-libdir", "--target", target))
        there = Path(folder).is_dir() if folder.startswith("/") else False
        yield Fact(
            name=target,
            state="ok" if there else "absent",
            value="its standard library is installed" if there else "no standard library for this target",
            hint="" if there else f"rustup target add {target}",
        )


def _said(command: Sequence[str]) -> str:
    """Give the first line that a program prints; what went wrong where it prints none."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PATIENCE:g} s"
    except OSError as error:
        return f"cannot be run: {error.strerror or error}"
    lines = [line.strip() for line in (done.stdout or done.stderr).splitlines() if line.strip()]
    return lines[0] if lines else f"said nothing (exit status {done.returncode})"
