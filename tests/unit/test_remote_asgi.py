"""ASGI apps in this process: what they hear, what we make of what they send, and what they do to a call."""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent, indent
from time import perf_counter

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import LoadFailure, RemoteFailure, SetupError
from pytest_mockforge.runtimes.base import Exchange, Limits
from pytest_mockforge.runtimes.remote.answer import RemoteAuth
from pytest_mockforge.runtimes.remote.asgi import AsgiRuntime
from pytest_mockforge.runtimes.remote.asgi_app import AsgiApp

LIMITS = Limits(timeout=5.0, reply=64 * 1024)
SHORT = Limits(timeout=0.2, reply=64 * 1024)
ASK = Operation.AUTHENTICATE
_numbers = itertools.count()

Write = Callable[[str], str]
Open = Callable[..., AsgiRuntime]

HEAD = """
import asyncio, gzip, json, sys, time

async def start(send, status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": headers})

async def body(send, data=b"{}", more=False):
    await send({"type": "http.response.body", "body": data, "more_body": more})

async def answer(send, data=b"{}", status=200, headers=()):
    await start(send, status, headers)
    await body(send, data)
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module into the working directory; gives its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    written: list[str] = []

    def write(text: str) -> str:
        name = f"asgi_module_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(HEAD + dedent(text))
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


@pytest.fixture
def run(write: Write) -> Iterator[Open]:
    """Open a runtime on an app with this body: `async def app(scope, receive, send)` without a lifespan."""
    runtimes: list[AsgiRuntime] = []

    def run(text: str, limits: Limits = LIMITS, auth: RemoteAuth | None = None) -> AsgiRuntime:
        steps = indent(dedent(text), "    ")
        name = write(f"async def app(scope, receive, send):\n    assert scope['type'] == 'http'\n{steps}\n")
        runtimes.append(AsgiRuntime(f"{name}:app", limits=limits, auth=auth))
        return runtimes[-1]

    yield run
    for runtime in runtimes:
        runtime.close()


def failure_of(exchange: Exchange) -> RemoteFailure:
    assert isinstance(exchange.failure, RemoteFailure)
    assert exchange.reply is None
    return exchange.failure


def test_an_app_hears_what_a_server_would_tell_it(run: Open) -> None:
    runtime = run(
        """
        request = await receive()
        heard = {key: scope[key] for key in ("method", "path", "query_string", "http_version", "scheme", "headers")}
        await answer(send, repr((heard, request)).encode())
        """,
        auth=RemoteAuth(kind="bearer", value="t"),
    )
    reply = runtime.invoke(Operation.TEMPLATE_FUNCTION, b'{"a":1}').reply
    heard, request = eval(reply or b"")
    assert request == {"type": "http.request", "body": b'{"a":1}', "more_body": False}
    assert heard == {
        "method": "POST",
        "path": "/plugin/template/execute",
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "http",
        "headers": [
            (b"host", b"localhost"),
            (b"accept", b"*/*"),
            (b"content-type", b"application/json"),
            (b"authorization", b"Bearer t"),
            (b"content-length", b"7"),
        ],
    }


def test_the_answer_is_given_with_its_headers(run: Open) -> None:
    runtime = run("""await answer(send, b'"x"', headers=[(b"Content-Type", b"text/x"), (b"x-a", b"1")])""")
    first, second = runtime.invoke(ASK, b"{}"), runtime.invoke(ASK, b"{}")
    assert first.reply == b'"x"'
    assert first.wire is not None
    assert (first.wire.status, first.wire.content_type) == (200, "text/x")
    assert first.wire.headers == (("content-type", "text/x"), ("x-a", "1"))
    assert (first.fresh, second.fresh) == (True, False)


def test_health_and_metrics_are_those_of_a_service(run: Open) -> None:
    runtime = run("await answer(send, status=200 if (scope['method'], scope['path']) == ('GET', '/health') else 500)")
    assert runtime.health()
    metrics = runtime.metrics()
    assert (metrics["endpoint"], metrics["protocol"]) == (runtime.endpoint, "Http")
    assert runtime.endpoint.startswith("asgi:asgi_module_")


def test_an_exception_is_a_500_with_its_traceback(run: Open, tmp_path: Path) -> None:
    exchange = run("raise ValueError('no such thing')").invoke(ASK, b"{}")
    failure = failure_of(exchange)
    assert (failure.kind, failure.status, failure.body) == ("status", 500, b"Internal Server Error")
    assert "'ValueError: no such thing', raised at " in str(failure.got).splitlines()[0]
    assert str(tmp_path) in str(failure.got)
    assert exchange.printed.startswith("Traceback (most recent call last):\n")
    assert exchange.printed.endswith("ValueError: no such thing\n")
    assert "pytest_mockforge" not in exchange.printed


def test_an_exception_after_a_500_is_kept_too(run: Open) -> None:
    runtime = run("await answer(send, b'oops', status=500); raise ValueError('why')")
    exchange = runtime.invoke(Operation.TEMPLATE_FUNCTION, b"{}")
    assert isinstance(exchange.failure, RemoteFailure)
    assert exchange.failure.body == b"oops"
    assert "ValueError: why" in exchange.printed


def test_an_app_that_exits_ends_neither_the_test_nor_the_app(run: Open) -> None:
    runtime = run("if scope['method'] == 'POST': sys.exit(3)\nawait answer(send)")
    assert "SystemExit: 3" in str(failure_of(runtime.invoke(ASK, b"{}")))
    assert runtime.health()


def test_an_app_that_returns_without_an_answer_is_a_500(run: Open) -> None:
    failure = failure_of(run("return").invoke(ASK, b"{}"))
    assert failure.status == 500
    assert "the app returned without an answer" in str(failure.got)


@pytest.mark.parametrize(
    ("steps", "kind", "cause"),
    [
        ("await start(send); await body(send, b'ab', True)", "closed", "ended in the middle of the body"),
        ("await start(send); raise KeyError('x')", "closed", "ended in the middle of the body"),
        ("await answer(send, b'ab', headers=[(b'content-length', b'5')])", "closed", "is not the length of the body"),
        ("await answer(send, bytes(100_000))", "oversize", "larger than 65,536 bytes"),
        ("await answer(send, headers=[(b'content-length', b'99999')])", "oversize", "larger than 65,536 bytes"),
        (
            "await answer(send, gzip.compress(bytes(100_000)), headers=[(b'content-encoding', b'gzip')])",
            "oversize",
            "larger than 65,536 bytes",
        ),
        (
            "await answer(send, b'plain', headers=[(b'content-encoding', b'gzip')])",
            "protocol",
            "cannot be decompressed",
        ),
        ("await answer(send, status=307, headers=[(b'location', b'/x')])", "redirect", "more than 10 times"),
        ("await answer(send, status=307, headers=[(b'location', b'http://h.example/')])", "redirect", "to h.example"),
        (
            "await answer(send, status=307, headers=[(b'location', b'http://127.0.0.1:9/')])",
            "redirect",
            "out of the app",
        ),
    ],
)
def test_a_bad_answer_fails_as_it_would_over_http(run: Open, steps: str, kind: str, cause: str) -> None:
    failure = failure_of(run(steps).invoke(ASK, b"{}"))
    assert (failure.kind, failure.message.partition(" ")[0]) == (kind, "authenticate")
    assert cause in failure.message


def test_an_app_that_streams_without_an_end_is_stopped_at_the_cap(run: Open) -> None:
    steps = "await start(send)\nwhile True:\n    await body(send, bytes(1000), True)\n    await asyncio.sleep(0)"
    assert failure_of(run(steps).invoke(ASK, b"{}")).kind == "oversize"


@pytest.mark.parametrize(
    ("steps", "got"),
    [
        ("await asyncio.sleep(60)", "no part of an answer"),
        ("await start(send); await body(send, b'abc', True); await asyncio.sleep(60)", "3 bytes of its body"),
        ("await receive(); await receive()", "no part of an answer"),
    ],
)
def test_an_app_that_takes_too_long_is_left_on_time(run: Open, steps: str, got: str) -> None:
    started = perf_counter()
    failure = failure_of(run(steps, SHORT).invoke(ASK, b"{}"))
    assert perf_counter() - started < 20
    assert failure.kind == "timeout"
    assert got in str(failure.got)


def test_what_is_left_is_cancelled(run: Open) -> None:
    runtime = run(
        """
        ended = globals().setdefault("ended", [])
        if scope["method"] == "POST":
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("cancelled")
        await answer(send, repr(ended).encode())
        """,
        SHORT,
    )
    runtime.invoke(ASK, b"{}")
    assert runtime.send("GET", "/").body == b"['cancelled']"


def test_an_app_that_will_not_be_cancelled_is_left_on_time(run: Open) -> None:
    runtime = run(
        "for _ in range(3):\n    try: await asyncio.sleep(0.2)\n    except asyncio.CancelledError: pass", SHORT
    )
    assert failure_of(runtime.invoke(ASK, b"{}")).kind == "timeout"


def test_an_app_that_blocks_its_loop_is_left_on_time_and_the_line_is_named(run: Open) -> None:
    started = perf_counter()
    failure = failure_of(run("time.sleep(2)", SHORT).invoke(ASK, b"{}"))
    assert perf_counter() - started < 1.9
    assert failure.kind == "timeout"
    assert "the app blocks its event loop at " in str(failure.hint)
    assert " in app: await there" in str(failure.hint)


def test_a_compressed_answer_is_undone_and_noted(run: Open) -> None:
    steps = "await answer(send, gzip.compress(b'[1]'), headers=[(b'content-encoding', b'gzip')])"
    exchange = run(steps).invoke(ASK, b"{}")
    assert (exchange.reply, [note.detail for note in exchange.border]) == (b"[1]", ["compressed-reply"])


def test_a_redirect_inside_of_the_app_is_followed(run: Open) -> None:
    exchange = run(
        """
        if scope["path"] == "/x y":
            await answer(send, scope["query_string"])
        await answer(send, status=307, headers=[(b"location", b"http://localhost/x%20y?q=1")])
        """
    ).invoke(ASK, b"{}")
    assert exchange.reply == b"q=1"


def test_ten_threads_are_served_at_once(run: Open) -> None:
    runtime = run(
        """
        request = await receive()
        waiting = globals().setdefault("waiting", [])
        waiting.append(1)
        while len(waiting) < 10:
            await asyncio.sleep(0.005)
        await answer(send, request["body"])
        """
    )
    bodies = [str(number).encode() for number in range(10)]
    with ThreadPoolExecutor(10) as threads:
        assert list(threads.map(lambda body: runtime.invoke(ASK, body).reply, bodies)) == bodies


def test_it_can_be_called_inside_of_a_running_event_loop(run: Open) -> None:
    async def test() -> bytes | None:
        return run("await asyncio.sleep(0.01); await answer(send)").invoke(ASK, b"{}").reply

    assert asyncio.run(test()) == b"{}"


def test_what_an_app_does_after_its_answer_goes_on(run: Open) -> None:
    runtime = run(
        """
        done = globals().setdefault("done", [])
        await answer(send, b"1" if done else b"0")
        await asyncio.sleep(0.02)
        done.append(1)
        """
    )
    assert runtime.invoke(ASK, b"{}").reply == b"0"
    threading.Event().wait(0.1)
    assert runtime.invoke(ASK, b"{}").reply == b"1"


def test_send_gives_any_answer_and_abort_a_disconnect(run: Open) -> None:
    runtime = run(
        """
        heard = globals().setdefault("heard", [])
        if scope["method"] == "GET":
            await answer(send, repr(heard).encode(), status=418)
            return
        heard += [await receive(), await receive()]
        """
    )
    runtime.abort("/plugin/authenticate", b"012345")
    sent = runtime.send("GET", "/")
    heard = eval(sent.body)
    assert sent.status == 418
    assert heard == [{"type": "http.request", "body": b"012", "more_body": True}, {"type": "http.disconnect"}]


def test_a_head_request_has_no_body(run: Open) -> None:
    answer = run("await answer(send, b'abc', headers=[(b'content-length', b'3')])").send("HEAD", "/")
    assert (answer.status, answer.body) == (200, b"")


LIFESPAN = """
said = []
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            said.append(message["type"])
            scope["state"]["ready"] = b"yes"
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await answer(send, scope["state"]["ready"])
"""


def test_a_lifespan_is_run_around_all_calls(write: Write) -> None:
    name = write(LIFESPAN)
    with AsgiApp(f"{name}:app") as app:
        runtimes = [AsgiRuntime(app, limits=LIMITS), AsgiRuntime(app, limits=SHORT, policy="call")]
        assert [runtime.invoke(ASK, b"{}").reply for runtime in runtimes] == [b"yes", b"yes"]
        for runtime in runtimes:
            runtime.close()
        assert sys.modules[name].said == ["lifespan.startup"]
    assert sys.modules[name].said == ["lifespan.startup", "lifespan.shutdown"]


def test_a_closed_runtime_starts_its_own_app_again_but_not_after_a_close_for_good(write: Write) -> None:
    name = write(LIFESPAN)
    runtime = AsgiRuntime(f"{name}:app", limits=LIMITS)
    runtime.close()
    assert runtime.invoke(ASK, b"{}").fresh
    runtime.close(for_good=True)
    runtime.close()
    with pytest.raises(SetupError, match="the plugin is closed"):
        runtime.invoke(ASK, b"{}")
    assert len(sys.modules[name].said) == 4


def test_no_thread_is_left_behind(write: Write) -> None:
    before = threading.active_count()
    runtime = AsgiRuntime(f"{write(LIFESPAN)}:app", limits=LIMITS)
    assert threading.active_count() == before + 1
    runtime.close()
    assert threading.active_count() == before


def test_an_app_may_run_a_loop_of_its_own_while_it_is_imported(write: Write) -> None:
    name = write("async def nothing(): pass\nasyncio.run(nothing())" + LIFESPAN)

    async def test() -> bytes | None:
        with AsgiApp(f"{name}:app") as app:
            return AsgiRuntime(app, limits=LIMITS).invoke(ASK, b"{}").reply

    assert asyncio.run(test()) == b"yes"


@pytest.mark.parametrize("target", ["app", "create_app()", "inside.app", "App", "make()"])
def test_an_app_is_found_under_every_name_that_a_server_takes(write: Write, target: str) -> None:
    name = write(
        """
        async def app(scope, receive, send):
            await answer(send)
        def create_app(name="x"):
            return app
        class inside:
            app = staticmethod(app)
        class App:
            def __init__(self, scope, receive, send):
                self.send = send
            def __await__(self):
                return answer(self.send).__await__()
        class make:
            async def __call__(self, scope, receive, send):
                await answer(send)
        """
    )
    with AsgiApp(f"{name}:{target}") as app:
        assert AsgiRuntime(app, limits=LIMITS).invoke(ASK, b"{}").reply == b"{}"


def test_an_app_is_imported_from_the_folders_that_are_named(write: Write, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    name = write(LIFESPAN)
    (tmp_path / f"{name}.py").rename(tmp_path / "src" / f"{name}.py")
    with AsgiApp(f"{name}:app", search=[tmp_path / "src"]) as app:
        assert AsgiRuntime(app, limits=LIMITS).invoke(ASK, b"{}").reply == b"yes"


def start_failure(target: str, start_timeout: float = 5.0) -> LoadFailure:
    before = threading.active_count()
    with pytest.raises(LoadFailure) as caught:
        AsgiApp(target, start_timeout=start_timeout)
    assert caught.value.step == "start"
    assert caught.value.message.startswith(f"asgi:{target} did not start: ")
    assert threading.active_count() == before
    return caught.value


@pytest.mark.parametrize("target", ["module", "module:", ":app", "a b:app", "module:app(1)", "path/app.py:app"])
def test_a_target_that_names_no_app_is_refused(target: str) -> None:
    assert "expected: 'package.module:app'" in str(start_failure(target))


def test_a_module_that_is_not_there_is_named(write: Write, tmp_path: Path) -> None:
    write("")
    failure = start_failure("nowhere_at_all.web:app")
    assert "there is no module 'nowhere_at_all'" in failure.message
    assert repr(str(tmp_path)) in str(failure.expected)


def test_a_module_that_an_app_misses_is_not_taken_for_the_app(write: Write) -> None:
    failure = start_failure(f"{write('import nowhere_at_all')}:app")
    assert "failed" in failure.message
    assert "No module named 'nowhere_at_all'" in str(failure.got)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("def go():\n    raise RuntimeError('no key')\njson.loads('{}')\ngo()", "'RuntimeError: no key', raised at"),
        ("json.loads('{')", "JSONDecodeError"),
        ("sys.exit(2)", "SystemExit: 2"),
        ("def (", "SyntaxError"),
    ],
)
def test_an_import_that_fails_is_told_with_the_users_own_line(write: Write, text: str, got: str) -> None:
    name = write(text)
    failure = start_failure(f"{name}:app")
    assert f"importing '{name}' failed" in failure.message
    assert got in str(failure.got)
    assert f"{name}.py:" in str(failure.got)


@pytest.mark.parametrize(
    ("target", "cause", "hint"),
    [
        ("ap", "there is no 'ap' in ", "did you mean 'app'?"),
        ("number", "what it names is no app", None),
        ("json", "what it names is no app", None),
        ("create", "what it names is a factory", ":create() to have it called"),
        ("wsgi", "looks like a WSGI app", "WsgiToAsgi"),
        ("old", "looks like an ASGI 2 app", "guarantee_single_callable"),
        ("number()", "the factory cannot be called", "leave out the ()"),
        ("broken()", "its factory failed", None),
        ("create()", "what it names is no app", None),
    ],
)
def test_what_is_no_app_is_told_what_it_is(write: Write, target: str, cause: str, hint: str | None) -> None:
    name = write(
        """
        number = 5
        def create(): return 5
        def broken(): raise OSError("disk")
        def wsgi(environ, start_response): return []
        def old(scope): return None
        async def app(scope, receive, send): pass
        """
    )
    failure = start_failure(f"{name}:{target}")
    assert cause in failure.message
    assert hint is None or hint in str(failure.hint)


def test_a_lifespan_that_fails_is_told_in_the_apps_words(write: Write) -> None:
    name = write(
        """
        import traceback
        async def app(scope, receive, send):
            try:
                raise RuntimeError("no database")
            except RuntimeError:
                await send({"type": "lifespan.startup.failed", "message": traceback.format_exc()})
                raise
        """
    )
    failure = start_failure(f"{name}:app")
    assert "its lifespan's start failed" in failure.message
    assert "'RuntimeError: no database', raised at " in str(failure.got)
    assert f"{name}.py:" in str(failure.got)


def test_a_lifespan_that_hangs_ends_on_time(write: Write) -> None:
    name = write("async def app(scope, receive, send): await asyncio.sleep(60)")
    failure = start_failure(f"{name}:app", 0.2)
    assert "it is not ready after 0.2 s" in failure.message
    assert failure.got == "a lifespan start that waits"


def test_an_import_that_hangs_ends_on_time_and_the_line_is_named(write: Write) -> None:
    name = write("time.sleep(0.5)")
    with pytest.raises(LoadFailure, match=r"it is not ready after 0\.1 s") as caught:
        AsgiApp(f"{name}:app", start_timeout=0.1)
    assert f"{name}.py:" in str(caught.value.got)
    threading.Event().wait(0.6)  # the import cannot be ended: it ends by itself


def test_a_shutdown_that_hangs_is_left(write: Write) -> None:
    name = write(
        """
        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await asyncio.sleep(60)
        """
    )
    before = threading.active_count()
    AsgiApp(f"{name}:app", stop_timeout=0.1).close()
    assert threading.active_count() == before
