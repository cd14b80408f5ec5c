"""Budgets as pytest sees them: items, outcomes, other sides, tests with the marker, and pytest-benchmark."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.answering import ADMITTED, DENIED, write_answering
from tests.conftest import ROOT, RUST, Run

pytestmark = pytest.mark.slow

C = ROOT / "fixtures" / "reference" / "c"
COMPONENT = ROOT / "fixtures" / "component" / "echo.wat"
TINYGO = ROOT / "fixtures" / "reference" / "tinygo"
ON_RUST = (f"--mockforge-plugin={RUST}", "--mockforge-checks=MF5")
SAMPLE = "samples: [{name: s, operation: authenticate, request: {uri: /, query: {token: alpha}}}]\n"
TEST = """
    import pytest

    def ask(plugin, request, token="alpha"):
        return plugin.authenticate(request.auth(query={"token": token})).authenticated
"""


def ids(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith("mockforge::")]


def budget(*expressions: str) -> list[str]:
    return [f"--mockforge-budget={text}" for text in expressions]


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of the summary stand whole."""
    monkeypatch.setenv("COLUMNS", "500")


@pytest.fixture
def small(pytester: pytest.Pytester) -> Path:
    """A plugin that admits everybody, in a folder of its own, with an accepted sample."""
    folder = pytester.path / "small"
    folder.mkdir()
    (folder / "plugin.test.yaml").write_text(SAMPLE, "utf-8")
    return write_answering(folder / "plugin.wat", authenticate=ADMITTED)


def let_spin(plugin: Path, turns: str) -> None:
    """Have each call go round a loop as often as an instruction gives."""
    loop = "(loop $l (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $l (local.get $n)))"
    spin = f"(result i32 i32) (local $n i32) (local.set $n {turns}) {loop} (i32.const"
    plugin.write_text(plugin.read_text("utf-8").replace("(result i32 i32) (i32.const", spin), "utf-8")


def test_each_budget_of_a_plugin_is_an_item(run: Run) -> None:
    result = run(*ON_RUST, *budget("fuel<1M", "authenticate:  p95 < 5ms", "go: fuel<1k"), "--co", "-q")
    assert ids(result) == ["mockforge::rust::MF501[authenticate: p95<5ms]", "mockforge::rust::MF502[fuel<1M]"]


def test_without_a_budget_there_is_no_item(run: Run) -> None:
    assert ids(run(*ON_RUST, "--co", "-q")) == []


def test_a_budget_written_twice_is_one_item(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmockforge_budgets =\n    fuel<1M\n    size<1MiB\n")
    result = run(*ON_RUST, *budget("fuel < 1M"), "--co", "-q")
    assert ids(result) == ["mockforge::rust::MF502[fuel<1M]", "mockforge::rust::MF505[size<1MiB]"]


def test_budgets_of_the_plugins_own_file_are_items_of_that_plugin(run: Run, small: Path) -> None:
    (small.parent / "plugin.test.yaml").write_text(f"{SAMPLE}budgets: [authenticate: fuel<10]\n", "utf-8")
    result = run(*ON_RUST, f"--mockforge-plugin={small}", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["mockforge::small::MF502?authenticate: fuel<10? PASSED*"])


def test_the_id_of_a_budget_is_an_argument(run: Run) -> None:
    words = (f"--mockforge-plugin={RUST}", *budget("fuel<1M", "size<1MiB"))
    result = run(*words, "mockforge::rust::MF502[fuel<1M]", "-v")
    result.assert_outcomes(passed=1)
    assert len(ids(run(*words, "mockforge::rust::MF502", "--co", "-q"))) == 1
    assert len(ids(run(*words, *budget("fuel.cold<1M"), "mockforge::rust::MF502", "--co", "-q"))) == 2


def test_an_id_of_no_budget_is_an_error(run: Run) -> None:
    result = run(f"--mockforge-plugin={RUST}", *budget("fuel<1M"), "mockforge::rust::MF502[fuel<2M]")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        ["*mockforge::rust::MF502?fuel<2M? names no budget of this run*", "*--co lists all ids*"]
    )


