"""What once cost a parser of ours more than its bounds, or got another exception out of it: each by its name.

And inputs that are made to come to more than they are long, each held to a multiple of its length.
"""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_mockforge.budgets.baseline import read_baseline
from pytest_mockforge.contract.decode import decode_reply
from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.json_text import parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.shapes import MOST_VIOLATIONS
from pytest_mockforge.documents import yaml12
from pytest_mockforge.documents.testfile import EMPTY, read_testfile
from pytest_mockforge.errors import DocumentError, SpecError
from pytest_mockforge.fuzz.corpus_file import UnreadableCase, read_case
from pytest_mockforge.hosts.manifest_parsers import parser_c
from pytest_mockforge.masking import Redactor
from pytest_mockforge.recording.reading import read_recording
from pytest_mockforge.recording.samples import samples_from
from pytest_mockforge.report.json_report import from_json
from pytest_mockforge.runtimes.component.inspection import describe_component
from pytest_mockforge.runtimes.wasm.adapt import adapt
from pytest_mockforge.runtimes.wasm.adapt_sections import unsigned
from pytest_mockforge.runtimes.wasm.dwarf_lines import read_lines
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.source_lines import SourceLines
from pytest_mockforge.snapshot.file import read_snapshots
from pytest_mockforge.spec import parse_spec

SECONDS = 2.0
"""Of processor time, for what takes milliseconds and took minutes."""
HEAD = b'{"format":"mockforge-recording","version":1}\n'
DEEP = "[" * 450 + "]" * 450


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def quick(call: Callable[[], object]) -> object:
    before = time.thread_time()
    result = call()
    assert time.thread_time() - before < SECONDS
    return result


