"""The whole hostile corpus in one run: each case gets the findings of its index, in time, and harms nobody else."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import Run
from tests.hostile_cases import case, write_wasm
from tests.hostile_run import Corpus, run_corpus, stated
from tests.recorded import codes_by_plugin

_IN_TIME = 30.0
"""Seconds within which all items of a case end even on a machine that has much else to do; most take none."""
_GROWTH = 64 * 1024
"""KiB of resident memory that a process may have more of after its last item than before its first one."""
_RAW = [b"\x1b", b"\x07", b"\x00", b"\n::error::", b"\r"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Corpus:
    return run_corpus(tmp_path_factory.mktemp("corpus") / "alone", cache)


ALIKE = (
    # A length of 0 is what is wrong with both; where the pointer of an empty reply leads, MockForge does not look.
    {"empty-at-the-end", "reply-empty"},
    # One cause, more than 127 levels: the depth grows to find readers that recurse.
    {"reply-128-levels", "reply-200-levels", "reply-100000-levels"},
    # A service has four ways to send too much, and two each to hold a call up, to break it off and to lead it astray.
    {"service-silent", "service-drips-its-body"},
    {"service-announces-2-gb", "service-gzip-bomb", "service-never-stops", "service-headers-of-2-mb"},
    {"service-closes", "service-resets"},
    {"service-redirects-to-itself", "service-redirects-elsewhere"},
)
"""Cases that try one and the same mistake in several ways."""


def test_each_case_gets_the_findings_of_its_index(corpus: Corpus) -> None:
    seen: dict[str, set[str]] = {name: set() for name in stated()}
    for report in corpus.reports:
        for said in report.said() if report.plugin in stated() else ():
            if not said.startswith("note:") or said in stated()[report.plugin]:
                seen[report.plugin].add(said)
    assert seen == stated()


def test_cases_are_told_apart_by_code_and_detail() -> None:
    groups: dict[frozenset[str], set[str]] = {}
    for name, codes in stated().items():
        if codes:
            groups.setdefault(codes, set()).add(name)
    assert [group for group in groups.values() if len(group) > 1 and group not in ALIKE] == []


def test_what_looks_like_a_mistake_and_is_none_gets_no_finding() -> None:
    # The corpus runs without MF3, which finds that counts-calls keeps state; see below.
    assert {name for name, codes in stated().items() if not codes} == {"reply-127-levels", "plateau", "counts-calls"}


def test_a_broken_module_leaves_the_verdict_of_a_good_one_alone(corpus: Corpus) -> None:
    assert codes_by_plugin(corpus.reports)["rust"] == set()
    assert any(line == "rust: PASS" for line in corpus.verdicts())
    assert len(corpus.verdicts()) == len(stated()) + 1


def test_a_case_fails_exactly_where_it_has_an_error(corpus: Corpus) -> None:
    for report in corpus.reports:
        wanted = "failed" if any(not code.startswith("warning:") for code in report.codes()) else "other"
        assert (report.nodeid, "failed" if report.outcome == "failed" else "other") == (report.nodeid, wanted)


def test_no_case_ends_in_a_traceback_of_ours(corpus: Corpus) -> None:
    assert corpus.status == pytest.ExitCode.TESTS_FAILED
    # A service may well tell of its own, within a line.
    assert re.search(rb"^\W*Traceback", corpus.output, re.MULTILINE) is None
    assert b"INTERNALERROR" not in corpus.output
    assert [report.nodeid for report in corpus.reports if ".py:" in report.text and report.outcome == "failed"] == []


def test_every_case_ends_in_time(corpus: Corpus) -> None:
    seconds = dict.fromkeys(stated(), 0.0)
    for report in corpus.reports:
        label = report.nodeid.split("::")[1]
        if label in seconds:
            seconds[label] += report.seconds
    assert {name: took for name, took in seconds.items() if took > _IN_TIME} == {}


def test_the_process_holds_no_more_memory_afterwards(corpus: Corpus) -> None:
    if not corpus.resident:
        pytest.skip("resident memory is read from /proc, which is not here")
    [(before, after)] = corpus.resident
    assert after - before <= _GROWTH


def test_every_broken_rule_says_how_to_mend_it(corpus: Corpus) -> None:
    broken = [report for report in corpus.reports if report.codes()]
    assert [report.nodeid for report in broken if not any(finding.get("hint") for finding in report.findings)] == []
    assert [report.nodeid for report in broken if report.outcome == "failed" and "hint: " not in report.text] == []


def test_a_skipped_check_names_a_check_that_found_the_cause(corpus: Corpus) -> None:
    failed = {report.nodeid for report in corpus.reports if report.outcome == "failed"}
    for report in corpus.reports:
        if report.outcome == "skipped":
            code = report.text.rpartition(", see ")[2].strip("')")
            assert f"{report.nodeid.rpartition('::')[0]}::{code}" in failed


@pytest.mark.parametrize("raw", _RAW, ids=repr)
def test_what_a_terminal_would_act_on_never_reaches_it(corpus: Corpus, raw: bytes) -> None:
    assert raw not in corpus.output


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True], ids=["brief", "whole"])
def test_a_distributed_run_ends_as_one_process_does(corpus: Corpus, whole: bool, tmp_path: Path, cache: Path) -> None:
    pytest.importorskip("xdist")
    # The report in XML stays in memory until the end, and so does not belong into the run that is measured above.
    words = ("-p", "xdist", "-n", "2", "--tb=no", f"--junitxml={tmp_path / 'junit.xml'}")
    spread = run_corpus(tmp_path / "spread", cache, *words, whole=whole)
    outcomes = {report.nodeid: (report.outcome, report.codes()) for report in spread.reports}
    alone = {report.nodeid: (report.outcome, report.codes()) for report in corpus.reports}
    assert outcomes == {nodeid: alone[nodeid] for nodeid in (alone if whole else outcomes)}
    assert len(outcomes) >= len(stated())
    assert spread.status == corpus.status
    assert spread.verdicts() == corpus.verdicts()
    assert len(list(ElementTree.parse(tmp_path / "junit.xml").iter("testcase"))) == len(outcomes)


HOSTILE_NAMES = r"""
(module
  (import "env" "a\1b[31mb\07" (func $import))
  (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) (i32.const 64))
  (func (@name "\1b[2Jowned\07\0a::error::x") (export "authenticate") (param i32 i32) (result i32 i32) (unreachable))
  (func (export "generate_response") (param i32 i32) (result i32 i32) (call $import) (unreachable)))
