"""The fixture `mockforge_host` in an author's tests, and what a plugin printed in the report of a failing one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.spec import parse_spec
from tests.conftest import RUST, Run
from tests.guests import REPLY, imported, text_of

MOCKFORGE = "mockforge:plugin/host"

# Logs "asked", counts its calls in the store, and replies with the greeting of its configuration and the time.
GREETER = text_of(
    imported("log_message", "iii", module=MOCKFORGE, results="")
    + imported("get_config_value", "iiii", module=MOCKFORGE)
    + imported("store_data", "iiii", module=MOCKFORGE)
    + imported("retrieve_data", "iiii", module=MOCKFORGE)
    + imported("now", "", module="env", results="i"),
    f"""
      (call $log_message (i32.const 2) (i32.const 4096) (i32.const 5))
      (drop (call $retrieve_data (i32.const 4096) (i32.const 5) (i32.const {REPLY}) (i32.const 1)))
      (i32.store8 (i32.const {REPLY}) (i32.add (i32.load8_u (i32.const {REPLY})) (i32.const 1)))
      (drop (call $store_data (i32.const 4096) (i32.const 5) (i32.const {REPLY}) (i32.const 1)))
      (i32.store8 (i32.const {REPLY + 1}) (call $now))
      (drop (call $get_config_value (i32.const 4112) (i32.const 8) (i32.const {REPLY + 2}) (i32.const 4)))
    """,
    data='(data (i32.const 4096) "asked") (data (i32.const 4112) "greeting")',
    reply=6,
)
PRINTER = text_of(
    imported("fd_write", "iiii"),
    "(drop (call $fd_write (i32.const 2) (i32.const 4096) (i32.const 1) (i32.const 0)))",
    data=r'(data (i32.const 4096) "\10\10\00\00\16\00\00\00") (data (i32.const 4112) "first \1b[31mred\0asecond\08")',
)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.wat"
    path.write_text(text, "utf-8")
    return path


def test_a_test_configures_its_host_and_reads_what_was_logged_and_stored(
    run: Run, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    pytester.makepyfile(
        """
        def test_it(mockforge_plugin, mockforge_host):
            mockforge_host.config["greeting"] = "Ahoy"
            mockforge_host.provide("env", "now", lambda memory: 9, results=["i32"])
            assert mockforge_plugin.call_raw("authenticate", b"{}") == b"\\x01\\x09Ahoy"
            mockforge_plugin.renew()
            assert mockforge_plugin.call_raw("authenticate", b"{}") == b"\\x02\\x09Ahoy"
            assert [(record.level, record.message) for record in mockforge_host.log] == [("info", "asked")] * 2
            assert mockforge_host.store == {"asked": b"\\x02"}
            assert mockforge_plugin.host is mockforge_host
            assert [call.name for call in mockforge_plugin.last.asked][:2] == ["log_message", "retrieve_data"]

        def test_the_next_begins_anew(mockforge_plugin, mockforge_host):
            assert (mockforge_host.config, mockforge_host.store, mockforge_host.log) == ({}, {}, [])
            mockforge_host.provide("env", "now", lambda memory: 8, results=["i32"])
            assert mockforge_plugin.call_raw("authenticate", b"{}") == b"\\x01\\x08\\0\\0\\0\\0"

        def test_functions_do_not_stay(mockforge_plugin):
            import pytest
            from pytest_mockforge import GuestTrap

            with pytest.raises(GuestTrap, match="unknown import: `env::now`"):
                mockforge_plugin.call_raw("authenticate", b"{}")
        """
    )
    run(f"--mockforge-plugin={write(tmp_path, 'greeter', GREETER)}", "--mockforge-checks=none").assert_outcomes(
        passed=3
    )


def test_the_fixture_serves_plugins_that_a_test_loads_itself(
    run: Run, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    path = write(tmp_path, "greeter", GREETER)
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.parametrize("turn", [1, 2])
        def test_it(mockforge_load, mockforge_host, turn):
            assert not mockforge_host.log
            mockforge_host.provide("env", "now", lambda memory: 7, results=["i32"])
            plugin = mockforge_load({str(path)!r})
            plugin.renew()
            assert plugin.call_raw("authenticate", b"{{}}")[:2] == b"\\x01\\x07"
            assert mockforge_host.log
        """
    )
    run().assert_outcomes(passed=2)


