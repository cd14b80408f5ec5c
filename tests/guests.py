"""Small guests written for one test: what they import, and what `authenticate` does; the reply is a piece of memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pytest_mockforge import Plugin, load

REPLY = 1024
"""Where the reply lies; the request lies at 40,000."""
WASI = "wasi_snapshot_preview1"
_LETTERS = {"i": "i32", "I": "i64", "d": "f64"}


def imported(name: str, params: str, *, module: str = WASI, results: str = "i") -> str:
    """Import a function as `$name`; `i` is an i32, `I` an i64, `d` an f64."""
    signature = " ".join(
        f"({word} {' '.join(_LETTERS[letter] for letter in letters)})"
        for word, letters in (("param", params), ("result", results))
        if letters
    )
    return f'(import "{module}" "{name}" (func ${name} {signature}))'


def call(name: str, params: str, arguments: Sequence[int]) -> str:
    """Call it with constants."""
    constants = (f"({_LETTERS[letter]}.const {value})" for letter, value in zip(params, arguments, strict=True))
    return f"(call ${name} {' '.join(constants)})"


def text_of(imports: str, body: str, *, data: str = "", extra: str = "", reply: int = 4, pages: int = 1) -> str:
    return f"""(module {imports}
        (memory (export "memory") {pages})
        {data}
        (func (export "alloc") (param i32) (result i32) (i32.const 40000))
        {extra}
        (func (export "authenticate") (param i32 i32) (result i32 i32)
          {body}
          (i32.const {REPLY}) (i32.const {reply})))"""


@contextmanager
def guest(
    folder: Path,
    imports: str,
    body: str,
    *,
    data: str = "",
    extra: str = "",
    reply: int = 4,
    pages: int = 1,
    fuel: int | None = None,
    timeout: float | None = None,
    host: str = "adapter",
) -> Iterator[Plugin]:
    """Open a plugin with one operation, whose reply are so many bytes at `REPLY`."""
    path = folder / "guest.wat"
    path.write_text(text_of(imports, body, data=data, extra=extra, reply=reply, pages=pages), "utf-8")
    with load(path, cache="off", fuel=fuel, timeout=timeout, host=host) as plugin:
        yield plugin


def errno(plugin: Plugin) -> int:
    """Call it once and read an error number from the start of its reply."""
    return int.from_bytes(plugin.call_raw("authenticate", b"{}")[:4], "little")
