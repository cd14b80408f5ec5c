"""What a component finds in place of a world: wasmtime's WASI preview 2 with nothing behind it, and our clocks.

No folders, no variables, no arguments, no network, nothing to read; output is captured. Clocks are virtual and random
bytes seeded, as for modules: the same for each fresh instance. A sleep lets virtual time pass and returns at once:
wasmtime's own cannot be interrupted, and would outlive every time limit. Knows nothing of operations.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace

import wasmtime
from wasmtime import component as wc

from pytest_mockforge.runtimes.component.inspection import ComponentInfo
from pytest_mockforge.runtimes.wasm.surroundings import STEP, CapturedOutput, SeededRandom, VirtualClock

_PROVIDED = re.compile(
    r"wasi:(io/(error|poll|streams)|clocks/(monotonic-clock|wall-clock)|random/(random|insecure|insecure-seed)"
    r"|cli/(environment|exit|stdin|stdout|stderr|terminal-(input|output|stdin|stdout|stderr))"
    r"|filesystem/(types|preopens)"
    r"|sockets/(network|instance-network|udp|udp-create-socket|tcp|tcp-create-socket|ip-name-lookup))@0\.2\.\d+"
)
_SECOND = 10**9
_MOST_RANDOM = 64 * 1024
#: Gives a pollable of wasmtime's own that is ready at once: from Python none can be made.
_READY = """(component
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $inner (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $inner))))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $m
    (import "clock" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "ready") (result i32) (call $subscribe (i64.const 0))))
  (core instance $i (instantiate $m (with "clock" (instance (export "subscribe" (func $subscribe))))))
  (alias core export $i "ready" (core func $core))
  (func $ready (result (own $pollable)) (canon lift (core func $core)))
  (export "ready" (func $ready)))"""


def missing_imports(info: ComponentInfo) -> tuple[str, ...]:
    """Name the imports that nothing is linked for; types need nothing."""
    return tuple(item.name for item in info.imports if item.kind != "type" and not _PROVIDED.fullmatch(item.name))


def compile_ready(engine: wasmtime.Engine) -> wc.Component:
    """Compile the component that gives ready pollables, once for each engine."""
    return wc.Component(engine, bytes(wasmtime.wat2wasm(_READY)))


class Surroundings:
    """What is behind the imports of one instance, and the linker that leads there."""

    def __init__(self, info: ComponentInfo, engine: wasmtime.Engine, ready: wc.Component | None) -> None:
        self.output = CapturedOutput()
        self.random = SeededRandom()
        self._raised: BaseException | None = None
        self._clock = VirtualClock()
        self._engine = engine
        self._ready = ready
        self._give_ready: wc.Func | None = None
        self.linker = wc.Linker(engine)
        self.linker.add_wasip2()
        self.linker.allow_shadowing = True
        with self.linker.root() as root:
            for item in info.imports:
                functions = self._functions(item.name.partition("@")[0]) if _PROVIDED.fullmatch(item.name) else {}
                if functions:
                    with root.add_instance(item.name) as instance:
                        for name, function in functions.items():
                            instance.add_func(name, self._guarded(function))

    def enter(self, store: wasmtime.Store) -> None:
        """Put the captured output and the ready pollables into a store; has to precede every instantiation.

        A call into WASI from a store without it would end the whole process.
        """
        wasi = wasmtime.WasiConfig()
        wasi.stdout_custom = self._print
        wasi.stderr_custom = self._print
        store.set_wasi(wasi)
        if self._ready is not None:
            stock = wc.Linker(self._engine)
            stock.add_wasip2()
            self._give_ready = stock.instantiate(store, self._ready).get_func(store, "ready")
            stock.close()

    def close(self) -> None:
        """Free the linker."""
        self.linker.close()

    def take_raised(self) -> BaseException | None:
        """Give what was raised in here while the guest ran, such as KeyboardInterrupt, and forget it."""
        raised, self._raised = self._raised, None
        return raised

    def _functions(self, interface: str) -> dict[str, Callable[..., object]]:
        """Give our own functions of an interface, or none where wasmtime's are kept."""
        match interface:
            case "wasi:clocks/monotonic-clock":
                return {
                    "now": lambda _: self._clock.monotonic(),
                    "resolution": lambda _: STEP,
                    "subscribe-duration": self._sleep,
                    "subscribe-instant": self._sleep_until,
                }
            case "wasi:clocks/wall-clock":
                return {"now": lambda _: _datetime(self._clock.wall()), "resolution": lambda _: _datetime(STEP)}
            case "wasi:random/random":
                return {"get-random-bytes": self._random_bytes, "get-random-u64": self._random_number}
            case "wasi:random/insecure":
                return {"get-insecure-random-bytes": self._random_bytes, "get-insecure-random-u64": self._random_number}
            case "wasi:random/insecure-seed":
                return {"insecure-seed": lambda store: (self._random_number(store), self._random_number(store))}
        return {}

    def _guarded(self, function: Callable[..., object]) -> Callable[..., object]:
        """Keep what is no Exception from getting lost in a callback of C, as a Ctrl-C would."""

        def answer(*arguments: object) -> object:
            try:
                return function(*arguments)
            except Exception:
                raise
            except BaseException as error:  # noqa: BLE001 - raised again by whoever called the guest
                self._raised = error
                raise wasmtime.WasmtimeError("interrupted") from None

        return answer

    def _print(self, data: bytes) -> None:
        try:
            self.output.add(data)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever called the guest
            self._raised = error

    def _sleep(self, store: wasmtime.Store, nanoseconds: int) -> object:
        self._clock.sleep(nanoseconds)
        assert self._give_ready is not None
        return self._give_ready(store)

    def _sleep_until(self, store: wasmtime.Store, instant: int) -> object:
        return self._sleep(store, max(0, instant - self._clock.peek(wall=False)))

    def _random_bytes(self, _: object, count: int) -> bytes:
        taken = self.random.take(count) if count <= _MOST_RANDOM else None
        if taken is None:
            raise wasmtime.WasmtimeError(f"asked for {count:,} random bytes, more than {_MOST_RANDOM:,} at once")
        return taken

    def _random_number(self, store: object) -> int:
        return int.from_bytes(self._random_bytes(store, 8), "little")


def _datetime(nanoseconds: int) -> object:
    return SimpleNamespace(seconds=nanoseconds // _SECOND, nanoseconds=nanoseconds % _SECOND)
