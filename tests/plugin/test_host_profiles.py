"""The hosts as pytest shows them: each code of MF1 and MF7 that a host's rules produce, verdicts, detection, mends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT, RUST, Run
from tests.judging import MANIFEST, module, with_section

REFERENCE = ROOT / "fixtures" / "reference"
THREE_RESULTS = '(func (export "authenticate") (param i32 i32) (result i32 i32 i32) unreachable)'
START_TRAPS = "(func $start unreachable) (start $start)"


def write(folder: Path, data: bytes, manifest: str | None = MANIFEST) -> Path:
    plugin = folder / "plugin"
    plugin.mkdir(exist_ok=True)
    (plugin / "plugin.wasm").write_bytes(data)
    if manifest is not None:
        (plugin / "plugin.yaml").write_text(manifest, "utf-8")
    return plugin if manifest is not None else plugin / "plugin.wasm"


def reference(language: str) -> bytes:
    return (REFERENCE / language / "plugin.wasm").read_bytes()


def summary(result: pytest.RunResult) -> str:
    """Give the summary with its broken lines put together again."""
    return " ".join(result.stdout.str().partition("= mockforge =")[2].split())


@pytest.mark.parametrize(
    ("code", "host", "data", "manifest", "message"),
    [
        ("MF101", "sandbox", b"no module at all", MANIFEST, "Failed to load WASM module: …"),
        ("MF102", "adapter", module("(tag)"), MANIFEST, "failed to parse WebAssembly module"),
        ("MF103", "runtime", module('(import "env" "f" (func))'), MANIFEST, "Disallowed import module: env"),
        ("MF104", "loader", module(memory="(memory 1)"), MANIFEST, "WASM module must export memory"),
        ("MF105", "sandbox", module(alloc=""), MANIFEST, "WASM module must export an 'alloc' function"),
        (
            "MF106",
            "runtime",
            module(operation=THREE_RESULTS),
            MANIFEST,
            "expected 3 results, got 2",
        ),
        (
            "MF107",
            "sandbox",
            module(START_TRAPS),
            MANIFEST,
            "Failed to instantiate module: error",
        ),
        ("MF111", "loader", module() + b"\0\xf1\xff\xff\x04\1x" + bytes(10 * 2**20 - 17), MANIFEST, "file too large"),
        ("MF112", "runtime", module('(func (export "_f"))'), MANIFEST, "Private export function not allowed: _f"),
        ("MF113", "sandbox", module(memory='(memory (export "memory") 161)'), MANIFEST, "exceeds memory limits"),
        ("MF114", "loader", module('(data (i32.const 64) "curl")'), MANIFEST, "suspicious content: 'curl'"),
        ("MF701", "adapter", module(), "a: 1\na: 2\n", "the key 'a' stands twice"),
        ("MF703", "loader", module(), "id: demo\n", "Failed to load manifest: missing field `info`"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("MF") else "",
)
def test_each_code_of_the_hosts_is_produced(
    run: Run, tmp_path: Path, code: str, host: str, data: bytes, manifest: str, message: str
) -> None:
    plugin = write(tmp_path, data, manifest)
    result = run(f"--mockforge-plugin={plugin}", f"--mockforge-host={host}", f"--mockforge-checks={code}", "--tb=no")
    result.assert_outcomes(failed=1)
    text = summary(result)
    assert f"error {code}: " in text
    assert message in text
    assert " hint: " in text


def test_a_wrong_value_in_the_manifest_is_a_warning(run: Run, tmp_path: Path) -> None:
    plugin = write(tmp_path, module(), MANIFEST.replace("capabilities: []", "capabilities: [7]"))
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF702")
    result.assert_outcomes(passed=1)
    assert "warning MF702: plugin.yaml line 8, /capabilities/0: expected text, got the number 7" in summary(result)


@pytest.mark.parametrize(
    ("data", "got", "hint"),
    [
        (
            with_section(reference("rust"), "javascript"),
            "for assemblyscript, but it was built from rust",
            "the custom section 'javascript' has 'asc' in its name",
        ),
        (
            with_section(reference("rust"), "notes", b"unlike tinygo"),
            "for tinygo, but it was built from rust",
            "the text 'tinygo' stands at byte",
        ),
        (
            reference("assemblyscript").replace(b"__new", b"xxnew").replace(b"__pin", b"xxpin"),
            "for rust, but it was built from assemblyscript",
            "hint: compile with `asc --exportRuntime`",
        ),
        (
            reference("tinygo").replace(b"tinygo", b"tinyxx"),
            "for rust, but it was built from tinygo",
            "hint: keep the text `tinygo` in the file",
        ),
        (
            module('(data (i32.const 64) "better than tinygo")'),
            "for tinygo, whose allocator it does not have",
            "the text 'tinygo' stands at byte",
        ),
    ],
    ids=["section-javascript", "data-tinygo", "no-exportRuntime", "stripped-tinygo", "hand-made"],
)
def test_detection_that_errs_is_a_warning(run: Run, tmp_path: Path, data: bytes, got: str, hint: str) -> None:
    result = run(f"--mockforge-plugin={write(tmp_path, data)}", "--mockforge-checks=MF115")
    result.assert_outcomes(passed=1)
    text = summary(result)
    assert f"warning MF115: MockForge takes this module {got}" in text
    assert hint in text


@pytest.mark.parametrize("language", ["rust", "c", "tinygo", "assemblyscript", "go"])
def test_detection_of_the_reference_plugins_needs_no_warning(run: Run, language: str) -> None:
    result = run(f"--mockforge-plugin={REFERENCE / language}", "--mockforge-checks=MF115")
    assert "MF115:" not in summary(result)


def test_the_summary_names_what_every_host_would_do(run: Run) -> None:
    text = summary(run(f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101"))
    assert ("hosts: adapter, loader, sandbox accepted; runtime refused (exports init and process are missing)") in text
    assert "as shipped" not in text


def test_v_tells_how_hosts_behave_as_shipped(run: Run) -> None:
    text = summary(run(f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101", "-v"))
    assert text.count("as shipped, ") == 3
    assert "as shipped, runtime panics before it loads a plugin" in text


def test_a_verdict_counts_its_other_reasons(run: Run, tmp_path: Path) -> None:
    plugin = write(tmp_path, module('(func (export "_f"))', entries=""))
    text = summary(run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF101"))
    assert "runtime refused (the export '_f' begins with an underscore, and 1 more)" in text


def test_one_command_gives_the_verdicts_of_every_language(run: Run) -> None:
    languages = ("rust", "tinygo", "assemblyscript", "c", "go")
    result = run(*(f"--mockforge-plugin={REFERENCE / language}" for language in languages), "--mockforge-checks=MF101")
    result.assert_outcomes(passed=5)
    assert summary(result).count("hosts: adapter") == 5


def test_a_trap_is_quoted_without_its_reason(run: Run, tmp_path: Path) -> None:
    operation = '(func (export "authenticate") (param i32 i32) (result i32 i32) unreachable)'
    result = run(f"--mockforge-plugin={write(tmp_path, module(operation=operation))}", "--mockforge-checks=MF201")
    text = summary(result)
    assert (
        "MockForge says: Plugin execution error: Failed to call function 'authenticate': error while executing at wasm "
        "backtrace: …"
    ) in text
    assert "of a trap MockForge prints frames, not the reason" in text


@pytest.mark.parametrize("host", ["runtime", "sandbox"])
def test_the_words_of_the_adapter_are_put_into_no_other_hosts_mouth(run: Run, tmp_path: Path, host: str) -> None:
    operation = '(func (export "authenticate") (param i32 i32) (result i32 i32) unreachable)'
    plugin = write(tmp_path, module(operation=operation))
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF201", f"--mockforge-host={host}")
    assert "error MF201" in summary(result)
    assert "MockForge says" not in summary(result)


def test_a_reply_that_is_no_json_is_quoted_with_the_prefix_of_the_adapter(run: Run, tmp_path: Path) -> None:
    text = summary(run(f"--mockforge-plugin={write(tmp_path, module())}", "--mockforge-checks=MF2", "--tb=no"))
    assert (
        "MockForge says: Plugin execution error: Failed to parse output JSON: expected value at line 1 column 1" in text
    )


def test_an_allocator_that_traps_is_quoted(run: Run, tmp_path: Path) -> None:
    data = module(alloc='(func (export "alloc") (param i32) (result i32) unreachable)')
    text = summary(run(f"--mockforge-plugin={write(tmp_path, data)}", "--mockforge-checks=MF108", "--tb=no"))
    assert "Plugin execution error: Failed to allocate memory: error while executing at wasm backtrace: …" in text


def test_every_parser_says_what_it_makes_of_the_manifest(run: Run, tmp_path: Path) -> None:
    manifest = MANIFEST.replace("capabilities: []", "capabilities: [network.http, crypto.random]")
    text = summary(run(f"--mockforge-plugin={write(tmp_path, module(), manifest)}", "--mockforge-checks=MF703", "-v"))
    for said in (
        "parser A (loader, CLI and admin UI) accepts plugin.yaml",
        "parser B (manifest loader of the core) refuses plugin.yaml: capabilities: invalid type: sequence",
        "parser C (registry) refuses plugin.yaml: missing field `name`",
        "parser D (mockforge-plugin validate) refuses plugin.yaml: missing at the top level: id, version, plugin_type",
        "parser E (mockforge plugin validate) accepts plugin.yaml",
        "the hosts know network.http as network:http, and by no other name",
        "no host knows the capability 'crypto.random'",
    ):
        assert f"note MF703: {said}" in text


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        (
            "MF103",
            ["*rust: build for wasm32-unknown-unknown*", "*tinygo: *", "*go: *", "*assemblyscript: *"],
        ),
        ("MF105", ["*tinygo: keep the text `tinygo`*", "*assemblyscript: compile with `asc --exportRuntime`*"]),
        ("MF106", ["*rust: *multivalue*", "*c: -mmultivalue*", "*zig: *adapt*"]),
        ("MF703", ["*any language: give info*"]),
    ],
)
def test_a_page_lists_the_mends_for_every_language(run: Run, code: str, lines: list[str]) -> None:
    result = run(f"--mockforge-explain={code}")
    assert result.ret == 0
    result.stdout.fnmatch_lines(lines)


def test_a_contract_failure_in_a_users_test_is_quoted_with_its_prefix(
    run: Run, tmp_path: Path, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        "def test_it(mockforge_plugin, mockforge_request):\n"
        "    mockforge_plugin.authenticate(mockforge_request.auth())\n"
    )
    result = run(f"--mockforge-plugin={write(tmp_path, module())}", "--mockforge-checks=none")
    result.stdout.fnmatch_lines(["*MockForge would say: Plugin execution error: Failed to parse output JSON: *"])
