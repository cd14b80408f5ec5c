"""Each planted bug of `fixtures/buggy` is there, alone, and out of sight of samples and realistic requests.

Knows nothing of fuzzing: the request that shows a bug is written out here. Whether it is found is tested elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_mockforge import Plugin, RequestBuilder, load
from pytest_mockforge.checks.registry import find
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import ContractFailure, GuestTrap, LimitExceeded
from pytest_mockforge.observation import Observation
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from tests.buggy import BUGGY, ROOT, Bug, bugs

pytestmark = pytest.mark.slow

CONTRACT = ("MF201", "MF202", "MF203", "MF204", "MF205", "MF206", "MF207", "MF208")
ALL_BUGS = [pytest.param(bug, id=bug.name) for bug in bugs()]
build = RequestBuilder()

Proof = Callable[[Plugin], None]
PROOFS: dict[str, Proof] = {}


@pytest.fixture
def plugin(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    # A SPEC counts from the working directory.
    monkeypatch.chdir(ROOT)
    with load(bug.spec, cache="off") as plugin:
        yield plugin


def shows(name: str) -> Callable[[Proof], Proof]:
    """Register what shows the bug of this name."""

    def register(proof: Proof) -> Proof:
        PROOFS[name] = proof
        return proof

    return register


def code_of(trap: pytest.ExceptionInfo[GuestTrap]) -> str:
    """Name a trap as its finding does."""
    return f"{trap.value.during}:{trap.value.code}"


def breaches(plugin: Plugin, observation: Observation) -> list[str]:
    """Give each breach of the contract as severity, kind and place."""
    assert observation.exchange.failure is None, f"{plugin.label} did not reply"
    return [f"{one.severity} {one.kind} {one.pointer}".strip() for one in observation.violations]


def template(plugin: Plugin, name: str, *args: object) -> Observation:
    return plugin.observe(build.template(name, *args))


def page(plugin: Plugin, path: str, **more: dict[str, str]) -> Observation:
    return plugin.observe(build.response("GET", path, **more))  # type: ignore[arg-type] # query and path_params


def admits(plugin: Plugin, token: str) -> bool:
    return plugin.authenticate(build.auth(query={"token": token})).authenticated


# ---- the index ----------------------------------------------------------------------------------------------------


def test_each_bug_has_a_request_that_shows_it() -> None:
    assert sorted(PROOFS) == sorted(bug.name for bug in bugs())


def test_each_folder_is_in_the_index() -> None:
    folders = sorted(path.parent for path in BUGGY.glob("*/*/plugin.test.yaml"))
    assert folders == sorted(bug.folder for bug in bugs())


def test_each_kind_of_finding_has_a_bug() -> None:
    assert {bug.code for bug in bugs()} == {f"MF{number}" for number in range(301, 312)}


@pytest.mark.parametrize("bug", ALL_BUGS)
def test_the_operation_is_the_only_one_and_the_language_is_told(bug: Bug, plugin: Plugin) -> None:
    assert plugin.language == bug.language
    if bug.language != "remote":
        assert plugin.operations == {bug.operation}


@pytest.mark.parametrize("path", sorted(BUGGY.glob("*/*/plugin.wasm")), ids=lambda path: path.parent.name)
def test_the_modules_are_small_and_import_nothing(path: Path) -> None:
    assert path.stat().st_size <= (10_000 if path.parent.parent.name == "c" else 100_000)
    assert not inspect_module(path.read_bytes()).imports


# ---- what hand-written tests see ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bug", ALL_BUGS)
def test_samples_and_realistic_requests_show_nothing(bug: Bug) -> None:
    bench = bug.bench()
    try:
        trials = bench.survey[bug.operation]
        found = [finding for code in CONTRACT for finding in find(code).run(bench) if finding.severity != "note"]
    finally:
        bench.close()
        bench.subject.close()
    assert not found
    assert len(trials) >= 13
    assert any(trial.accepted for trial in trials if trial.sample is not None)


# ---- what shows the bug -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bug", ALL_BUGS)
def test_the_bug_is_there(bug: Bug, plugin: Plugin) -> None:
    PROOFS[bug.name](plugin)


@shows("unknown-user")
def unknown_user(plugin: Plugin) -> None:
    with pytest.raises(GuestTrap) as trap:
        admits(plugin, "s-alice ")
    assert code_of(trap) == "authenticate:unreachable"


@shows("astral-name")
def astral_name(plugin: Plugin) -> None:
    with pytest.raises(GuestTrap) as trap:
        plugin.generate_response(build.response("GET", "/greet", query={"name": "Zoë 🎸"}))
    assert code_of(trap) == "generate_response:unreachable"


@shows("status-width")
def status_width(plugin: Plugin) -> None:
    assert breaches(plugin, page(plugin, "/status", query={"code": "70000"})) == ["error out-of-range /status_code"]
    assert breaches(plugin, page(plugin, "/status", query={"code": "2000"})) == ["error semantics /status_code"]
    assert breaches(plugin, page(plugin, "/status", query={"code": "-1"})) == []


@shows("login-cached-by-user")
def login_cached_by_user(plugin: Plugin) -> None:
    assert not admits(plugin, "alice:looking-glass")
    assert admits(plugin, "alice:wonderland")
    assert admits(plugin, "alice:looking-glass")
    plugin.renew()
    assert not admits(plugin, "alice:looking-glass")


@shows("token-in-error")
def token_in_error(plugin: Plugin) -> None:
    secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9"
    assert secret in (plugin.authenticate(build.auth(query={"token": secret})).error_message or "")
    assert plugin.authenticate(build.auth(query={"token": "a.b.c"})).error_message == "unknown token"


@shows("exponential-depth")
def exponential_depth(plugin: Plugin) -> None:
    value: list[object] = []
    for _ in range(40):
        value = [value]
    with pytest.raises(LimitExceeded) as trap:
        plugin.template_function("depth", value)
    assert code_of(trap) == "template_function:out-of-fuel"


@shows("quadratic-wrap")
def quadratic_wrap(plugin: Plugin) -> None:
    plugin = plugin.fresh()
    small, large = (template(plugin, "wrap", "a" * size).fuel or 0 for size in (16_384, 65_536))
    assert 4**1.7 < large / small < 4**2.2
    assert large < plugin.limits.fuel


@shows("page-terminator")
def page_terminator(plugin: Plugin) -> None:
    assert breaches(plugin, template(plugin, "framed", "a" * 65_535)) == []
    assert breaches(plugin, template(plugin, "framed", "a" * 65_536)) == ["error syntax"]
    assert breaches(plugin, template(plugin, "framed", "a" * 65_535)) == []


@shows("cut-inside-a-character")
def cut_inside_a_character(plugin: Plugin) -> None:
    for text in ("é" * 10, "日" * 10, "🎸" * 10):
        assert breaches(plugin, template(plugin, "teaser", text)) == ["error encoding"]


@shows("leak-one-in-a-hundred")
def leak_one_in_a_hundred(plugin: Plugin) -> None:
    plugin = plugin.reused()
    events, replies = 0, set()
    for _ in range(2_000):
        observation = plugin.observe(build.auth(query={"token": "tok-4be1"}))
        events += observation.memory_grown > 0
        replies.add(observation.reply_bytes)
    assert events >= 8
    assert len(replies) == 1


@shows("token-with-nul")
def token_with_nul(plugin: Plugin) -> None:
    assert admits(plugin, "tok-7f3a9c51\0")
    assert admits(plugin, "tok-7f3a9c51\0; and more")
    assert not admits(plugin, "tok-7f3a9c51 ")


@shows("length-in-16-bits")
def length_in_16_bits(plugin: Plugin) -> None:
    assert plugin.template_function("mirrored", "a" * 65_533) == "A" * 65_533
    for size in (65_534, 65_535, 65_536, 65_537, 100_000, 1_048_576):
        assert breaches(plugin, template(plugin, "mirrored", "a" * size)) == ["error syntax"]


@shows("size-in-32-bits")
def size_in_32_bits(plugin: Plugin) -> None:
    assert plugin.template_function("pages", "text", 2**32 - 1) == 1
    with pytest.raises(GuestTrap) as trap:
        plugin.template_function("pages", "text", 2**32)
    assert code_of(trap) == "template_function:integer-division-by-zero"


@shows("stale-cell")
def stale_cell(plugin: Plugin) -> None:
    assert plugin.template_function("cell", "b") == "b" + " " * 63
    assert plugin.template_function("cell", "a" * 64) == "a" * 64
    assert plugin.template_function("cell", "b") != "b" + " " * 63


@shows("prefix-of-nothing")
def prefix_of_nothing(plugin: Plugin) -> None:
    assert plugin.template_function("prefix", [""]) == ""
    with pytest.raises(LimitExceeded) as trap:
        plugin.template_function("prefix", [])
    assert code_of(trap) == "template_function:out-of-fuel"


@shows("frame-a-level")
def frame_a_level(plugin: Plugin) -> None:
    value: list[object] = []
    for _ in range(20):
        value = [value]
    assert template(plugin, "paths", value).failure is None
    for _ in range(20):
        value = [value]
    with pytest.raises(GuestTrap) as trap:
        plugin.template_function("paths", value)
    assert code_of(trap) == "template_function:memory-out-of-bounds"


@shows("offset-plus-limit")
def offset_plus_limit(plugin: Plugin) -> None:
    everything = "SELECT * FROM readings"
    assert len(plugin.query_datasource(build.query(everything, limit=2**64 - 1, offset=0)).rows) == 6
    assert len(plugin.query_datasource(build.query(everything, limit=2**31, offset=2**64 - 1)).rows) == 0
    for limit, offset in ((2**32 - 1, 1), (2**53, 6), (2**64 - 1, 2**64 - 1)):
        with pytest.raises(GuestTrap) as trap:
            plugin.query_datasource(build.query(everything, limit=limit, offset=offset))
        assert code_of(trap) == "query_datasource:memory-out-of-bounds"


@shows("float-status")
def float_status(plugin: Plugin) -> None:
    assert breaches(plugin, page(plugin, "/notes", query={"q": ""})) == ["error wrong-type /status_code"]
    assert breaches(plugin, page(plugin, "/notes", query={"q": "no such word"})) == []


@shows("absent-id")
def absent_id(plugin: Plugin) -> None:
    with pytest.raises(GuestTrap) as trap:
        plugin.generate_response(build.response("GET", "/orders/7"))
    assert code_of(trap) == "generate_response:unreachable"


@shows("token-without-case")
def token_without_case(plugin: Plugin) -> None:
    assert admits(plugin, "KEY-Q7X")
    assert not admits(plugin, "KEY-Q7")


@shows("remembered-locale")
def remembered_locale(plugin: Plugin) -> None:
    assert plugin.template_function("price", 1.5) == "€1.5"
    assert plugin.template_function("price", 1.5, "de") == "1,5 €"
    assert plugin.template_function("price", 1.5) == "1,5 €"


@shows("doubled-infinity")
def doubled_infinity(plugin: Plugin) -> None:
    assert breaches(plugin, template(plugin, "doubled", 8e307)) == []
    assert breaches(plugin, template(plugin, "doubled", 1e308)) == ["error syntax"]


@shows("half-a-pair")
def half_a_pair(plugin: Plugin) -> None:
    assert breaches(plugin, template(plugin, "headline", "🎸" * 10)) == []
    assert breaches(plugin, template(plugin, "headline", "a" + "🎸" * 10)) == ["error encoding"]


@shows("uneven-rows")
def uneven_rows(plugin: Plugin) -> None:
    observation = plugin.observe(build.query("SELECT * FROM tasks"))
    assert breaches(plugin, observation) == ["warning semantics /rows/2/values"]


@shows("first-eight-bytes")
def first_eight_bytes(plugin: Plugin) -> None:
    assert admits(plugin, "tok-5d2e\0")
    assert admits(plugin, "tok-5d2etok-5d2e")
    assert not admits(plugin, "tok-5d2")


@shows("left-locked")
def left_locked(plugin: Plugin) -> None:
    plugin = plugin.reused()
    assert plugin.template_function("greet") == "hello"
    assert template(plugin, "farewell").failure is not None
    assert plugin.template_function("greet") == "busy"


@shows("short-buffer")
def short_buffer(plugin: Plugin) -> None:
    assert breaches(plugin, page(plugin, "/" + "a" * 900)) == []
    for size in (1_000, 4_096, 65_536, 200_000):
        plugin.renew()
        assert breaches(plugin, page(plugin, "/" + "a" * size)) == ["error syntax"]


@shows("unstable-pick")
def unstable_pick(plugin: Plugin) -> None:
    first, second = (plugin.template_function("pick", "left", "right") for _ in range(2))
    assert {first, second} == {"left", "right"}


@shows("key-order")
def key_order(plugin: Plugin) -> None:
    request = build.auth(query={"token": "tok-81aa"}, uri="/api/users")
    assert plugin.authenticate(request).authenticated
    members = json.loads(plugin.encode(request))
    turned = json.dumps(dict(reversed(members.items()))).encode()
    assert json.loads(plugin.call_raw(Operation.AUTHENTICATE, turned))["authenticated"] is False


def test_a_broken_contract_is_raised_to_whoever_asks_for_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with load("fixtures/buggy/assemblyscript/doubled-infinity", cache="off") as plugin, pytest.raises(ContractFailure):
        plugin.template_function("doubled", 1e308)