def test_k_selects_budgets(run: Run) -> None:
    result = run(*ON_RUST, *budget("fuel<1M", "size<1MiB"), "-k", "MF505", "--co", "-q")
    assert ids(result) == ["mockforge::rust::MF505[size<1MiB]"]


def test_a_broken_budget_fails_with_figure_bound_and_source(run: Run) -> None:
    result = run(*ON_RUST, *budget("query_datasource: fuel<1k", "size<1MiB"))
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "MF502 query_datasource: fuel is *, and the budget 'query_datasource: fuel<1k' wants < 1,000",
            "    expected: fuel < 1,000 (--mockforge-budget)",
            "    got: 2??,???; most of it goes to *%*",
            "    hint: do less for each call*",
            "rust: FAIL, 1 check holds, 1 broken",
            "  budgets: 1 hold, 1 broken",
            "    fail query_datasource: fuel<1k: query_datasource *; bound < 1,000",
            "    pass size<1MiB: 165.8 KiB; bound < 1 MiB",
            "FAILED mockforge::rust::MF502?query_datasource: fuel<1k? - MF502 *",
        ]
    )


def test_lf_runs_the_budget_that_broke(run: Run) -> None:
    words = (*ON_RUST, *budget("fuel<1k", "size<1MiB"))
    run(*words).assert_outcomes(failed=1, passed=1)
    again = run(*words, "--lf", "-v")
    again.assert_outcomes(failed=1, deselected=1)


def test_junit_names_the_budget(run: Run, pytester: pytest.Pytester) -> None:
    run(*ON_RUST, *budget("growth<1B/call", "authenticate: fuel<1M"), "--junit-xml=out.xml").assert_outcomes(passed=2)
    cases = ElementTree.parse(pytester.path / "out.xml").iter("testcase")
    assert {case.get("name") for case in cases} == {"MF502[authenticate: fuel<1M]", "MF504[growth<1B/call]"}


def test_what_is_inconclusive_is_skipped_counted_and_fails_only_when_strict(
    run: Run, pytester: pytest.Pytester
) -> None:
    words = (*ON_RUST, *budget("fuel<2x go", "size<1MiB"))
    result = run(*words, "-rs")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(skipped=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "rust: PASS, 1 check holds, 1 budget inconclusive",
            "  budgets: 1 hold, 1 inconclusive",
            "    inconclusive fuel<2x go: *",
            "SKIPPED * inconclusive: authenticate, *: no other plugin of this run is go",
        ]
    )
    strict = run(*words, "--mockforge-strict-budgets")
    strict.assert_outcomes(failed=1, passed=1)
    strict.stdout.fnmatch_lines(
        ["MF502 authenticate: the budget 'fuel<2x go' is inconclusive: no other plugin of this*"]
    )
    pytester.makeini("[pytest]\nmockforge_strict_budgets = true\n")
    run(*words).assert_outcomes(failed=1, passed=1)


def test_only_refusals_are_inconclusive(run: Run, small: Path) -> None:
    write_answering(small, authenticate=DENIED)
    result = run(f"--mockforge-plugin={small}", "--mockforge-checks=MF5", *budget("fuel<1k", "p95<1s"), "-rs")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED * inconclusive: authenticate: only refusals measured"])


def test_a_module_that_does_not_load_leaves_its_budgets_inconclusive(run: Run, pytester: pytest.Pytester) -> None:
    (pytester.path / "broken.wasm").write_bytes(b"nothing of the kind")
    words = budget("fuel<1k", "p95<1s", "size<1MiB")
    result = run("--mockforge-plugin=broken.wasm", "--mockforge-checks=MF5", *words, "-rs")
    result.assert_outcomes(skipped=3)
    result.stdout.fnmatch_lines(["SKIPPED ?3? * inconclusive: the module cannot be loaded, see MF101"])


def test_a_module_that_is_not_there_has_no_size(run: Run, pytester: pytest.Pytester) -> None:
    (pytester.mkdir("empty") / "plugin.yaml").write_text("id: empty\n", "utf-8")
    result = run("--mockforge-plugin=empty", "--mockforge-checks=MF5", *budget("size<1MiB"))
    result.assert_outcomes(skipped=1)