def written(folder: Path, name: str, data: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


# --- modules ----------------------------------------------------------------------------------------------------------


def line_table(program: bytes, *, version: int = 2, files: bytes = b"\0a.c\0\0\0\0\0") -> bytes:
    body = bytes((1, 1, 0xFB, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1)) + files
    if version == 5:
        body = b"\1" + body
    rest = version.to_bytes(2, "little") + (b"\4\0" if version == 5 else b"") + len(body).to_bytes(4, "little")
    rest += body + program
    return len(rest).to_bytes(4, "little") + rest


def test_a_line_table_that_is_good_is_read_and_one_with_an_address_of_20_kb_ends_there() -> None:
    assert [row.address for row in read_lines(line_table(b"\0\5\2\1\0\0\0\xff\0\1\1"))] == [18, 18]
    long = b"\0" + unsigned(20_001) + b"\2" + b"\xff" * 20_000
    assert quick(lambda: read_lines(line_table(long + b"\xff" * 50_000 + b"\0\1\1"))) == []


def test_names_that_all_point_to_one_text_without_an_end_are_cut() -> None:
    count = 20_000
    files = b"\1\1\x08\1d\0" + b"\1\1\x0e" + unsigned(count) + b"\0\0\0\0" * count
    table = line_table(b"\xff\0\1\1", version=5, files=files)
    assert quick(lambda: read_lines(table, b"a" * 1_000_000)) == []


def test_a_source_that_is_a_list_is_not_written_out_for_each_of_its_places(folder: Path) -> None:
    section = b"\x10sourceMappingURL\x05a.map"
    module = b"\0asm\1\0\0\0\0" + unsigned(len(section)) + section
    document = {"sources": [[*range(50_000)], "b.ts"], "mappings": ",".join(["AAAA"] * 50_000) + ",CCAA"}
    written(folder, "a.map", json.dumps(document))
    lines = SourceLines(module, folder)
    assert quick(lambda: lines.locate(5)) == "b.ts:1:1"


def test_a_source_map_that_is_a_link_to_itself_is_as_if_it_were_not_there(folder: Path) -> None:
    section = b"\x10sourceMappingURL\x05a.map"
    (folder / "a.map").symlink_to("a.map")
    assert SourceLines(b"\0asm\1\0\0\0\0" + unsigned(len(section)) + section, folder).locate(5) == ""


# --- documents --------------------------------------------------------------------------------------------------------


def test_a_registry_version_of_5000_zeros_is_a_number(folder: Path) -> None:
    def manifest(digit: str) -> yaml12.Document:
        text = f"name: a\nversion: '{digit * 5000}.1.1'\ndescription: b\nauthor: {{name: c}}\nlicense: d\ntags: []\n"
        return yaml12.load(written(folder, "plugin.yaml", f"{text}category: auth\ndependencies: {{}}\n"))

    assert parser_c(manifest("0")) is None
    assert parser_c(manifest("9")) == "the version is not three numbers"


def test_more_budgets_than_can_be_compared_are_refused(folder: Path) -> None:
    budgets = "".join(f"- p95{'<' if number % 2 else '>'}{number + 1}us\n" for number in range(4000))
    path = written(folder, "plugin.test.yaml", f"budgets:\n{budgets}")
    with pytest.raises(
        DocumentError, match=r"plugin.test.yaml:1:1: more than 500 budgets\n  hint: name several scopes"
    ):
        read_testfile(path)


def test_500_budgets_are_read(folder: Path) -> None:
    budgets = "".join(f"- p95<{number + 1}ms\n" for number in range(500))
    path = written(folder, "plugin.test.yaml", f"budgets:\n{budgets}")
    assert len(quick(lambda: read_testfile(path)).budgets) == 500  # type: ignore[attr-defined]  # what it is given


# --- replies ----------------------------------------------------------------------------------------------------------


def test_of_too_many_breaches_the_first_are_told_and_how_many_more_there_are() -> None:
    rows = b",".join([b"{}"] * 20_000)
    decoded = decode_reply(Operation.QUERY_DATASOURCE, b'{"rows":[%b],"columns":[]}' % rows)
    assert len(decoded.violations) == MOST_VIOLATIONS + 1
    assert decoded.violations[0].pointer == "/rows/0/values"
    assert decoded.violations[-1].got == "39,002 more breaches, which are left out here"
    assert decoded.violations[-1].severity == "error"
    assert not decoded.ok
    assert decoded.host_message == "Failed to parse DataResult: missing field `values`"


def test_an_error_behind_too_many_warnings_is_told() -> None:
    headers = ",".join(f'" {number}":"a"' for number in range(2 * MOST_VIOLATIONS))
    reply = f'{{"status_code":99,"headers":{{{headers}}},"body":[],"content_type":"","metadata":{{}},"custom":{{}}}}'
    decoded = decode_reply(Operation.GENERATE_RESPONSE, reply.encode())
    errors = [violation.pointer for violation in decoded.violations if violation.severity == "error"]
    assert errors == ["/status_code", ""]
    assert decoded.reply is None


def test_pointers_to_repeated_keys_take_no_more_than_their_share() -> None:
    inner = ",".join(f'"{number}":1,"{number}":1' for number in range(2000))
    above = '{"' + "k" * 5000 + '":'
    parsed = parse(f"{above * 100}{{{inner}}}{'}' * 100}".encode())
    assert {violation.kind for violation in parsed.violations} == {"duplicate-key"}
    assert sum(len(violation.pointer) for violation in parsed.violations) < 3_000_000


def test_rows_that_lack_most_of_their_values_are_refused_before_these_are_made_up() -> None:
    columns = [{"name": str(number), "data_type": "text"} for number in range(3000)]
    payload = json.dumps({"success": True, "result": {"rows": [{}] * 3000, "columns": columns}}).encode()
    decoded = dialect_named("sdk").decode(Operation.QUERY_DATASOURCE, payload)
    assert [(one.pointer, one.got) for one in decoded.violations] == [("/result/rows", "9,000,000 too few")]


def test_the_names_of_many_columns_are_not_written_out_for_each_row() -> None:
    columns = [{"name": f"{number}{'n' * 400}", "data_type": "text"} for number in range(200)]
    rows: list[dict[str, object]] = [{"values": [], "metadata": {}}] * 500
    payload = json.dumps({"success": True, "result": {"rows": rows, "columns": columns}}).encode()
    decoded = dialect_named("sdk").decode(Operation.QUERY_DATASOURCE, payload)
    assert len(decoded.violations) == 500
    assert max(len(violation.expected) for violation in decoded.violations) < 300


# --- what was kept ----------------------------------------------------------------------------------------------------


def test_a_version_of_snapshots_of_5000_digits_is_another_version(folder: Path) -> None:
    path = written(folder, "a.mockforge", f"# pytest-mockforge snapshots {'1' * 5000}\n")
    with pytest.raises(DocumentError, match=r"of another version\n  expected: version 1\n  got: version 1{80} …"):
        read_snapshots(path)


@pytest.mark.parametrize("figure", ["1" * 400, "-" + "1" * 400])
def test_a_figure_that_no_float_holds_makes_a_baseline_no_report(folder: Path, figure: str) -> None:
    operations = f'{{"authenticate":{{"figures":{{"growth":{figure}}}}}}}'
    plugin = f'{{"label":"a","operations":{operations}}}'
    report = f'{{"schema":"pytest-mockforge-report/1","run":{{}},"plugins":[{plugin}]}}'
    reason = read_baseline(written(folder, "old.json", report), "a", dialect="host").reason
    assert reason.startswith("old.json is no report of ours: Expected `int`")


def test_a_pipe_is_no_baseline_and_nobody_waits_for_it(folder: Path) -> None:
    os.mkfifo(folder / "old.json")
    assert read_baseline(folder / "old.json", "a", dialect="host").reason == "old.json is no file"


def test_labels_of_a_baseline_are_told_shortly_and_printably(folder: Path) -> None:
    plugins = [{"label": f"\x1b[31m{number}{'a' * 500}"} for number in range(100)]
    report = json.dumps({"schema": "pytest-mockforge-report/1", "run": {}, "plugins": plugins})
    reason = read_baseline(written(folder, "old.json", report), "a", dialect="host").reason
    assert reason.startswith("old.json has no plugin 'a'; its plugins: '\\x1b[31m0aaa")
    assert len(reason) < 2000


def recorded(folder: Path, call: str) -> tuple[str, ...]:
    line = f'{{"plugin":"a","outcome":"reply","operation":"template_function",{call}}}\n'
    problems = read_recording(written(folder, "a.jsonl", HEAD + line.encode())).problems
    return tuple(problem.partition("a.jsonl:")[2] for problem in problems)


def test_a_recorded_call_that_is_nested_too_deeply_is_a_line_that_cannot_be_read(folder: Path) -> None:
    assert recorded(folder, f'"request":{{"args":{DEEP}}}') == ("2: is nested too deeply for a call",)
    assert recorded(folder, f'"model":{{"args":{DEEP}}}') == ("2: is nested too deeply for a call",)


def test_base64_with_other_letters_is_a_payload_that_cannot_be_read(folder: Path) -> None:
    reason = "2: holds a payload that cannot be read: string argument should contain only ASCII characters"
    assert recorded(folder, '"payload":{"base64":"\u0663"}') == (reason,)


def test_json_that_the_host_cannot_read_is_no_payload(folder: Path) -> None:
    (problem,) = recorded(folder, f'"payload":{{"json":{DEEP}}}')
    assert problem == "2: holds a payload that cannot be read: recursion limit exceeded at line 1 column 128"


def test_a_case_of_a_corpus_that_is_nested_too_deeply_is_none() -> None:
    call = f'{{"operation":"template_function","payload":{{"json":1}},"request":{{"args":{DEEP}}}}}'
    texts = ("detail", "message", "expected", "got", "hint", "label", "dialect")
    case = {"version": 1, "code": "MF301", "severity": "error", "seed": 1, **dict.fromkeys(texts, "")}
    case |= {"backtrace": [], "before": [], "made_by": {}, "masked": False, "case": None}
    with pytest.raises(UnreadableCase, match="is nested too deeply for a case"):
        read_case(json.dumps(case).replace("null", call).encode(), Redactor({}))


def test_a_placeholder_with_5000_digits_stays_as_it_is() -> None:
    text = f"~secret.a.{'9' * 5000}-1~"
    assert Redactor({"a": "hunter2-hunter2"}).restore(text) == text
    assert Redactor({"a": "hunter2-hunter2"}).restore("~secret.a.0-7~") == "hunter2"


@pytest.mark.slow
def test_samples_of_thousands_of_calls_of_one_test_come_at_once(folder: Path) -> None:
    call = '{"plugin":"a","outcome":"reply","test":"t.py::test_b","operation":"template_function",'
    asked = '"request":{"function_name":"upper","args":[NUMBER]},"reply":{"json":1}}\n'
    calls = (call + asked.replace("NUMBER", str(number)) for number in range(4000))
    recording = read_recording(written(folder, "a.jsonl", HEAD + "".join(calls).encode()))
    imported = quick(lambda: samples_from(recording, EMPTY, label=None, replies=False))
    assert [sample.name for sample in imported.samples[::1000]] == ["b", "b (1001)", "b (2001)", "b (3001)"]  # type: ignore[attr-defined]  # what it is given


@pytest.mark.parametrize("data", [b'{"schema": "\xff"}', b'{"more": ' + b"[" * 5000])
def test_what_is_no_utf_8_or_nested_without_end_is_no_report(data: bytes) -> None:
    with pytest.raises(DocumentError, match="this is no report of pytest-mockforge: "):
        from_json(data)


# --- specs ------------------------------------------------------------------------------------------------------------


def test_a_spec_with_a_name_longer_than_files_have_is_refused(folder: Path) -> None:
    with pytest.raises(SpecError, match=r"cannot be looked up: .*File name too long"):
        parse_spec(f"a={'b' * 5000}", folder)


def test_the_path_that_was_looked_for_is_printed_without_acting_on_a_terminal(folder: Path) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec("\x1b[31m.wasm", folder)
    assert (
        str(caught.value)
        == f"'\\x1b[31m.wasm' does not exist\n  hint: looked for {str(folder / chr(27))[:-1]!r}"[:-1]
        + "\\x1b[31m.wasm'"
    )


# --- more than they are long ------------------------------------------------------------------------------------------

N = 1500


def section(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + unsigned(len(body)) + body


def entries(kind: int, entry: bytes) -> bytes:
    return b"\0asm\1\0\0\0" + section(kind, unsigned(N) + entry * N)


def nested(data: bytes, depth: int) -> bytes:
    for _ in range(depth):
        data = section(4, b"\0asm\x0d\0\1\0" + data)
    return b"\0asm\x0d\0\1\0" + data


MODULES = {
    "types": entries(1, b"\x60\0\0"),
    "groups of types": entries(1, b"\x4e\1\x60\0\0"),
    "imports": entries(2, b"\0\0\0\0"),
    "tables": entries(4, b"\x70\0\0"),
    "memories": entries(5, b"\0\0"),
    "globals": entries(6, b"\x7f\0\x0b"),
    "exports": entries(7, b"\0\0\0"),
    "data": entries(11, b"\1\0"),
    "custom sections": b"\0asm\1\0\0\0" + section(0, b"\0") * N,
    "producers": b"\0asm\1\0\0\0" + section(0, b"\x09producers\1\x0cprocessed-by" + unsigned(N) + b"\1a\0" * N),
}
COMPONENTS = {
    "imports": b"\0asm\x0d\0\1\0" + section(10, unsigned(N) + b"\0\0\1\0" * N),
    "exports": b"\0asm\x0d\0\1\0" + section(11, unsigned(N) + b"\0\0\1\0\0" * N),
    "modules": b"\0asm\x0d\0\1\0" + section(1, b"\0asm\1\0\0\0") * N,
    "nested": nested(section(1, entries(1, b"\x60\0\0")), 31),
}
REPLIES = {
    "bytes that are none": b'{"body":[' + b",".join([b"null"] * N) + b"]}",
    "rows that are none": b'{"rows":[' + b",".join([b"1"] * N) + b"]}",
    "keys twice": b"{" + b",".join(b'"%d":1,"%d":1' % (number, number) for number in range(N)) + b"}",
    "numbers": b"[" + b",".join([b"-0"] * N) + b"]",
    "long numbers": b"[" + b",".join([b"1" * 300] * 100) + b"]",
    "escapes": b'"' + rb"\u0001" * N + b'"',
    "nested": b"[" * 100 + b",".join([b"{}"] * N) + b"]" * 100,
}


def costs(data: bytes, call: Callable[[], object]) -> None:
    """Hold a call to processor time, and to memory of 250 bytes a byte, above what any call may take."""
    quick(call)
    tracemalloc.start()
    try:
        call()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 250 * len(data) + 4 * 2**20


@pytest.mark.parametrize("name", MODULES)
def test_a_module_of_a_thousand_small_things_costs_a_multiple_of_its_length(name: str) -> None:
    data = MODULES[name]
    costs(data, lambda: (inspect_module(data).producers, inspect_module(data).function_names, adapt(data)))


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_of_a_thousand_small_things_costs_a_multiple_of_its_length(name: str) -> None:
    data = COMPONENTS[name]
    costs(data, lambda: describe_component(data))


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("dialect", ["host", "sdk"])
def test_a_reply_of_a_thousand_small_things_costs_a_multiple_of_its_length(name: str, dialect: str) -> None:
    data = REPLIES[name]
    costs(data, lambda: [dialect_named(dialect).decode(operation, data) for operation in Operation])
