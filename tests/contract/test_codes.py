"""The codes of checks: none is renumbered or used again, each has a page, each can break."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pytest_mockforge.checks.benches import open_bench
from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.references import Counterpart
from pytest_mockforge.checks.registry import FAMILIES, catalogue, check, find
from pytest_mockforge.checks.runner import run_check
from pytest_mockforge.fuzz.model import FuzzOptions
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.opening import Means, open_subject
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.spec import parse_spec
from tests.answering import ADMITTED, ROWS, write_answering, write_spoilable
from tests.conftest import ROOT, RUST, Run
from tests.faulty_services import FAULTS, found
from tests.hostile_cases import cases, write_wasm

CODES = {
    "MF101": "readable",
    "MF102": "compiles",
    "MF103": "imports",
    "MF104": "memory",
    "MF105": "allocator",
    "MF106": "operations",
    "MF107": "instantiates",
    "MF108": "allocates",
    "MF109": "optional_exports",
    "MF110": "initializer",
    "MF111": "file_size",
    "MF112": "export_names",
    "MF113": "host_limits",
    "MF114": "suspicious_words",
    "MF115": "detection",
    "MF116": "core_module",
    "MF117": "whole",
    "MF118": "go_sdk",
    "MF119": "component_world",
    "MF201": "no_trap",
    "MF202": "inside_memory",
    "MF203": "utf8",
    "MF204": "json_value",
    "MF205": "typed",
    "MF206": "usable",
    "MF207": "duplicate_keys",
    "MF208": "samples",
    "MF301": "trap",
    "MF302": "limit",
    "MF303": "contract",
    "MF304": "same",
    "MF305": "state",
    "MF306": "leak",
    "MF307": "poison",
    "MF308": "growth",
    "MF309": "credentials",
    "MF310": "secrets",
    "MF311": "wire",
    "MF401": "fuel",
    "MF402": "memory",
    "MF403": "growth",
    "MF404": "memory_pressure",
    "MF405": "cut_short",
    "MF501": "time",
    "MF502": "fuel",
    "MF503": "memory",
    "MF504": "growth",
    "MF505": "size",
    "MF601": "healthy",
    "MF602": "understood",
    "MF603": "answered",
    "MF604": "astray",
    "MF605": "garbage",
    "MF606": "extremes",
    "MF607": "unknown_fields",
    "MF608": "missing_fields",
    "MF609": "concurrency",
    "MF610": "abort",
    "MF611": "steady",
    "MF612": "leaks",
    "MF701": "manifest_readable",
    "MF702": "manifest_values",
    "MF703": "manifest_accepted",
    "MF704": "capability_proof",
    "MF705": "least_limits",
    "MF801": "outcomes",
    "MF802": "replies",
    "MF803": "drawn",
    "MF804": "operations",
    "MF805": "allowed",
}
"""Every code there ever was, with the rule behind it. Lines are added; none is taken out or changed."""


def findings_of(code: str, path: Path, host: str = "adapter") -> tuple[Finding, ...]:
    """Run one check over a plugin, without pytest."""
    subject = ModuleSubject(parse_spec(str(path), path.parent), cache=None, stack=Limits().stack)
    bench = ModuleBench(subject, limits=Limits(), host=host)
    try:
        result, _ = run_check(find(code), bench, accepted=(), today=date(2026, 1, 1))
        assert not result.skipped
        return result.findings
    finally:
        bench.close()
        subject.close()


def answering(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, "utf-8")
    return write_answering(folder / "plugin.wat", authenticate=ADMITTED)


def mentions(folder: Path, text: str) -> Path:
    """Write a module whose data holds a text."""
    path = write_answering(folder / "plugin.wat", authenticate=ADMITTED)
    path.write_text(path.read_text("utf-8")[:-2] + f'(data (i32.const 4096) "{text}"))')
    return path


def of_many_pages(folder: Path) -> Path:
    path = write_answering(folder / "plugin.wat", authenticate=ADMITTED)
    path.write_text(path.read_text("utf-8").replace('(memory (export "memory") 4)', '(memory (export "memory") 400)'))
    return path


def grows_unchecked(folder: Path) -> Path:
    """Write a module whose alloc takes new pages for each buffer and does not look whether it got them."""
    path = write_answering(folder / "plugin.wat", authenticate=ADMITTED)
    pages = "(i32.add (i32.div_u (local.get 0) (i32.const 65536)) (i32.const 1))"
    alloc = f"(i32.mul (memory.grow {pages}) (i32.const 65536))"
    path.write_text(path.read_text("utf-8").replace("(i32.const 65536))\n", f"{alloc})\n", 1))
    return path


def of_60_mebibytes(folder: Path) -> Path:
    """Write a module with a custom section of 60 MiB."""
    path = folder / "plugin.wasm"
    size = 60 << 20
    body = b"\x01x" + bytes(size - 2)
    length = bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14 & 0x7F | 0x80, size >> 21 & 0x7F])
    path.write_bytes((RUST / "plugin.wasm").read_bytes() + b"\0" + length + body)
    return path


def too_costly(folder: Path, budget: str) -> Path:
    """Write a plugin that takes a page more with each call, and a budget that it breaks."""
    grows_unchecked(folder)
    text = f"{SAMPLE.replace('OUTCOME', 'accepted')}\nbudgets: [{budget}]\n"
    (folder / "plugin.test.yaml").write_text(text, "utf-8")
    return folder / "plugin.wat"


def too_slow(folder: Path) -> Path:
    """Write a plugin that counts for a while before it admits, and a budget that it breaks by far."""
    (folder / "plugin.wat").write_text(
        r"""(module (memory (export "memory") 1)
          (data (i32.const 128) "{\22authenticated\22:true,\22claims\22:{},\22metadata\22:{}}")
          (func (export "alloc") (param i32) (result i32) (i32.const 1024))
          (func (export "authenticate") (param i32 i32) (result i32 i32)
            (local.set 0 (i32.const 200000))
            (loop $again (i32.store (i32.const 4096) (i32.add (i32.load (i32.const 4096)) (local.get 0)))
              (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (i32.const 128) (i32.const 48)))""",
        "utf-8",
    )
    text = f"{SAMPLE.replace('OUTCOME', 'accepted')}\nbudgets: [p50<1us]\n"
    (folder / "plugin.test.yaml").write_text(text, "utf-8")
    return folder / "plugin.wat"


SAMPLE = "samples: [{name: s, operation: authenticate, request: {uri: /}, expect: {outcome: OUTCOME}}]"

BROKEN: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "MF111": ("runtime", of_60_mebibytes),
    "MF112": ("runtime", answering),
    "MF113": ("runtime", of_many_pages),
    "MF114": ("loader", lambda folder: mentions(folder, "curl http://")),
    "MF115": ("adapter", lambda folder: write_wasm("imported-abort", folder)),
    "MF118": ("adapter", lambda _folder: ROOT / "fixtures" / "go-sdk" / "without-wasi" / "plugin.wasm"),
    "MF119": ("adapter", lambda _folder: ROOT / "fixtures" / "component" / "wrong-type.wat"),
    "MF207": ("adapter", lambda folder: write_wasm("reply-duplicate-keys", folder)),
    "MF208": (
        "adapter",
        lambda folder: answering(folder, plugin_test_yaml=SAMPLE.replace("OUTCOME", "refused")),
    ),
    "MF404": ("adapter", grows_unchecked),
    "MF405": (
        "adapter",
        lambda folder: write_spoilable(folder / "plugin.wat", ADMITTED, ADMITTED.replace("u-1", "u-2")),
    ),
    "MF501": ("adapter", too_slow),
    "MF502": ("adapter", lambda folder: too_costly(folder, "fuel<2")),
    "MF503": ("adapter", lambda folder: too_costly(folder, "memory<64KiB")),
    "MF504": ("adapter", lambda folder: too_costly(folder, "growth<1B/call")),
    "MF505": ("adapter", lambda folder: too_costly(folder, "size<10B")),
    "MF701": ("adapter", lambda folder: answering(folder, plugin_yaml="id: [")),
    "MF702": (
        "adapter",
        lambda folder: answering(folder, plugin_yaml="id: a\nresource_limits: {max_memory_bytes: a lot}\n"),
    ),
    "MF703": ("adapter", lambda folder: answering(folder, plugin_yaml="id: a\n")),
    "MF704": ("adapter", lambda folder: answering(folder, plugin_yaml="id: a\ncapabilities: [network]\n")),
    "MF705": (
        "adapter",
        lambda folder: answering(folder, plugin_test_yaml=SAMPLE.replace("OUTCOME", "accepted")),
    ),
}
"""For each code that no hostile case breaks: the host to ask, and how to make a plugin that gives the finding."""


PLANTED = {
    "MF301": "fixtures/buggy/rust/unknown-user",
    "MF302": "fixtures/buggy/rust/exponential-depth",
    "MF303": "fixtures/buggy/rust/status-width",
    "MF304": "asgi:fixtures.buggy.service.unstable_pick.app:app",
    "MF305": "fixtures/buggy/rust/login-cached-by-user",
    "MF306": "fixtures/buggy/c/leak-one-in-a-hundred",
    "MF307": "fixtures/buggy/wat/left-locked/plugin.wat",
    "MF308": "fixtures/buggy/rust/quadratic-wrap",
    "MF309": "fixtures/buggy/c/token-with-nul",
    "MF310": "fixtures/buggy/rust/token-in-error",
    "MF311": "asgi:fixtures.buggy.service.key_order.app:app",
}
"""For each code of the search a planted bug that it finds."""


DIFFERENT: dict[str, dict[str, str | bytes]] = {
    "MF801": {"template_function": "{", "query_datasource": ROWS},
    "MF802": {"template_function": "2", "query_datasource": ROWS},
    "MF803": {"template_function": "2", "query_datasource": ROWS},
    "MF804": {"template_function": "1"},
    "MF805": {"template_function": "1", "query_datasource": ROWS},
}
"""For each code that compares: what a plugin answers whose counterpart answers 1, and rows."""


def compared(code: str, folder: Path) -> tuple[Finding, ...]:
    """Run one check over a plugin beside its counterpart."""
    old = write_answering(folder / "old.wat", template_function="1", query_datasource=ROWS)
    (folder / "new").mkdir()
    new = write_answering(folder / "new" / "new.wat", **DIFFERENT[code])
    if code == "MF805":
        (folder / "new" / "plugin.test.yaml").write_text("differences: [{pointer: /a, reason: b}]", "utf-8")
    subjects = [open_subject(parse_spec(str(path), folder), Means(cache=None)) for path in (old, new)]
    reference, bench = (open_bench(one, limits=Limits(), host="adapter", dialect="auto") for one in subjects)
    bench.counterpart = Counterpart(label="old", open=lambda: reference, today=date(2026, 1, 1))
    bench.fuzz_options = FuzzOptions(examples=10, seconds=20)
    try:
        result, _ = run_check(find(code), bench, accepted=(), today=date(2026, 1, 1))
        assert not result.skipped
        return result.errors
    finally:
        bench.close()
        reference.close()
        for subject in subjects:
            subject.close()


def test_no_code_was_renumbered_dropped_or_used_again() -> None:
    assert {check.code: check.run.__name__ for check in catalogue()} == CODES


def test_codes_belong_to_known_families_and_titles_are_unique() -> None:
    assert {check.family for check in catalogue()} == set(FAMILIES)
    assert len({check.title for check in catalogue()}) == len(CODES)


@pytest.mark.parametrize("code", ["MF101", "MF999x", "MF901", "mf401", "X101", ""])
def test_a_code_that_is_taken_or_of_no_known_family_cannot_be_registered(code: str) -> None:
    assert "MF9" not in FAMILIES, "choose another family for this test"
    with pytest.raises(ValueError, match="is no free code of a known family"):
        check(code, "a rule", need="nothing")(findings_of_nothing)
    assert find("MF101").run.__name__ == "readable"


def findings_of_nothing(_bench: ModuleBench) -> tuple[Finding, ...]:
    return ()


@pytest.mark.parametrize("code", CODES)
def test_a_page_says_what_the_rule_is_where_it_comes_from_and_how_to_mend_a_breach(code: str) -> None:
    head, family, _, *body = find(code).page.splitlines()
    assert head == f"{code}  {find(code).title}"
    assert family.startswith(f"family {code[:3]}: ")
    text = "\n".join(body)
    assert re.search(r"^Source: contract \d", text, re.MULTILINE) or reasons(text)
    assert re.search(r"^Mends?[:,]", text, re.MULTILINE)
    assert max(map(len, body)) <= 120


def reasons(text: str) -> bool:
    """Tell whether a rule without a source of MockForge's says in a sentence of its own why it is there."""
    return len(text.partition("\nMend")[0].split()) >= 20


@pytest.mark.parametrize("code", CODES)
def test_a_page_has_a_remedy_in_one_line(code: str) -> None:
    assert find(code).remedy
    assert "\n" not in find(code).remedy


def test_explain_prints_each_page(run: Run) -> None:
    for one in catalogue():
        result = run(f"--mockforge-explain={one.code}")
        assert result.ret == 0
        assert result.stdout.str().strip() == one.page.strip()


def test_every_code_is_broken_by_a_hostile_case_or_a_plugin_made_for_it() -> None:
    by_cases = {code.rpartition(":")[2] for case in cases() for code in case.codes}
    assert by_cases | set(BROKEN) | set(FAULTS) | set(PLANTED) | set(DIFFERENT) == set(CODES)


@pytest.mark.parametrize("code", BROKEN)
def test_a_plugin_made_for_a_code_gets_its_finding(code: str, tmp_path: Path) -> None:
    host, make = BROKEN[code]
    found = findings_of(code, make(tmp_path), host)
    assert found
    assert {finding.code for finding in found} == {code}


@pytest.mark.parametrize("code", DIFFERENT)
def test_a_plugin_that_differs_gets_its_finding(code: str, tmp_path: Path) -> None:
    found = compared(code, tmp_path)
    assert found
    assert {finding.code for finding in found} == {code}


@pytest.mark.parametrize("code", FAULTS)
def test_a_service_made_for_a_code_gets_its_finding(code: str) -> None:
    findings = found(code, FAULTS[code]())
    assert any(finding.severity == "error" for finding in findings)
    assert {finding.code for finding in findings} == {code}


@pytest.mark.parametrize("code", PLANTED)
def test_a_planted_bug_gets_its_finding(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    subject = open_subject(parse_spec(PLANTED[code], ROOT), Means(cache=None))
    bench = open_bench(subject, limits=Limits(), host="adapter", dialect="auto")
    bench.fuzz_options = FuzzOptions(examples=150, seconds=20)
    try:
        result, _ = run_check(find(code), bench, accepted=(), today=date(2026, 1, 1))
        assert result.errors
        assert {finding.code for finding in result.findings} == {code}
    finally:
        bench.close()
        subject.close()
