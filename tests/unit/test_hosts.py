"""Each rule of the four hosts (contract 2 and 3): a module that breaks it alone, and what the host prints of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AbiFailure, GuestTrap, LimitExceeded, PluginFailure
from pytest_mockforge.hosts import mends
from pytest_mockforge.hosts.common import WASI_FUNCTIONS
from pytest_mockforge.hosts.loader import SUSPICIOUS
from pytest_mockforge.hosts.messages import failed_call
from pytest_mockforge.hosts.objections import MOST
from pytest_mockforge.hosts.profile import profile
from tests.judging import MANIFEST, judged, module, noted, open_bench, reopen, said, verdict, with_section

HOSTS = ("adapter", "runtime", "loader", "sandbox")
EXECUTION = "Plugin execution error: "
SECURITY = "Security violation: "
TINYGO = '(data (i32.const 64) "tinygo")'
FD_WRITE = '(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))'
NO_OPERATION = '(func (export "something"))'


def with_capabilities(*names: str) -> str:
    return MANIFEST.replace("capabilities: []", f"capabilities: [{', '.join(names)}]")


def with_info(key: str, value: str) -> str:
    lines = [f"  {key}: {value}" if line.startswith(f"  {key}:") else line for line in MANIFEST.splitlines()]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("host", HOSTS)
def test_a_plugin_that_keeps_every_rule_is_accepted(host: str, tmp_path: Path) -> None:
    assert judged(tmp_path, module(), host) == ()
    assert verdict(tmp_path, module(), host).verdict == "accepted"


def test_only_the_adapters_work_as_shipped() -> None:
    assert [profile(name).as_shipped == "" for name in (*HOSTS, "any")] == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("adapter", f"{EXECUTION}Failed to load WASM module: failed to parse WebAssembly module"),
        ("runtime", "WASM module error: Failed to load WASM module: …"),
        ("loader", "WebAssembly module error: Invalid WASM module: …"),
        ("sandbox", "WebAssembly module error: Failed to load WASM module: …"),
    ],
)
def test_a_file_that_is_no_module_is_refused_in_the_words_of_each_host(host: str, message: str, tmp_path: Path) -> None:
    (objection,) = judged(tmp_path, b"\0asm\1\0\0\0\1", host)
    assert (objection.rule, objection.host_message) == ("damage", message)


def test_what_stands_around_a_broken_module_is_judged_all_the_same(tmp_path: Path) -> None:
    objections = judged(tmp_path, b"\0asm\1\0\0\0\1", "loader", manifest="id: demo\n")
    assert [objection.rule for objection in objections] == ["manifest", "damage"]


# --- adapters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "named"), [("", ""), (TINYGO, "TinyGo "), ('(data (i32.const 64) "assemblyscript")', "AssemblyScript ")]
)
def test_an_adapter_names_its_language_where_loading_fails(mark: str, named: str, tmp_path: Path) -> None:
    """Compile, instantiate and memory of the table of contract 2.5."""
    loaded = f"{EXECUTION}Failed to load {named}WASM module: failed to parse WebAssembly module"
    assert said(tmp_path, module(mark, "(tag)"), "adapter")[0] == loaded
    imported = f"{EXECUTION}Failed to instantiate {named}module: unknown import: `a::b` has not been defined"
    assert said(tmp_path, module('(import "a" "b" (func))', mark), "adapter")[0] == imported
    hidden = module(mark, memory="(memory 1)")
    assert f"{EXECUTION}{named}WASM module must export 'memory'" in said(tmp_path, hidden, "adapter")


@pytest.mark.parametrize(
    ("mark", "message", "name"),
    [
        ("", "Failed to get alloc function", "alloc"),
        (TINYGO, "Failed to get malloc function (TinyGo specific)", "malloc"),
        (
            '(data (i32.const 64) "assemblyscript")',
            "Failed to get __new function (AssemblyScript specific)",
            "__new",
        ),
    ],
)
def test_an_adapter_looks_for_the_allocator_of_its_language(mark: str, message: str, name: str, tmp_path: Path) -> None:
    missing = module(mark, alloc="")
    assert said(tmp_path, missing, "adapter") == [
        f"{EXECUTION}{message}: failed to find function export `{name}`",
    ]
    wrong = module(mark, alloc=f'(func (export "{name}") (param i64) (result i32) (i32.const 0))')
    assert said(tmp_path, wrong, "adapter") == [
        f"{EXECUTION}{message}: failed to convert function `{name}` to given type",
    ]


def test_an_allocator_that_is_no_function_counts_as_missing(tmp_path: Path) -> None:
    data = module(alloc='(global (export "alloc") i32 (i32.const 0))')
    message = f"{EXECUTION}Failed to get alloc function: failed to find function export `alloc`"
    assert said(tmp_path, data, "adapter") == [message]


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (
            '(func (export "authenticate") (param i32 i32) (result i64) (i64.const 0))',
            "failed to convert function `authenticate` to given type",
        ),
        (
            '(func (export "authenticate") (param i32 i32 i32))',
            "failed to convert function `authenticate` to given type",
        ),
        (
            '(global (export "authenticate") i32 (i32.const 0))',
            "failed to find function export `authenticate`",
        ),
        (NO_OPERATION, "failed to find function export `authenticate`"),
    ],
)
def test_any_other_operation_is_not_found(operation: str, reason: str, tmp_path: Path) -> None:
    message = f"{EXECUTION}Function 'authenticate' not found: {reason}"
    assert said(tmp_path, module(operation=operation), "adapter") == [message]


def test_a_declared_operation_must_be_exported(tmp_path: Path) -> None:
    (objection,) = judged(tmp_path, module(), "adapter", manifest=MANIFEST + "type: template\n")
    assert objection.message == "template_function is declared but not exported"
    assert not objection.refuses


def test_the_host_names_only_the_first_import_and_we_name_all(tmp_path: Path) -> None:
    data = module('(import "a" "b" (func)) (import "a" "b" (func)) (import "c" "d" (global i32))')
    objections = judged(tmp_path, data, "adapter")
    assert [objection.detail for objection in objections] == ["a::b", "c::d"]
    assert objections[0].got == "function () -> (), imported 2 times"
    assert objections[0].host_message is not None
    assert objections[1].host_message is None


def test_a_shared_memory_does_not_count(tmp_path: Path) -> None:
    data = module(memory='(memory (export "memory") 1 4 shared)')
    # That today's wasmtime makes no shared memory is not the host's doing, and not put into its mouth.
    assert said(tmp_path, data, "adapter") == [None, f"{EXECUTION}WASM module must export 'memory'"]


def test_a_64_bit_memory_is_objected_to_but_found_by_the_host(tmp_path: Path) -> None:
    data = module(memory='(memory (export "memory") i64 1 4)')
    assert said(tmp_path, data, "adapter") == [None]


def test_the_reason_of_a_trap_at_the_start_is_lost(tmp_path: Path) -> None:
    data = module("(func $start unreachable) (start $start)")
    message = f"{EXECUTION}Failed to instantiate module: error while executing at wasm backtrace: …"
    assert said(tmp_path, data, "adapter") == [message]


def test_a_segment_that_does_not_fit_is_told_with_its_reason(tmp_path: Path) -> None:
    data = module('(data (i32.const 65536) "x")')
    message = f"{EXECUTION}Failed to instantiate module: wasm trap: out of bounds memory access"
    assert said(tmp_path, data, "adapter") == [message]


def test_our_own_limit_is_not_put_into_the_hosts_mouth(tmp_path: Path) -> None:
    (objection,) = judged(tmp_path, module(memory='(memory (export "memory") 32768)'), "adapter")
    assert objection.rule == "instantiate"
    assert objection.host_message is None


def test_imports_keep_no_module_from_being_called_under_any(tmp_path: Path) -> None:
    assert judged(tmp_path, module(FD_WRITE), "any") == ()


def test_a_calling_failure_is_told_in_the_words_of_the_adapter() -> None:
    trap = GuestTrap("trapped", code="unreachable", during="authenticate")
    failures: list[tuple[PluginFailure, str | None]] = [
        (trap, f"{EXECUTION}Failed to call function 'authenticate': error while executing at wasm backtrace: …"),
        (
            GuestTrap("trapped", code="unreachable", during="allocator"),
            f"{EXECUTION}Failed to allocate memory: error while executing at wasm backtrace: …",
        ),
        (
            AbiFailure("…", detail="input-outside-memory"),
            f"{EXECUTION}Failed to write input: out of bounds memory access",
        ),
        (
            AbiFailure("…", detail="output-outside-memory"),
            f"{EXECUTION}Failed to read output: out of bounds memory access",
        ),
        (
            AbiFailure("…", detail="negative-length"),
            "capacity overflow (a panic of the host's thread, not an error)",
        ),
        (LimitExceeded("…", code="out-of-fuel", during="authenticate"), None),
    ]
    for failure, message in failures:
        assert failed_call(Operation.AUTHENTICATE, failure) == message


# --- runtime ---------------------------------------------------------------------------------------------------------


def test_the_runtime_wants_a_file_of_at_most_50_mib(tmp_path: Path) -> None:
    files = open_bench(tmp_path, module(), host="runtime")._files
    for size, expected in ((52_428_800, []), (52_428_801, ["size"])):
        grown = type(files)(data=bytes(size), adapter="rust", manifest=files.manifest)
        assert [objection.rule for objection in profile("runtime").judge_files(grown)] == expected
    message = f"{SECURITY}Plugin file size 52428801 exceeds maximum allowed size 52428800"
    assert next(iter(profile("runtime").judge_files(grown))).host_message == message


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (with_capabilities("network:http"), "Plugin requires network access but runtime disallows it"),
        (with_capabilities("kernel_access"), "Dangerous capability not allowed: kernel_access"),
        (with_info("name", '"two words"'), "Plugin name contains unsafe characters"),
        (with_info("author", '{name: ""}'), "Invalid author field in manifest"),
        (with_info("author", f"{{name: {'ä' * 51}}}"), "Invalid author field in manifest"),
        (with_info("id", '""'), "Invalid plugin ID format"),
        (with_info("id", "i" * 101), "Invalid plugin ID format"),
        (with_info("description", "d" * 1001), "Plugin description too long"),
    ],
)
def test_the_runtime_looks_at_the_texts_of_the_manifest(manifest: str, message: str, tmp_path: Path) -> None:
    assert said(tmp_path, module(), "runtime", manifest=manifest) == [SECURITY + message]


@pytest.mark.parametrize(
    "manifest",
    [
        with_info("name", '""'),
        with_info("name", "Ångström-2_x"),
        with_info("id", "i" * 100),
        with_info("description", "d" * 1000),
        with_info("author", f"{{name: {'ä' * 50}}}"),
        with_capabilities("filesystem:read", "filesystem:write"),
    ],
)
def test_the_runtime_takes_texts_up_to_their_limits(manifest: str, tmp_path: Path) -> None:
    assert judged(tmp_path, module(), "runtime", manifest=manifest) == ()


def test_the_runtime_is_not_asked_about_a_bare_module(tmp_path: Path) -> None:
    assert judged(tmp_path, module(), "runtime", manifest=None) == ()
    assert "manifest:missing" in noted(tmp_path, module(), "runtime", manifest=None)


def test_a_capability_in_another_spelling_is_noted(tmp_path: Path) -> None:
    notes = noted(tmp_path, module(), "runtime", manifest=with_capabilities("filesystem.read", "crypto.random"))
    assert notes["manifest:capability:filesystem.read"].hint == "write filesystem:read"
    assert notes["manifest:capability:crypto.random"].hint is None


def imports(module_name: str, name: str) -> bytes:
    return module(f'(import "{module_name}" "{name}" (func))')


@pytest.mark.parametrize(
    ("module_name", "name", "message"),
    [
        ("env", "abort", "Disallowed import module: env"),
        ("wasi_snapshot_preview1", "args_get", "Disallowed WASI function: args_get"),
        ("wasi_snapshot_preview1", "poll_oneoff", "Disallowed WASI function: poll_oneoff"),
        (
            "wasi_snapshot_preview1",
            "fd_write",
            "Plugin imports filesystem function 'fd_write' but has no filesystem capabilities",
        ),
        ("wasi:io/streams", "read", "Disallowed WASI function: read"),
        ("wasi:io/streams", "random_get", "Dangerous import module: wasi:io/streams"),
        ("mockforge:plugin/host", "sleep", "Disallowed host function: sleep"),
        ("mockforge:plugin/host", "log_message", "Dangerous import module: mockforge:plugin/host"),
    ],
)
def test_the_runtime_refuses_imports_at_its_first_check_that_minds(
    module_name: str, name: str, message: str, tmp_path: Path
) -> None:
    assert said(tmp_path, imports(module_name, name), "runtime") == [SECURITY + message]


def test_the_runtime_lets_ten_wasi_functions_through(tmp_path: Path) -> None:
    lines = " ".join(f'(import "wasi_snapshot_preview1" "{name}" (func))' for name in WASI_FUNCTIONS)
    assert len(WASI_FUNCTIONS) == 10
    assert judged(tmp_path, module(lines), "runtime", manifest=with_capabilities("filesystem:read")) == ()


def test_only_the_hosts_own_spelling_is_a_filesystem_capability(tmp_path: Path) -> None:
    (objection,) = judged(tmp_path, module(FD_WRITE), "runtime", manifest=with_capabilities("filesystem.read"))
    assert objection.detail == "wasi_snapshot_preview1::fd_write:capability"


def test_a_wasi_name_that_is_no_function_cannot_be_linked(tmp_path: Path) -> None:
    data = module('(import "wasi_snapshot_preview1" "random_get" (global i32))')
    (objection,) = judged(tmp_path, data, "runtime")
    assert objection.expected == "a function"


@pytest.mark.parametrize("export", ['(func (export "_x"))', '(global (export "_x") i32 (i32.const 0))'])
def test_the_runtime_refuses_exports_with_an_underscore(export: str, tmp_path: Path) -> None:
    assert said(tmp_path, module(export), "runtime") == [f"{SECURITY}Private export function not allowed: _x"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [("", "exports init and process are missing"), ('(func (export "init"))', "export process is missing")],
)
def test_the_runtime_wants_init_and_process(entries: str, message: str, tmp_path: Path) -> None:
    (objection,) = judged(tmp_path, module(entries=entries), "runtime")
    assert objection.message == message
    assert objection.host_message == f"{SECURITY}Plugin must export 'init' and 'process' functions"


def test_init_and_process_may_be_of_any_kind(tmp_path: Path) -> None:
    entries = '(global (export "init") i32 (i32.const 0)) (global (export "process") i32 (i32.const 0))'
    assert judged(tmp_path, module(entries=entries), "runtime") == ()


@pytest.mark.parametrize(
    ("proposal", "extra"),
    [
        ("simd", '(func (export "wide") (result v128) (v128.const i32x4 0 0 0 0))'),
        (
            "relaxed-simd",
            '(func (export "wide") (param v128 v128) (result v128) local.get 0 local.get 1 i8x16.relaxed_swizzle)',
        ),
        ("multi-memory", "(memory 1)"),
        ("threads", '(func (export "fence") (atomic.fence))'),
    ],
)
def test_the_runtime_has_proposals_off_that_the_adapters_take(proposal: str, extra: str, tmp_path: Path) -> None:
    (objection, *_) = judged(tmp_path, module(extra), "runtime")
    assert (objection.rule, objection.detail) == ("compile", f"proposal:{proposal}")
    assert judged(tmp_path, module(extra), "adapter") == ()


@pytest.mark.parametrize("pages", [160, 161])
@pytest.mark.parametrize(
    ("host", "prefix"),
    [
        ("runtime", "WASM module error: Failed to instantiate WASM module with WASI: "),
        ("sandbox", "WebAssembly module error: Failed to instantiate module: "),
    ],
)
def test_two_hosts_allow_160_pages_of_memory(host: str, prefix: str, pages: int, tmp_path: Path) -> None:
    messages = said(tmp_path, module(memory=f'(memory (export "memory") {pages})'), host)
    expected = [f"{prefix}memory minimum size of 161 pages exceeds memory limits"]
    assert messages == ([] if pages == 160 else expected)


@pytest.mark.parametrize(("elements", "rules"), [(1000, []), (1001, ["table-elements"])])
def test_the_runtime_allows_tables_of_1000_elements(elements: int, rules: list[str], tmp_path: Path) -> None:
    objections = judged(tmp_path, module(f"(table {elements} funcref)"), "runtime")
    assert [objection.detail for objection in objections] == rules


def test_the_runtime_has_room_for_one_table(tmp_path: Path) -> None:
    (objection,) = judged(tmp_path, module("(table 1 funcref) (table 1 funcref)"), "runtime")
    assert (objection.detail, objection.got) == ("tables", "2 tables")


def test_fuel_growth_and_the_lost_input_are_only_noted(tmp_path: Path) -> None:
    notes = noted(tmp_path, module(memory='(memory (export "memory") 1)'), "runtime")
    assert set(notes) == {"fuel", "input-ignored", "memory-growth"}
    assert "5,000,000 units" in notes["fuel"].expected


# --- calls of runtime and sandbox ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("host", "prefix"), [("runtime", EXECUTION), ("sandbox", "")])
@pytest.mark.parametrize(
    ("alloc", "message"),
    [
        ("", "WASM module must export an 'alloc' function for memory allocation"),
        (
            '(func (export "alloc") (param i32 i32) (result i32) (i32.const 0))',
            "Failed to allocate memory for input: expected 2 arguments, got 1",
        ),
        (
            '(func (export "alloc") (param i32))',
            "Failed to allocate memory for input: expected 0 results, got 1",
        ),
        (
            '(func (export "alloc") (param i64) (result i32) (i32.const 0))',
            "Failed to allocate memory for input: argument type mismatch",
        ),
        (
            '(func (export "alloc") (param i32) (result i64) (i64.const 0))',
            "alloc function did not return a valid pointer",
        ),
    ],
)
def test_dynamic_hosts_call_alloc_whatever_the_language(
    host: str, prefix: str, alloc: str, message: str, tmp_path: Path
) -> None:
    assert said(tmp_path, module(TINYGO, alloc=alloc), host) == [prefix + message]


@pytest.mark.parametrize(("host", "prefix"), [("runtime", EXECUTION), ("sandbox", "")])
@pytest.mark.parametrize(
    ("signature", "message"),
    [
        (
            "(param i32 i32) (result i64) (i64.const 0)",
            "Failed to call WASM function 'authenticate': expected 1 results",
        ),
        ("(param i32 i32 i32)", "Failed to call WASM function 'authenticate': expected 3 arguments, got 2"),
        (
            "(param i64 i32) (result i32 i32) (i32.const 0) (i32.const 0)",
            "Failed to call WASM function 'authenticate': argument type mismatch",
        ),
        (
            "(param i32 i32) (result i64 i32) (i64.const 0) (i32.const 0)",
            "Function 'authenticate' did not return a valid output pointer",
        ),
        (
            "(param i32 i32) (result i32 i64) (i32.const 0) (i64.const 0)",
            "Function 'authenticate' did not return a valid output length",
        ),
    ],
)
def test_dynamic_hosts_find_a_wrong_type_when_they_call(
    host: str, prefix: str, signature: str, message: str, tmp_path: Path
) -> None:
    (objection,) = judged(tmp_path, module(operation=f'(func (export "authenticate") {signature})'), host)
    assert str(objection.host_message).startswith(prefix + message)
    assert not objection.refuses


@pytest.mark.parametrize(
    ("host", "operation", "memory"),
    [
        ("runtime", "Function 'authenticate' not found in WASM module", "WASM module must export a 'memory'"),
        ("sandbox", "Export 'authenticate' is not a function", "Export 'memory' is not a memory"),
    ],
)
def test_dynamic_hosts_want_functions_and_a_memory(host: str, operation: str, memory: str, tmp_path: Path) -> None:
    prefix = EXECUTION if host == "runtime" else ""
    wrong = '(global (export "authenticate") i32 (i32.const 0))'
    assert said(tmp_path, module(operation=wrong), host) == [prefix + operation]
    wrong = '(memory 1) (global (export "memory") i32 (i32.const 0))'
    assert said(tmp_path, module(memory=wrong), host) == [prefix + memory]
    assert said(tmp_path, module(memory="(memory 1)"), host) == [f"{prefix}WASM module must export a 'memory'"]


@pytest.mark.parametrize("host", ["runtime", "sandbox"])
def test_dynamic_hosts_do_not_count_a_shared_memory(host: str, tmp_path: Path) -> None:
    details = [one.detail for one in judged(tmp_path, module(memory='(memory (export "memory") 1 2 shared)'), host)]
    assert "memory:wrong-memory:shared" in details


@pytest.mark.parametrize("host", ["runtime", "sandbox", "loader"])
def test_other_hosts_take_modules_without_the_four_operations(host: str, tmp_path: Path) -> None:
    assert judged(tmp_path, module(operation=NO_OPERATION), host) == ()


# --- sandbox ---------------------------------------------------------------------------------------------------------


def test_the_sandbox_links_nothing(tmp_path: Path) -> None:
    prefix = "WebAssembly module error: Failed to instantiate module: "
    message = f"{prefix}unknown import: `wasi_snapshot_preview1::fd_write` has not been defined"
    assert said(tmp_path, module(FD_WRITE), "sandbox") == [message]


def test_the_limits_of_a_sandboxs_life_are_noted(tmp_path: Path) -> None:
    notes = noted(tmp_path, module("(table 1 funcref)"), "sandbox")
    assert set(notes) == {"table-growth", "executions", "lifetime", "input-after-context"}
    assert "10,000" in notes["executions"].message
    assert "86,400 s" in notes["lifetime"].message


def test_a_table_that_cannot_grow_needs_no_note(tmp_path: Path) -> None:
    assert "table-growth" not in noted(tmp_path, module("(table 1 1 funcref)"), "sandbox")


# --- loader ----------------------------------------------------------------------------------------------------------


def test_the_loader_takes_folders(tmp_path: Path) -> None:
    assert said(tmp_path, module(), "loader", manifest=None) == ["Plugin path must be a directory"]


def test_the_loader_is_asked_about_the_folder_of_a_module_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "plugin.yaml").write_text(MANIFEST, "utf-8")
    assert judged(tmp_path, module(), "loader", manifest=None) == ()
    note = noted(tmp_path, module(), "loader", manifest=None)["manifest:folder"]
    assert note.host_message == "Plugin path must be a directory"


def test_the_loader_wants_plugin_yaml_by_this_name(tmp_path: Path) -> None:
    objections = open_bench(tmp_path, module(), host="loader", name="plugin.yml").objections
    assert [(one.host_message, one.got) for one in objections] == [("plugin.yaml not found", "plugin.yml")]


def test_the_loader_wants_one_module_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "other.wasm").write_bytes(b"")
    assert said(tmp_path, module(), "loader") == ["Multiple WebAssembly files found in plugin directory"]


def test_the_loader_looks_for_the_module_directly_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "built").mkdir()
    open_bench(tmp_path, module(), manifest=MANIFEST + "wasm: built/x.wasm\n")
    (tmp_path / "plugin.wasm").rename(tmp_path / "built" / "x.wasm")
    bench = reopen(tmp_path, host="loader")
    assert [one.host_message for one in bench.objections] == ["No WebAssembly file found in plugin directory"]


@pytest.mark.parametrize("bad", ["demo", '""', "d" * 101, "a..b", "a/b", '"a\\\\b"'])
def test_the_loader_looks_at_dependency_ids(bad: str, tmp_path: Path) -> None:
    manifest = MANIFEST.replace("dependencies: {}", f"dependencies: {{{bad}: {{major: 1, minor: 0, patch: 0}}}}")
    (message,) = said(tmp_path, module(), "loader", manifest=manifest)
    assert str(message).startswith("Plugin validation error: Manifest validation failed with 1 errors: ")


def test_what_must_be_loaded_before_is_noted(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("dependencies: {}", "dependencies: {base: {major: 1, minor: 0, patch: 0}}")
    assert judged(tmp_path, module(), "loader", manifest=manifest) == ()
    note = noted(tmp_path, module(), "loader", manifest=manifest)["manifest:dependencies"]
    assert note.host_message == "Plugin dependency error: Required dependency base not found"


def test_an_unreadable_manifest_is_no_missing_one(tmp_path: Path) -> None:
    (objection,) = judged(tmp_path, module(), "loader", manifest="a: 1\na: 2\n")
    assert objection.detail == "manifest:refused"
    assert "the key 'a' stands twice" in objection.got


def test_the_loader_wants_a_file_of_at_most_10_mib(tmp_path: Path) -> None:
    data = module() + b"\0\xf1\xff\xff\x04\1x" + bytes(10 * 2**20 - 17)
    (message,) = said(tmp_path, data, "loader")
    assert message == f"{SECURITY}WASM file too large: {len(data)} bytes (max: 10485760 bytes)"


@pytest.mark.parametrize(
    ("module_name", "name", "message"),
    [
        ("env", "abort", "Disallowed import module: env"),
        ("wasi_unstable", "fd_write", "Disallowed import module: wasi_unstable"),
        ("wasi_snapshot_preview1", "args_get", "Disallowed WASI function: args_get"),
        ("mockforge:plugin/host", "sleep", "Disallowed host function: sleep"),
        (
            "wasi_snapshot_preview1",
            "fd_write",
            "WebAssembly module error: Failed to instantiate module: "
            "unknown import: `wasi_snapshot_preview1::fd_write` has not been defined",
        ),
    ],
)
def test_the_loader_validates_imports_that_its_sandbox_then_misses(
    module_name: str, name: str, message: str, tmp_path: Path
) -> None:
    assert said(tmp_path, imports(module_name, name), "loader") == [message]


def test_the_loader_wants_a_memory_exported_under_any_name(tmp_path: Path) -> None:
    assert judged(tmp_path, module(memory='(memory (export "heap") 1)'), "loader") == ()
    (objection,) = judged(tmp_path, module(memory="(memory 1)"), "loader")
    assert objection.host_message == "Plugin validation error: WASM module must export memory"
    assert objection.refuses


@pytest.mark.parametrize(
    ("maximum", "messages"), [("", []), ("100", []), ("101", ["Exported memory limit too high: 101 pages"])]
)
def test_the_loader_allows_a_maximum_of_100_pages(maximum: str, messages: list[str], tmp_path: Path) -> None:
    assert said(tmp_path, module(memory=f'(memory (export "memory") 1 {maximum})'), "loader") == messages


def test_the_loader_looks_at_imported_memories(tmp_path: Path) -> None:
    data = module('(import "env" "m" (memory 1 101))', memory='(export "memory" (memory 0))')
    details = [objection.detail for objection in judged(tmp_path, data, "loader")]
    assert details == ["env::m", "imported-memory-maximum", "memory-maximum"]


def test_the_loader_allows_1000_exported_functions(tmp_path: Path) -> None:
    few = " ".join(f'(export "f{index}" (func 0))' for index in range(995))
    more = few + ' (export "more" (func 0))'
    assert judged(tmp_path, module(few), "loader") == ()
    assert [objection.detail for objection in judged(tmp_path, module(more), "loader")] == ["exports"]


@pytest.mark.parametrize(
    ("signature", "taken"),
    [
        ("(param" + " i32" * 20 + ")", True),
        ("(param" + " i32" * 21 + ")", False),
        ("(result" + " i32" * 10 + ")", True),
        ("(result" + " i32" * 11 + ")", False),
        ("(param" + " v128" * 5 + ")", True),
        ("(param" + " v128" * 3 + " i32" * 3 + ")", True),
        ("(param" + " externref" * 4 + " i32" * 2 + ")", False),
    ],
)
def test_the_loader_looks_at_types_of_exported_functions(signature: str, taken: bool, tmp_path: Path) -> None:
    objections = judged(tmp_path, module(f'(func (export "f") {signature} unreachable)'), "loader")
    assert [objection.detail for objection in objections] == ([] if taken else ["signature:f"])


@pytest.mark.parametrize("word", SUSPICIOUS)
def test_the_loader_refuses_words_in_data(word: str, tmp_path: Path) -> None:
    messages = said(tmp_path, module(f'(data (i32.const 64) "see {word} there")'), "loader")
    assert f"{SECURITY}Data segment contains suspicious content: '{word}'" in messages


def test_a_suspicious_word_is_shown_where_it_stands(tmp_path: Path) -> None:
    (objection,) = judged(tmp_path, module('(data (i32.const 64) "see http://example.org/x")'), "loader")
    assert "'see http://example.org/x'" in objection.got


def test_words_in_code_and_sections_do_not_count(tmp_path: Path) -> None:
    assert judged(tmp_path, with_section(module(), "sourceMappingURL", b"http://example.org"), "loader") == ()


# --- all hosts -------------------------------------------------------------------------------------------------------


def test_many_breaches_of_one_rule_are_counted(tmp_path: Path) -> None:
    exports = " ".join(f'(export "_{index}" (func 0))' for index in range(3000))
    objections = judged(tmp_path, module(exports), "runtime")
    assert len(objections) == MOST + 1
    assert objections[-1].message == f"{3000 - MOST:,} more of the same kind"


def test_a_verdict_keeps_a_few_reasons_and_their_number(tmp_path: Path) -> None:
    exports = " ".join(f'(export "_{index}" (func 0))' for index in range(6))
    found = verdict(tmp_path, module(exports, entries=""), "runtime")
    assert (found.verdict, len(found.reasons), found.broken) == ("refused", 3, 7)


def test_what_only_calls_meet_is_not_refused(tmp_path: Path) -> None:
    assert verdict(tmp_path, module(alloc=""), "adapter").verdict == "not callable"


@pytest.mark.parametrize("language", mends.LANGUAGES)
@pytest.mark.parametrize("topic", mends.MENDS)
def test_each_breach_has_a_mend_in_each_language(topic: mends.Topic, language: str) -> None:
    assert mends.mend(topic, language)


def test_a_hint_speaks_the_language_of_the_module(tmp_path: Path) -> None:
    producers = b"\1\x08language\1\6TinyGo\0"
    data = with_section(module(FD_WRITE), "producers", producers)
    (objection,) = judged(tmp_path, data, "adapter")
    assert objection.hint == mends.MENDS["wasi"]["tinygo"]


def test_an_allocator_mistaken_by_detection_is_mended_as_such(tmp_path: Path) -> None:
    rust = with_section(module(TINYGO), "producers", b"\1\x08language\1\4Rust\0")
    (objection,) = judged(tmp_path, rust, "adapter")
    assert mends.MENDS["detection"]["any"] in str(objection.hint)
