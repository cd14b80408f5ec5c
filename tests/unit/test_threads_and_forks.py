"""One plugin in many threads, which take turns; and in a process that was forked off, which is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import wasmtime

from pytest_mockforge import Plugin, load
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.component.runtime import ComponentRuntime, compile_component
from tests.conftest import ROOT
from tests.servers import answering, reply, serving

ASK = Operation.AUTHENTICATE
# All requests lie at one address, so that a call which began before another ended would find that one's request there.
WAIT = """(local.set $left (i32.const 20000))
    (loop (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))"""
ECHO = f"""(module
  (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "query_datasource") (param i32 i32) (result i32 i32) (loop (br 0)) (unreachable))
  (func (export "authenticate") (param i32 i32) (result i32 i32) (local $left i32)
    {WAIT}
    (local.get 0) (local.get 1)))"""
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def asked(call: object) -> list[bytes]:
    """Let eight threads make calls, each with requests of its own; give the requests that got another's reply."""
    assert callable(call)

    def ask(number: int) -> list[bytes]:
        payloads = [b"%d/%d" % (number, turn) for turn in range(40)]
        return [payload for payload in payloads if call(payload) != payload]

    with ThreadPoolExecutor(8) as threads:
        return [payload for wrong in threads.map(ask, range(8)) for payload in wrong]


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "echo.wat"
    path.write_text(ECHO)
    return path


@pytest.mark.parametrize("policy", ["item", "call", "kept"])
def test_threads_take_turns_with_a_module(module: Path, policy: str) -> None:
    with load(module, cache="off") as plugin:
        views: dict[str, Plugin] = {"item": plugin, "call": plugin.fresh(), "kept": plugin.reused()}
        assert asked(lambda payload: views[policy].call_raw(ASK, payload)) == []


def test_a_thread_may_renew_what_others_call(module: Path) -> None:
    with load(module, cache="off") as plugin:

        def call(payload: bytes) -> bytes:
            plugin.renew()
            return plugin.call_raw(ASK, payload)

        assert asked(call) == []


def test_two_instances_of_a_module_are_called_at_once(module: Path) -> None:
    with load(module, cache="off", timeout=1.0, fuel=2**60) as plugin, ThreadPoolExecutor(4) as threads:
        views = [plugin.reused() for _ in range(4)]
        started = time.monotonic()
        ended = list(threads.map(lambda view: view.invoke(Operation.QUERY_DATASOURCE, b"{}").failure, views))
        assert [getattr(failure, "code", None) for failure in ended] == ["interrupt"] * 4
        assert time.monotonic() - started < 4 * 1.0


def test_threads_take_turns_with_a_component() -> None:
    head = "(param i32 i32) (result i32)\n      (i32.store (i32.const 16)"
    text = (ROOT / "fixtures" / "component" / "echo.wat").read_text()
    assert head in text
    slow = text.replace(head, head.replace("\n", f"(local $left i32)\n{WAIT}\n"))
    compiled = compile_component(bytes(wasmtime.wat2wasm(slow)), limits=Limits())
    runtime = ComponentRuntime(compiled, limits=Limits())
    try:
        assert asked(lambda payload: runtime.invoke(ASK, payload).reply) == []
    finally:
        runtime.close()
        compiled.close()


def forked(script: str, *arguments: str) -> str:
    """Run a script that forks; `child(function)` calls it in a process that was forked off, and waits for that."""
    before = """
import os, sys, time
from pathlib import Path
from pytest_mockforge import load
from pytest_mockforge.errors import LimitExceeded, SetupError
def child(function):
    sys.stdout.flush()
    number = os.fork()
    if number == 0:
        function()
        # An end with all that is done at exit.
        sys.exit()
    ended = time.monotonic() + 60
    while os.waitpid(number, os.WNOHANG) == (0, 0):
        if time.monotonic() > ended:
            os.kill(number, 9)
            print("the child hung")
        time.sleep(0.01)
def refused(call):
    try:
        call()
    except SetupError as error:
        print(error)
def main():
"""
    # The warning of newer Pythons, that a process with threads was forked, is what this is about.
    body = "".join(f"    {line}\n" for line in script.strip().splitlines())
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", f"{before}{body}main()\n", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    return ended.stdout


REFUSED = (
    "the plugin was opened by the process that this one was forked off\n"
    "  hint: open it with pytest_mockforge.load in the process that calls it, or start that one by 'spawn'\n"
)