def test_a_budget_that_is_about_no_plugin_is_named(run: Run) -> None:
    result = run(*ON_RUST, *budget("python: fuel<1k", "size<1MiB", "default"))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["the budget 'python: fuel<1k' is about no plugin of this run"])
    result.stdout.no_fnmatch_line("*'remote: p95<50ms' is about no plugin*")


def test_naming_a_users_file_leaves_budgets_out(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_mine="def test_mine(): pass")
    run(f"--mockforge-plugin={RUST}", *budget("fuel<1k"), "test_mine.py").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            budget("p95<5"),
            ["*mockforge: --mockforge-budget: a time without a unit", "    p95<5", "         ^", "*p95<5ms*"],
        ),
        (budget("fuel<1k", "fuel>2k"), ["*--mockforge-budget: 'fuel<1k' and 'fuel>2k' cannot both hold"]),
        (
            budget("other: fuel<1k"),
            ["*'other' is no language, no operation and no plugin here", "*", "*", "*valid:*rust*"],
        ),
        (["--mockforge-baseline=none.wasm"], ["*the baseline 'none.wasm' does not exist", "*looked for *none.wasm*"]),
    ],
)
def test_what_cannot_be_read_ends_the_run_at_once(run: Run, words: list[str], said: list[str]) -> None:
    result = run(*ON_RUST, *words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(said)


def test_an_expression_of_the_ini_file_is_judged_with_its_key(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmockforge_budgets = fule<1k\n")
    result = run(*ON_RUST)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*mockforge_budgets: 'fule' is no metric", "    fule<1k", "    ^"])


def test_time_is_measured_and_judged(run: Run) -> None:
    result = run(*ON_RUST, *budget("authenticate: p95<1s", "authenticate: p95<0.1us"))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["    fail authenticate: p95<0.1us: authenticate *; bound < 100 ns"])
    result.stdout.fnmatch_lines(["    pass authenticate: p95<1s: authenticate * (* to *), * samples; bound < 1 s"])


def test_a_plugin_too_slow_for_its_samples_says_how_many_are_needed(run: Run, small: Path) -> None:
    let_spin(small, "(i32.const 200000000)")
    limits = ("--mockforge-fuel=100G", "--mockforge-timeout=60s")
    result = run(f"--mockforge-plugin={small}", "--mockforge-checks=MF5", *limits, *budget("p99<10s"), "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * inconclusive: authenticate: * of the 299 samples that p99 needs: * in 5 s"])


def test_a_ratio_is_against_another_plugin_of_the_run(run: Run) -> None:
    words = (*ON_RUST, f"--mockforge-plugin={TINYGO}", *budget("tinygo: fuel<2x rust", "rust: fuel<0.1x tinygo"))
    result = run(*words)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["    fail rust: fuel<0.1x tinygo: *; bound < 0.1x tinygo"])
    result.stdout.fnmatch_lines(["    pass tinygo: fuel<2x rust: authenticate 0.??x: * against *; bound < 2x rust"])


def test_rust_is_the_yardstick_where_no_other_plugin_is(run: Run) -> None:
    result = run(*ON_RUST, *budget("fuel<1.01x rust", "memory<1.2x rust"))
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*yardstick*"])


def test_the_yardstick_runs_its_own_samples_where_it_refuses_the_plugins(run: Run, small: Path) -> None:
    (small.parent / "plugin.test.yaml").write_text(SAMPLE.replace("alpha", "of mine"), "utf-8")
    words = (f"--mockforge-plugin={small}", "--mockforge-checks=MF5", *budget("fuel<2x rust"))
    result = run(*words)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*each on samples of its own*"])


def test_an_older_module_is_a_baseline(run: Run) -> None:
    words = (*ON_RUST, f"--mockforge-baseline={RUST / 'plugin.wasm'}")
    run(*words, *budget("fuel<1.05x baseline", "size<=1x baseline", "growth<=1x baseline")).assert_outcomes(passed=3)
    worse = run(*ON_RUST, f"--mockforge-baseline={C / 'plugin.wasm'}", *budget("authenticate: fuel<1.05x baseline"))
    worse.assert_outcomes(failed=1)
    worse.stdout.fnmatch_lines(["MF502 authenticate: fuel is 3.??x: 100,??? against *baseline plugin.wasm"])