"""
CALLS = """
def test_trap(mockforge_plugin, mockforge_request):
    mockforge_plugin.authenticate(mockforge_request.auth())

def test_import(mockforge_plugin, mockforge_request):
    mockforge_plugin.generate_response(mockforge_request.response("GET", "/"))
"""


@pytest.mark.parametrize("selection", ["none", "default"])
def test_names_inside_a_module_cannot_paint_the_terminal(run: Run, pytester: pytest.Pytester, selection: str) -> None:
    module = pytester.path / "named.wat"
    module.write_text(HOSTILE_NAMES, "utf-8")
    pytester.makepyfile(CALLS)
    result = run(f"--mockforge-plugin={module}", f"--mockforge-checks={selection}", "-vv", "--color=no")
    result.assert_outcomes(failed=2) if selection == "none" else None
    output = result.stdout.str()
    assert "\\x1b[2Jowned" in output
    assert not [raw for raw in _RAW if raw.decode() in output]


def test_a_reply_cannot_paint_the_terminal_of_an_authors_test(run: Run, pytester: pytest.Pytester) -> None:
    module = write_wasm("reply-escape-sequences", pytester.path)
    pytester.makepyfile(CALLS.partition("\n\n")[0])
    result = run(f"--mockforge-plugin={module}", "--mockforge-checks=none", "--color=no")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ContractFailure: authenticate broke the contract*"])
    assert not [raw for raw in _RAW if raw.decode() in result.stdout.str()]


def test_a_reply_that_changes_with_each_call_is_found_by_the_fuzzer(run: Run, pytester: pytest.Pytester) -> None:
    module = write_wasm("counts-calls", pytester.path)
    run(f"--mockforge-plugin={module}", "--mockforge-checks=MF305").assert_outcomes(failed=1)


def test_the_index_names_the_check_that_finds_a_missing_memory() -> None:
    assert case("no-memory").codes == {"MF104"}
