"""Wrap operations of a .wasm so that MockForge can call them.

MockForge calls operations of type (i32, i32) -> (i32, i32) and reports any other as not found. Compilers that cannot
return two results give one of two other forms, which this command wraps:

  (i32, i32) -> (i64)      pointer and length packed in one number, as authors of AssemblyScript and TinyGo write it
  (i32, i32, i32) -> ()    results written through a hidden pointer, as Rust and C compile a returned pair

Everything else stays as it is, the original functions under other names. What needs nothing is written unchanged.

exit status: 0 done, or nothing to do; 1 the module is refused; 2 wrong usage, or a file that cannot be read or written
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from pytest_mockforge.commands import DONE, REFUSED, USAGE
from pytest_mockforge.errors import AdaptError, LoadFailure
from pytest_mockforge.report.text import harmless
from pytest_mockforge.runtimes.wasm.adapt import LARGEST_MODULE, Adapted, Packing, Wrapped, adapt

_PACKINGS: dict[str, Packing] = {"ptr-high": "pointer-high", "len-high": "length-high"}


def configure(parser: ArgumentParser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("source", metavar="IN", type=Path, help="the module as the compiler wrote it")
    parser.add_argument("target", metavar="OUT", type=Path, help="where to write the module that MockForge can call")
    parser.add_argument(
        "--packing",
        choices=_PACKINGS,
        default="ptr-high",
        help="what the upper half of a packed i64 holds: the pointer (default) or the length",
    )
    parser.add_argument("--force", action="store_true", help="let OUT be the same file as IN, and replace it")


def run(arguments: Namespace) -> int:
    """Adapt one file and say what was done."""
    source, target = Path(arguments.source), Path(arguments.target)
    try:
        same = target.exists() and target.samefile(source)
        if same and not arguments.force:
            return _fail(USAGE, f"{target} is the module itself", "name another file, or replace it with --force")
        if target.exists() and not target.is_file():
            return _fail(USAGE, f"{target} is there already and is no file", "name a file to write")
        data = _read(source)
        adapted = adapt(data, packing=_PACKINGS[arguments.packing])
        if adapted.data != data or not same:
            _write(target, adapted.data)
    except (AdaptError, LoadFailure) as error:
        return _fail(REFUSED, f"{source}: {error}")
    except OSError as error:
        return _fail(USAGE, f"{error.filename or source}: {error.strerror or error}")
    _say(*_told(adapted, source, target))
    return DONE


def _told(adapted: Adapted, source: Path, target: Path) -> list[str]:
    if not adapted.wrapped:
        return [f"{source}: nothing to do, no operation needs a wrapper"]
    lines = [_wrapper(wrapped) for wrapped in adapted.wrapped]
    lines += [harmless(f"dropped {text}") for text in adapted.dropped]
    return [*lines, f"wrote {target}, {len(adapted.data):,} bytes"]


def _wrapper(wrapped: Wrapped) -> str:
    place = {
        None: "",
        "shadow-stack": ", its results now on the shadow stack",
        "allocator": ", its results now in memory of the module's allocator",
    }[wrapped.scratch]
    return f"{wrapped.export}: was {wrapped.was}{place}; the original is exported as {wrapped.original}"


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        state = os.fstat(file.fileno())
        if stat.S_ISREG(state.st_mode) and state.st_size > LARGEST_MODULE:
            raise AdaptError(
                "the file is too large to be adapted",
                expected=f"at most {LARGEST_MODULE:,} bytes",
                got=f"{state.st_size:,}",
                hint="MockForge's own loader stops at 10 MiB",
            )
        return file.read(LARGEST_MODULE + 1)


def _write(path: Path, data: bytes) -> None:
    """Put a whole file in the place of `path`, or nothing: whoever reads it meanwhile finds the old or the new one."""
    final = Path(os.path.realpath(path))
    mode = stat.S_IMODE(final.stat().st_mode) if final.exists() else 0o666 & ~_umask()
    try:
        handle, name = tempfile.mkstemp(prefix=f".{final.name}.", dir=final.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, mode)
        os.replace(name, final)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _fail(status: int, message: str, hint: str | None = None) -> int:
    lines = [f"error: {message}", *([f"  hint: {hint}"] if hint else [])]
    sys.stderr.write("\n".join(lines) + "\n")
    return status


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