def test_a_baseline_without_the_operation_is_inconclusive(run: Run, small: Path) -> None:
    result = run(*ON_RUST, f"--mockforge-baseline={small}", *budget("query_datasource: fuel<1x baseline"), "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        ["SKIPPED * inconclusive: *baseline plugin.wat has no query_datasource that can be called"]
    )


def test_a_baseline_that_does_not_load_is_inconclusive_with_its_reason(run: Run, pytester: pytest.Pytester) -> None:
    (pytester.path / "old.wasm").write_bytes(b"\0asm\1\0\0\0broken")
    result = run(*ON_RUST, "--mockforge-baseline=old.wasm", *budget("fuel<1x baseline", "size<1x baseline"), "-rs")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["SKIPPED * inconclusive: *the baseline does not load: *"])


def test_a_baseline_of_another_dialect_is_inconclusive(run: Run) -> None:
    old = ROOT / "fixtures" / "go-sdk" / "without-wasi" / "plugin.wasm"
    result = run(*ON_RUST, f"--mockforge-baseline={old}", *budget("authenticate: fuel<1x baseline"), "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * inconclusive: *speaks the dialect sdk, and the plugin host*"])


def test_a_report_is_a_baseline_of_exact_figures(run: Run, pytester: pytest.Pytester) -> None:
    figures = {"fuel_steady": 100_000, "accepted": 3, "samples": 4}
    report = {
        "schema": "pytest-mockforge-report/1",
        "run": {"wasmtime": version("wasmtime"), "machine": {"identity": "another"}},
        "plugins": [
            {"label": "rust", "identity": {"size": 1_000}, "operations": {"authenticate": {"figures": figures}}}
        ],
    }
    (pytester.path / "old.json").write_text(json.dumps(report), "utf-8")
    words = budget("authenticate: fuel<1.05x baseline", "size<1.05x baseline", "authenticate: p95<1.1x baseline")
    result = run(*ON_RUST, "--mockforge-baseline=old.json", *words, "-rs")
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * inconclusive: *the baseline's time was taken on another machine*"])


def test_fuel_that_varies_is_named_not_deterministic(run: Run, pytester: pytest.Pytester, small: Path) -> None:
    let_spin(small, "(call $turns)")
    imported = '(module (import "env" "turns" (func $turns (result i32)))\n'
    small.write_text(small.read_text("utf-8").replace("(module\n", imported), "utf-8")
    pytester.makeconftest(
        """
        import itertools
        from pytest_mockforge import ImportedFunction

        count = itertools.count(100)

        def pytest_mockforge_host_functions():
            return [ImportedFunction(module="env", name="turns", function=lambda memory: next(count), results=["i32"])]
        """
    )
    result = run(f"--mockforge-plugin={small}", "--mockforge-checks=MF5", *budget("fuel<1M", "fuel<100"))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*pass fuel<1M: authenticate * (* to *), fuel is not deterministic: it varied over 5 runs; bound*"]
    )


def test_an_accepted_finding_of_a_budget_is_expected_to_fail(run: Run, pytester: pytest.Pytester) -> None:
    entry = "- {code: MF505, detail: 'plugin:size<1KiB', reason: debug sections for now}\n"
    (pytester.path / "accept.yaml").write_text(entry, "utf-8")
    run(*ON_RUST, *budget("size<1KiB"), "--mockforge-accept=accept.yaml").assert_outcomes(xfailed=1)


def test_workers_take_turns_and_judge_every_budget(run: Run) -> None:
    pytest.importorskip("xdist")
    words = (*ON_RUST, *budget("fuel<1M", "memory<8MiB", "authenticate: p95<1s", "query_datasource: p95<1s"))
    result = run("-p", "xdist", "-n", "2", *words, subprocess=True)
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["  budgets: 4 hold", "    pass authenticate: p95<1s: authenticate *"])