@needs_fork
@pytest.mark.parametrize("view", ["plugin", "plugin.fresh()", "plugin.reused()"])
def test_a_module_is_refused_in_a_process_that_was_forked_off_and_goes_on_where_it_was(module: Path, view: str) -> None:
    script = f"""
plugin = load(sys.argv[1], cache="off")
view = {view}
print(view.call_raw("authenticate", b"before"))
def work():
    refused(lambda: view.call_raw("authenticate", b"within"))
    refused(lambda: plugin.reused().call_raw("authenticate", b"within"))
    view.renew()
    plugin.close()
child(work)
print(view.call_raw("authenticate", b"after"))
plugin.close()
"""
    assert forked(script, str(module)) == f"b'before'\n{REFUSED}{REFUSED}b'after'\n"


@needs_fork
def test_a_call_that_is_under_way_does_not_lock_a_process_that_is_forked_off(module: Path) -> None:
    script = """
import threading
plugin = load(sys.argv[1], cache="off", timeout=1, fuel=2**60)
plugin.call_raw("authenticate", b"")
from pytest_mockforge.contract.operations import Operation
thread = threading.Thread(target=lambda: plugin.invoke(Operation.QUERY_DATASOURCE, b"{}"))
thread.start()
time.sleep(0.2)
def work():
    refused(lambda: plugin.call_raw("authenticate", b"within"))
    plugin.close()
child(work)
thread.join()
print(plugin.call_raw("authenticate", b"after"))
plugin.close()
"""
    assert forked(script, str(module)) == f"{REFUSED}b'after'\n"


@needs_fork
def test_a_process_that_was_forked_off_may_open_a_plugin_of_its_own_and_has_all_limits(module: Path) -> None:
    script = """
plugin = load(sys.argv[1], cache="off")
plugin.call_raw("authenticate", b"")
def work():
    with load(sys.argv[1], cache="off", timeout=0.2, fuel=2**60) as own:
        print(own.call_raw("authenticate", b"own"))
        try:
            own.call_raw("query_datasource", b"{}")
        except LimitExceeded as error:
            print(error.code)
child(work)
plugin.close()
"""
    assert forked(script, str(module)) == "b'own'\ninterrupt\n"


@needs_fork
def test_a_component_is_refused_in_a_process_that_was_forked_off() -> None:
    script = """
plugin = load(sys.argv[1], cache="off")
print(plugin.call_raw("authenticate", b"before"))
def work():
    refused(lambda: plugin.call_raw("authenticate", b"within"))
    plugin.close()
    with load(sys.argv[1], cache="off") as own:
        print(own.call_raw("authenticate", b"own"))
child(work)
print(plugin.call_raw("authenticate", b"after"))
plugin.close()
"""
    path = ROOT / "fixtures" / "component" / "echo.wat"
    assert forked(script, str(path)) == f"b'before'\n{REFUSED}b'own'\nb'after'\n"


@needs_fork
def test_a_service_behind_http_is_refused_in_a_process_that_was_forked_off() -> None:
    script = """
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.remote.http import HttpRuntime
runtime = HttpRuntime(sys.argv[1], limits=Limits())
print(runtime.invoke(Operation.AUTHENTICATE, b"{}").reply)
def work():
    refused(lambda: runtime.invoke(Operation.AUTHENTICATE, b"{}"))
    refused(runtime.health)
    runtime.close()
child(work)
again = runtime.invoke(Operation.AUTHENTICATE, b"{}")
print(again.reply, again.fresh)
runtime.close()
"""
    with serving(answering(reply(b"[]"))) as server:
        assert forked(script, server.url) == f"b'[]'\n{REFUSED}{REFUSED}b'[]' False\n"


@needs_fork
def test_a_service_behind_grpc_is_refused_in_a_process_that_was_forked_off() -> None:
    pytest.importorskip("grpc")
    script = """
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.remote.grpc import GrpcRuntime
runtime = GrpcRuntime("grpc://127.0.0.1:1", limits=Limits(timeout=0.5))
def work():
    refused(runtime.health)
    runtime.close()
child(work)
print(runtime.health())
runtime.close()
"""
    assert forked(script) == f"{REFUSED}False\n"


@needs_fork
def test_an_app_is_refused_in_a_process_that_was_forked_off(tmp_path: Path) -> None:
    (tmp_path / "forked_app.py").write_text(
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'http':\n"
        "        await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "        await send({'type': 'http.response.body', 'body': b'{}'})\n"
    )
    script = """
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.remote.asgi import AsgiRuntime
runtime = AsgiRuntime("forked_app:app", limits=Limits(), search=[Path(sys.argv[1])])
def work():
    refused(lambda: runtime.invoke(Operation.AUTHENTICATE, b"{}"))
    runtime.close()
child(work)
print(runtime.invoke(Operation.AUTHENTICATE, b"{}").reply)
runtime.close()
"""
    assert forked(script, str(tmp_path)) == f"{REFUSED}b'{{}}'\n"