def test_each_hypothesis_example_finds_an_empty_store(run: Run, pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytest.importorskip("hypothesis")
    pytester.makepyfile(
        """
        import pytest
        from hypothesis import HealthCheck, given, settings, strategies as st

        @pytest.fixture
        def clock(mockforge_host):
            mockforge_host.provide("env", "now", lambda memory: 1, results=["i32"])

        @settings(max_examples=20, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(st.binary(max_size=20))
        def test_it(mockforge_plugin, clock, request_bytes):
            assert mockforge_plugin.call_raw("authenticate", request_bytes)[:2] == b"\\x01\\x01"
        """
    )
    path = write(tmp_path, "greeter", GREETER)
    run("-p", "hypothesispytest", f"--mockforge-plugin={path}", "--mockforge-checks=none").assert_outcomes(passed=1)


def test_an_assertion_inside_of_a_host_function_fails_the_test_as_its_own(
    run: Run, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    pytester.makepyfile(
        """
        def test_it(mockforge_plugin, mockforge_host):
            def now(memory):
                assert memory.size == 0, "memory has a size"

            mockforge_host.provide("env", "now", now, results=["i32"])
            mockforge_plugin.call_raw("authenticate", b"{}")
        """
    )
    result = run(f"--mockforge-plugin={write(tmp_path, 'greeter', GREETER)}", "--mockforge-checks=none")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: memory has a size*"])
    result.stdout.no_fnmatch_line("*ignored*")


PRINTING = """
def test_fails(mockforge_plugin):
    mockforge_plugin.call_raw("authenticate", b"{}")
    with mockforge_plugin.fresh() as fresh:
        fresh.call_raw("authenticate", b"{}")
    assert False, "to see the report"

def test_passes(mockforge_plugin):
    mockforge_plugin.call_raw("authenticate", b"{}")

def test_fails_in_silence():
    assert False, "nothing was printed"
"""


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n2")])
def test_a_failing_test_shows_what_the_plugin_printed_made_harmless(
    run: Run, pytester: pytest.Pytester, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile(PRINTING)
    path = write(tmp_path, "printer", PRINTER)
    result = run(f"--mockforge-plugin={path}", "--mockforge-checks=none", *workers)
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*- mockforge: printer printed -*",
            r"first \x1b[[]31mred",
            r"second\x08first \x1b[[]31mred",
            r"second\x08",
        ]
    )
    text = result.stdout.str()
    assert text.count("mockforge: printer printed") == 1
    assert "\x1b[31mred" not in text
    assert "\x08" not in text


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n2")])
def test_a_failing_check_shows_what_the_plugin_printed_in_the_call_that_it_speaks_of(
    run: Run, pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    path = write(pytester.path, "printer", PRINTER)
    result = run(f"--mockforge-plugin={path}", "--mockforge-checks=MF201,MF203,MF204", "--mockforge-host=any", *workers)
    result.assert_outcomes(failed=1, passed=2)
    result.stdout.fnmatch_lines(
        ["*- mockforge: printer printed in authenticate, *'*' -*", r"first \x1b[[]31mred", r"second\x08"]
    )
    text = result.stdout.str()
    assert text.count("mockforge: printer printed") == 1
    assert "\x1b[31mred" not in text


def test_a_failing_check_without_a_request_shows_the_calls_that_failed(run: Run, pytester: pytest.Pytester) -> None:
    body = PRINTER.replace("(i32.const 1) (i32.const 0)))", "(i32.const 1) (i32.const 0)))\n(loop $on (br $on))", 1)
    assert body != PRINTER
    path = write(pytester.path, "printer", body)
    options = ("--mockforge-checks=MF201,MF401", "--mockforge-host=any", "--mockforge-fuel=1M")
    result = run(f"--mockforge-plugin={path}", *options)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*- mockforge: printer printed in authenticate, *"])


def test_a_check_of_the_file_shows_nothing_of_calls(run: Run, pytester: pytest.Pytester) -> None:
    path = write(pytester.path, "printer", PRINTER)
    result = run(f"--mockforge-plugin={path}", "--mockforge-checks=MF103,MF201,MF115")
    assert "printer printed" not in result.stdout.str()


def test_a_flood_is_cut_in_the_report(run: Run, pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makepyfile(
        """
        def test_fails(mockforge_plugin):
            for _ in range(5000):
                mockforge_plugin.call_raw("authenticate", b"{}")
            assert False
        """
    )
    result = run(f"--mockforge-plugin={write(tmp_path, 'printer', PRINTER)}", "--mockforge-checks=none")
    result.stdout.fnmatch_lines(["… (65,536 characters in all)"])
    assert len(result.outlines) < 300


def test_a_module_that_imports_wasi_is_refused_by_mockforge_and_tested_all_the_same(run: Run, tmp_path: Path) -> None:
    result = run(f"--mockforge-plugin={write(tmp_path, 'printer', PRINTER)}", "--mockforge-checks=MF103,MF201")
    result.stdout.fnmatch_lines(["*wasi_snapshot_preview1::fd_write*"])


def test_a_plugin_without_imports_runs_beside_the_fixture(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(mockforge_plugin, mockforge_host):
            assert mockforge_plugin.template_function("upper", "abc") == "ABC"
            assert mockforge_plugin.last.asked == () and mockforge_plugin.last.printed == ""
        """
    )
    run(f"--mockforge-plugin={RUST}", "--mockforge-checks=none").assert_outcomes(passed=1)


def test_each_request_of_the_suite_finds_an_empty_store(tmp_path: Path) -> None:
    path = write(tmp_path, "greeter", GREETER.replace("(call $now)", "(i32.const 0)"))
    subject = ModuleSubject(parse_spec(str(path), tmp_path), cache=None, stack=Limits().stack)
    bench = ModuleBench(subject, limits=Limits(), host="any")
    try:
        replies = {trial.observation.reply_bytes for trial in bench.survey[Operation.AUTHENTICATE]}
        assert replies == {b"\x01\0\0\0\0\0"}
    finally:
        bench.close()
        subject.close()