def test_a_service_has_no_fuel_to_count(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(app="async def app(scope, receive, send): raise RuntimeError")
    result = run("--mockforge-plugin=asgi:app:app", "--mockforge-checks=MF5", *budget("fuel<1k", "size<1KiB"), "-rs")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED * inconclusive: a service uses no fuel that can be counted"])


def test_a_component_has_fuel_and_no_time_that_is_measured(run: Run) -> None:
    words = budget(
        "template_function: p95<1s", "template_function: p95<2x rust", "template_function: fuel<1M", "memory<8MiB"
    )
    result = run(f"--mockforge-plugin={COMPONENT}", "--mockforge-checks=MF5", *words, "-rs")
    result.assert_outcomes(passed=1, skipped=3)
    time = "inconclusive: template_function: time is measured of core modules and of services, and this is a component"
    assert sum(f" {time}" in line for line in result.outlines) == 1
    result.stdout.fnmatch_lines(
        [f"SKIPPED ?2? * {time}", "SKIPPED * inconclusive: the memory of a component cannot be*"]
    )


def marked(pytester: pytest.Pytester, body: str) -> None:
    pytester.makepyfile(test_marked=f"{TEST}\n{body}")


def test_the_marker_judges_what_a_test_asked(run: Run, pytester: pytest.Pytester) -> None:
    marked(
        pytester,
        """
    @pytest.mark.mockforge_budget("fuel<1M", "authenticate: memory<8MiB", "authenticate: p95<1s")
    def test_cheap(mockforge_plugin, mockforge_request):
        assert ask(mockforge_plugin, mockforge_request)

    @pytest.mark.mockforge_budget("fuel<1k")
    def test_costly(mockforge_plugin, mockforge_request):
        assert ask(mockforge_plugin, mockforge_request)

    @pytest.mark.mockforge_budget("fuel<1k")
    def test_refused(mockforge_plugin, mockforge_request):
        assert not ask(mockforge_plugin, mockforge_request, "nobody's")

    @pytest.mark.mockforge_budget("fuel<1k")
    def test_silent(mockforge_plugin):
        pass

    @pytest.mark.mockforge_budget("go: fuel<1")
    def test_meant_for_another(mockforge_plugin, mockforge_request):
        assert ask(mockforge_plugin, mockforge_request)
    """.replace('fuel<1"', 'fuel<2"'),
    )
    result = run(f"--mockforge-plugin={RUST}", "test_marked.py", "-rs")
    result.assert_outcomes(passed=2, failed=1, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "MF502 authenticate: fuel is 10?,???, and the budget 'fuel<1k' wants < 1,000",
            "    expected: fuel < 1,000 (the mockforge_budget marker)",
        ]
    )
    result.stdout.fnmatch_lines(["SKIPPED * inconclusive: authenticate: only refusals measured"])
    result.stdout.fnmatch_lines(["SKIPPED * inconclusive: the test called no plugin of *"])


def test_the_marker_works_with_a_plugin_that_the_test_loads(run: Run, pytester: pytest.Pytester) -> None:
    shutil.copytree(RUST, pytester.path / "rust", ignore=shutil.ignore_patterns("src", "target"))
    marked(
        pytester,
        """
    @pytest.mark.mockforge_budget("fuel<1k")
    def test_loaded(mockforge_load, mockforge_request):
        assert ask(mockforge_load("rust"), mockforge_request)
    """,
    )
    run("test_marked.py").assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("'fule<1k'", "*the mockforge_budget marker: 'fule' is no metric*"),
        ("", "*the mockforge_budget marker holds no budget*"),
        ("5", "*the mockforge_budget marker does not take 5*"),
        ("fuel='1k'", "*the mockforge_budget marker does not take fuel*"),
        ("'fuel<1k', 'fuel>2k'", "*'fuel<1k' and 'fuel>2k' cannot both hold*"),
    ],
)
def test_a_marker_that_cannot_be_read_is_an_error(run: Run, pytester: pytest.Pytester, marker: str, said: str) -> None:
    marked(
        pytester,
        f"@pytest.mark.mockforge_budget({marker})\n    def test_marked(mockforge_plugin): pass\n".join(["    ", ""]),
    )
    result = run(f"--mockforge-plugin={RUST}", "test_marked.py")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])


