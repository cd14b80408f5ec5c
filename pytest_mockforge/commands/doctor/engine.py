"""Whether the WebAssembly engine does what is relied on, tried on tiny modules; and the folder of compiled modules.

Each fact stands alone: what breaks is named and does not end the diagnosis. The engine is imported inside of functions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pytest_mockforge.commands.doctor.fact import Fact
from pytest_mockforge.errors import EngineError, LimitExceeded, MockforgeError
from pytest_mockforge.report.text import counted, size
from pytest_mockforge.runtimes.wasm.cache import CompileCache

_GUEST = """
(module
  (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "authenticate") (param i32 i32) (result i32 i32) (local.get 0) (local.get 1))
  (func (export "generate_response") (param i32 i32) (result i32 i32) (loop (br 0)) (unreachable))
  (func (export "query_datasource") (param i32 i32) (result i32 i32)
    (if (i32.ne (memory.grow (i32.const 1024)) (i32.const -1)) (then (unreachable)))
    (local.get 0) (local.get 1)))
"""
_COMPONENT = b"\0asm\x0d\0\x01\0"
_HINT = "install a version of wasmtime that is named under versions"


class _Unfit(Exception):
    """The engine did something else than it should; the text says what."""


def engine_facts() -> Iterator[Fact]:
    """The direct path to the engine, and each thing that is relied on."""
    direct = _direct_path()
    yield direct
    if direct.state != "ok":
        return
    with tempfile.TemporaryDirectory(prefix="mockforge-doctor-") as folder:
        guest = Path(folder) / "guest.wat"
        guest.write_text(_GUEST, "utf-8")
        for name, (said, probe) in _PROBES.items():
            yield _tried(name, said, probe, guest)


def cache_facts() -> Iterator[Fact]:
    """Where compiled modules are kept by default, how much is there, and whether it is trusted.

    They are native code that is run without further checks, so a folder that others may write to is not used.
    """
    cache = CompileCache()
    trouble = cache.judge()
    if trouble is not None:
        hint = f"chmod 700 {cache.folder}, or name another folder with --mockforge-cache"
        yield Fact(name="cache", state="warning", value=f"not used: {trouble}", hint=hint)
        return
    if not cache.folder.is_dir():
        yield Fact(name="cache", state="ok", value=f"{cache.folder} (not there yet)")
        return
    sizes = [path.stat().st_size for path in cache.folder.glob("*.cwasm") if path.is_file()]
    told = f"{counted(len(sizes), 'module', 'modules')}, {size(sum(sizes))}"
    yield Fact(name="cache", state="ok", value=f"{cache.folder} ({told}; trusted: yours, and nobody else may write)")


def _direct_path() -> Fact:
    """Prove the direct path to the C API. There is no other: the public one cannot do what calls need."""
    name = "direct path"
    try:
        from pytest_mockforge.runtimes.base import Limits
        from pytest_mockforge.runtimes.wasm import capi
        from pytest_mockforge.runtimes.wasm.engine import metered_engine

        metered_engine(Limits().stack)
    except (ImportError, OSError) as error:
        missing = getattr(error, "name", None) or "wasmtime"
        hint = f"pip install {missing.partition('.')[0]}"
        return Fact(name=name, state="problem", value=f"the engine cannot be loaded: {error}", hint=hint)
    except EngineError as error:
        value = f"{error.message}; no module can be called without it"
        return Fact(name=name, state="problem", value=value, hint=error.hint or _HINT)
    value = f"self-check of wasmtime {capi.VERSION}'s C API holds: an echo came back whole"
    return Fact(name=name, state="ok", value=value)


def _tried(name: str, said: str, probe: Callable[[Path], None], guest: Path) -> Fact:
    try:
        probe(guest)
    except (_Unfit, MockforgeError, ImportError, AttributeError) as error:
        first = str(error).partition("\n")[0]
        return Fact(name=name, state="problem", value=f"{said}: no: {first}", hint=_HINT)
    return Fact(name=name, state="ok", value=said)


def _two_results(guest: Path) -> None:
    from pytest_mockforge.opening import load

    with load(guest, cache="off") as plugin:
        if plugin.call_raw("authenticate", b"{}") != b"{}":
            raise _Unfit("an echo came back changed")
        if not (plugin.last and plugin.last.fuel):
            raise _Unfit("a call used no fuel that could be counted")


def _stopped(guest: Path, code: str, **limits: float) -> None:
    from pytest_mockforge.opening import load

    with load(guest, cache="off", **limits) as plugin:  # type: ignore[arg-type]  # fuel is whole, timeout is not
        try:
            plugin.call_raw("generate_response", b"{}")
        except LimitExceeded as failure:
            if failure.code != code:
                raise _Unfit(f"a loop ended by {failure.code}") from None
            return
        raise _Unfit("a loop without end came to an end")


def _fuel(guest: Path) -> None:
    _stopped(guest, "out-of-fuel", fuel=10_000)


def _time(guest: Path) -> None:
    _stopped(guest, "interrupt", fuel=2**60, timeout=0.05)


def _memory(guest: Path) -> None:
    from pytest_mockforge.opening import load

    with load(guest, cache="off", memory="1MiB") as plugin:
        plugin.call_raw("query_datasource", b"{}")


def _compiled_code(guest: Path) -> None:
    from pytest_mockforge.opening import load

    folder = guest.parent / "cache"
    for _ in range(2):
        with load(guest, cache=folder) as plugin:
            plugin.call_raw("authenticate", b"{}")
    if not list(folder.glob("*.cwasm")):
        raise _Unfit("nothing was kept")


def _proposals(_guest: Path) -> None:
    from pytest_mockforge.runtimes.wasm.features import NEWER_THAN_36, refusal

    reason = refusal(b"\0asm\x01\0\0\0", NEWER_THAN_36)
    if reason is not None:
        raise _Unfit(reason)


def _component(_guest: Path) -> None:
    from pytest_mockforge.runtimes.base import Limits
    from pytest_mockforge.runtimes.component.runtime import compile_component

    compile_component(_COMPONENT, limits=Limits(), cache=None).close()


_PROBES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "two results": ("a call with two results comes back, and its fuel is counted", _two_results),
    "fuel limit": ("a loop ends when its fuel does", _fuel),
    "time limit": ("a loop ends when its time does", _time),
    "memory limit": ("memory grows no further than it may", _memory),
    "compiled code": ("compiled modules can be kept and loaded again", _compiled_code),
    "proposals": ("modules can be judged by the proposals of MockForge's wasmtime 36", _proposals),
    "components": ("components can be opened", _component),
}