def test_a_body_that_fails_fails_as_itself(run: Run, pytester: pytest.Pytester) -> None:
    marked(
        pytester,
        """
    @pytest.mark.mockforge_budget("fuel<1k")
    def test_wrong(mockforge_plugin, mockforge_request):
        assert ask(mockforge_plugin, mockforge_request) is None
    """,
    )
    result = run(f"--mockforge-plugin={RUST}", "test_marked.py")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*MF502*")


BENCHMARK = """
    @pytest.mark.mockforge_budget("p95<1s", "fuel<1M")
    def test_fast(benchmark, mockforge_plugin, mockforge_request):
        assert benchmark.pedantic(ask, (mockforge_plugin, mockforge_request), rounds=60)

    @pytest.mark.mockforge_budget("p95<1us")
    def test_slow(benchmark, mockforge_plugin, mockforge_request):
        assert benchmark.pedantic(ask, (mockforge_plugin, mockforge_request), rounds=60)

    @pytest.mark.mockforge_budget("p95<1s")
    def test_short(benchmark, mockforge_plugin, mockforge_request):
        assert benchmark.pedantic(ask, (mockforge_plugin, mockforge_request), rounds=20)

    @pytest.mark.mockforge_budget("p95<1s")
    def test_batches(benchmark, mockforge_plugin, mockforge_request):
        assert benchmark.pedantic(ask, (mockforge_plugin, mockforge_request), rounds=60, iterations=2)

    @pytest.mark.mockforge_budget("p95<2x rust")
    def test_ratio(benchmark, mockforge_plugin, mockforge_request):
        assert benchmark.pedantic(ask, (mockforge_plugin, mockforge_request), rounds=60)

    @pytest.mark.mockforge_budget("p95<1s")
    def test_unused(benchmark, mockforge_plugin, mockforge_request):
        assert ask(mockforge_plugin, mockforge_request)
"""
WITH_BENCHMARK = ("-p", "pytest_benchmark.plugin", f"--mockforge-plugin={RUST}", "test_marked.py", "-rs")


def test_the_marker_reads_what_the_benchmark_fixture_measured(run: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_benchmark")
    marked(pytester, BENCHMARK)
    result = run(*WITH_BENCHMARK, "--benchmark-json=out.json", "-W", "ignore", subprocess=True)
    result.assert_outcomes(passed=1, failed=1, skipped=4)
    result.stdout.fnmatch_lines(["MF501 benchmark: p95 is *, 60 samples, and the budget 'p95<1us' wants < 1 µs"])
    for reason in (
        "20 of the 59 samples that p95 needs: benchmark made no more rounds",
        "each round is the mean of 2 calls: use benchmark.pedantic(*iterations=1)",
        "a ratio wants both sides in turns*",
        "the benchmark fixture was not used",
    ):
        result.stdout.fnmatch_lines([f"SKIPPED * inconclusive: benchmark: {reason}"])
    written = json.loads((pytester.path / "out.json").read_text("utf-8"))
    fast = next(one for one in written["benchmarks"] if one["name"].startswith("test_fast"))
    assert fast["extra_info"]["mockforge"]["p95"] >= fast["stats"]["min"]
    assert [one["outcome"] for one in fast["extra_info"]["mockforge"]["budgets"]] == ["pass", "pass"]
    assert [one["budget"] for one in written["mockforge"]["rust"]["budgets"]][:2] == ["p95<1s", "fuel<1M"]


@pytest.mark.parametrize("words", [("--benchmark-disable",), ("-p", "xdist", "-n", "2")])
def test_a_benchmark_that_is_switched_off_is_inconclusive_and_never_passes(
    run: Run, pytester: pytest.Pytester, words: tuple[str, ...]
) -> None:
    for module in ("pytest_benchmark", "xdist"):
        pytest.importorskip(module)
    marked(pytester, BENCHMARK)
    result = run(*WITH_BENCHMARK, *words, "-W", "ignore", subprocess=True)
    result.assert_outcomes(skipped=6)
    result.stdout.fnmatch_lines(["SKIPPED * inconclusive: benchmark: pytest-benchmark is switched off, by *"])
