"""MockForge's five manifest parsers (contract 7.2), on manifests of every shape that is found (7.1, 7.3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mockforge.documents.manifest import read_manifest
from pytest_mockforge.documents.yaml12 import load
from pytest_mockforge.hosts.manifest_parsers import ParserVerdict, parser_a, parser_b, parser_c, parser_e, verdicts
from tests.judging import MANIFEST

V1 = """
plugin:
  id: tokens
  version: "1.2.0"
  name: Tokens
  description: Reads tokens
  types: [auth]
  author: {name: Someone, email: someone@example.org}
capabilities:
  network: {allow_http_outbound: true, allowed_hosts: [api.example.org]}
  filesystem: {allow_read: false, allow_write: false}
dependencies: []
configuration:
  schema: {type: object}
"""
V2 = """
id: basic
version: "0.2.0"
name: Basic
types: [auth]
author: {name: Someone}
capabilities:
  network: {allow_http_outbound: false}
dependencies: []
config_schema: {type: object}
"""
V3 = """
id: fresh
version: 0.1.0
name: fresh
description: Made by the command line
author: {name: Someone, email: someone@example.org}
plugin_type: auth
capabilities: {network: false, filesystem: false}
resource_limits: {max_memory_bytes: 10485760, max_cpu_time_ms: 5000}
"""
V7 = """
name: registered
version: 2.0.1
description: For the registry
author: {name: Someone, email: someone@example.org, url: "https://example.org"}
category: auth
language: rust
tags: [auth]
license: MIT
dependencies:
  token-validator: {version: "^1.0", optional: false}
runtime: {wasm: plugin.wasm}
"""
QUICK_START = """
plugin: {id: quick, version: "0.1.0"}
"""
B = """
manifest_version: "1.0"
plugin:
  id: demo
  name: demo
  version: {major: 1, minor: 0, patch: 0}
  types: [auth]
  keywords: []
capabilities:
  network: {allow_http: false, allowed_hosts: [], max_connections: 0}
  filesystem: {read_paths: [], write_paths: [], allow_temp_files: false}
  resources: {max_memory_bytes: 1, max_cpu_percent: 1, max_execution_time_ms: 1, max_concurrent_executions: 1}
  custom: {}
dependencies: [{id: base, version: "1", optional: true}]
metadata: {}
"""
SCHEMA = """
config_schema:
  version: "1.0"
  properties:
    depth: {type: number, default: 3, validation: {min: 1, max: 9}, description: how deep, deprecated: false}
    names: {type: array}
  required: [depth]
"""
C = """
name: demo-1
version: 1.0.0
description: d
author: {name: Me}
license: MIT
tags: [a, b]
category: other
dependencies: {base: "^1"}
"""


def asked(folder: Path, text: str) -> dict[str, ParserVerdict]:
    path = folder / "plugin.yaml"
    path.write_text(text, "utf-8")
    return {verdict.parser: verdict for verdict in verdicts(load(path))}


def with_crate(folder: Path, text: str = 'crate-type = ["cdylib"]\nmockforge-plugin-sdk = "0"\n') -> None:
    (folder / "src").mkdir()
    (folder / "src" / "lib.rs").write_text("", "utf-8")
    (folder / "Cargo.toml").write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        (
            V1,
            {
                "A": "capabilities: invalid type: map, expected a sequence",
                "B": 'plugin.version: invalid type: string "1.2.0", expected struct PluginVersion',
                "C": "dependencies: invalid type: sequence, expected a map",
                "D": "missing at the top level: id, version, plugin_type",
            },
        ),
        (
            V2,
            {
                "A": "capabilities: invalid type: map, expected a sequence",
                "B": "capabilities.network: missing field `allow_http`",
                "C": "dependencies: invalid type: sequence, expected a map",
                "D": "missing at the top level: plugin_type",
            },
        ),
        (
            V3,
            {
                "A": "capabilities: invalid type: map, expected a sequence",
                "B": "capabilities.network: invalid type: boolean `false`, expected struct NetworkCapabilities",
                "C": "missing field `license`",
                "D": None,
            },
        ),
        (
            V7,
            {
                "A": "dependencies.token-validator: missing field `major`",
                "B": "dependencies: invalid type: map, expected a sequence",
                "C": "dependencies.token-validator: invalid type: map, expected a string",
                "D": "missing at the top level: id, plugin_type",
            },
        ),
        (QUICK_START, {"A": "missing field `info`"}),
    ],
    ids=["V1", "V2", "V3", "V7", "quick start"],
)
def test_shapes_that_are_published_are_refused_for_the_reasons_of_the_contract(
    text: str, reasons: dict[str, str | None], tmp_path: Path
) -> None:
    with_crate(tmp_path)
    found = asked(tmp_path, text)
    for parser, reason in reasons.items():
        got = found[parser].reason
        assert (got is None) if reason is None else str(got).startswith(reason)
    assert found["E"].reason == found["A"].reason


@pytest.mark.parametrize(
    ("text", "shape"), [(V1, "V1"), (V2, "V2"), (V3, "V3"), (V7, "V7"), (MANIFEST, "V8"), (B, "V9")]
)
def test_these_manifests_have_the_shapes_they_stand_for(text: str, shape: str, tmp_path: Path) -> None:
    (tmp_path / "plugin.yaml").write_text(text, "utf-8")
    assert read_manifest(tmp_path / "plugin.yaml").shape == shape


def test_a_reason_names_line_and_column(tmp_path: Path) -> None:
    assert str(asked(tmp_path, V2)["A"].reason).endswith("at line 7 column 1")


def test_the_smallest_manifest_is_accepted_by_the_loader(tmp_path: Path) -> None:
    found = asked(tmp_path, MANIFEST)
    assert found["A"].reason is found["E"].reason is None


@pytest.mark.parametrize(
    "line",
    [
        "  id: demo",
        "  version: {major: 0, minor: 1, patch: 0}",
        "  name: demo",
        '  description: ""',
        "  author: {name: Me}",
        "capabilities: []",
        "dependencies: {}",
    ],
)
def test_each_line_of_the_smallest_manifest_is_needed(line: str, tmp_path: Path) -> None:
    assert line in MANIFEST
    key = line.strip().partition(":")[0]
    assert f"missing field `{key}`" in str(asked(tmp_path, MANIFEST.replace(f"{line}\n", ""))["A"].reason)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("major: 0", "major: -1", "info.version.major: invalid value: integer `-1`, expected u32"),
        ("major: 0", "major: 4294967296", "info.version.major: invalid value: integer `4294967296`, expected u32"),
        ("major: 0", "major: true", "info.version.major: invalid type: boolean `true`, expected u32"),
        ("id: demo", "id: true", "info.id: invalid type: boolean `true`, expected a string"),
        ("major: 0", 'major: "0"', 'info.version.major: invalid type: string "0", expected u32'),
        ("patch: 0}", "patch: 0, build: 7}", "info.version.build: invalid type: integer `7`, expected a string"),
        ("{name: Me}", "Me", 'info.author: invalid type: string "Me", expected struct PluginAuthor'),
        ("id: demo", "id: null", "info.id: invalid type: unit value, expected a string"),
        ("capabilities: []", "capabilities: [1.5]", "capabilities.0: invalid type: floating point `1.5`, expected a"),
        ("dependencies: {}", "dependencies: []", "dependencies: invalid type: sequence, expected a map"),
        ("id: demo", 'id: ""', "info.id is empty"),
        ("name: demo", 'name: ""', "info.name is empty"),
    ],
)
def test_the_loaders_parser_says_what_it_minds(old: str, new: str, reason: str, tmp_path: Path) -> None:
    assert str(asked(tmp_path, MANIFEST.replace(old, new))["A"].reason).startswith(reason)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("patch: 0}", "patch: 0, build: null, pre_release: rc1}"),
        ("{name: Me}", "{name: Me, email: null, url: 7}"),
        ("info:", "unknown: [1]\ninfo:"),
        ("dependencies: {}", "dependencies: {base: {major: 1, minor: 2, patch: 3}}"),
    ],
)
def test_the_loaders_parser_leaves_the_rest_alone(old: str, new: str, tmp_path: Path) -> None:
    assert asked(tmp_path, MANIFEST.replace(old, new))["A"].reason is None


def test_validation_lists_all_errors_at_once(tmp_path: Path) -> None:
    bad = MANIFEST.replace("id: demo", 'id: ""').replace(
        "dependencies: {}", "dependencies: {a/b: {major: 1, minor: 0, patch: 0}}"
    )
    reason = asked(tmp_path, bad)["E"].reason
    assert str(reason).startswith("Manifest validation failed with 2 errors: info.id is empty, the dependency id 'a/b'")


@pytest.mark.parametrize("text", [B, B + SCHEMA])
def test_the_cores_loader_accepts_its_own_shape(text: str, tmp_path: Path) -> None:
    assert asked(tmp_path, text)["B"].reason is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('manifest_version: "1.0"', "manifest_version: 1.0", "manifest_version: invalid type: floating point"),
        ('manifest_version: "1.0"', 'manifest_version: "2.0"', "manifest_version is '2.0', not '1.0'"),
        ('manifest_version: "1.0"', "", "missing field `manifest_version`"),
        ("  name: demo", '  name: "  "', "plugin.name is blank"),
        ("types: [auth]", "types: []", "plugin.types is empty"),
        ("  keywords: []\n", "", "plugin: missing field `keywords`"),
        (", max_connections: 0", "", "capabilities.network: missing field `max_connections`"),
        (", allow_temp_files: false", "", "capabilities.filesystem: missing field `allow_temp_files`"),
        ("max_cpu_percent: 1", "max_cpu_percent: all", "capabilities.resources.max_cpu_percent: invalid type"),
        ("  custom: {}\n", "", "capabilities: missing field `custom`"),
        ('version: "1", optional', 'version: " ", optional', "the dependency 'base' has a blank version"),
        (", optional: true", "", "dependencies.0: missing field `optional`"),
        ("metadata: {}", "", "missing field `metadata`"),
        ('version: "1.0"\n  properties', 'version: "1.1"\n  properties', "config_schema.version is '1.1', not '1.0'"),
        ("type: number", "type: integer", "config_schema.properties.depth.type: unknown variant `integer`"),
        ("default: 3", "default: three", "the default of 'depth' is no number"),
        ("default: 3", "default: true", "the default of 'depth' is no number"),
        ("required: [depth]", "required: [width]", "config_schema.required names 'width', which is no property"),
        ("  required: [depth]\n", "", "config_schema: missing field `required`"),
        ("{min: 1, max: 9}", "{min_length: -1}", "config_schema.properties.depth.validation.min_length: invalid value"),
    ],
)
def test_the_cores_loader_says_what_it_minds(old: str, new: str, reason: str, tmp_path: Path) -> None:
    text = B + SCHEMA
    assert old in text
    assert str(asked(tmp_path, text.replace(old, new, 1))["B"].reason).startswith(reason)


def test_the_registry_accepts_its_own_shape(tmp_path: Path) -> None:
    assert asked(tmp_path, C)["C"].reason is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("name: demo-1", "name: Demo", "the name is not"),
        ("name: demo-1", f"name: {'d' * 51}", "the name is not"),
        ("version: 1.0.0", "version: 1.0.0.0", "the version is not three numbers"),
        ("version: 1.0.0", "version: 1.0.4294967296", "the version is not three numbers"),
        ("version: 1.0.0", f"version: 1.0.{'9' * 5000}", "the version is not three numbers"),
        ("version: 1.0.0", "version: 1.0.0-rc1", "the version is not three numbers"),
        ("description: d", 'description: ""', "the description is not"),
        ("description: d", f"description: {'ä' * 250}x", "the description is not"),
        ("license: MIT", 'license: ""', "the license or the author's name is empty"),
        ("{name: Me}", '{name: ""}', "the license or the author's name is empty"),
        ("[a, b]", f"[{', '.join('abcdefghijk')}]", "there are more than 10 tags"),
        ("[a, b]", f"[{'t' * 21}]", "there are more than 10 tags"),
        ("category: other", "category: security", "category: unknown variant `security`"),
        ("category: other", "category: 3", "category: invalid type: integer `3`"),
        ("license: MIT\n", "", "missing field `license`"),
    ],
)
def test_the_registry_says_what_it_minds(old: str, new: str, reason: str, tmp_path: Path) -> None:
    assert str(asked(tmp_path, C.replace(old, new))["C"].reason).startswith(reason)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: demo-1", f"name: {'d' * 50}"),
        ("version: 1.0.0", "version: 1.0.4294967295"),
        ("description: d", f"description: {'ä' * 250}"),
        ("[a, b]", f"[{', '.join('abcdefghij')}]"),
        ("[a, b]", f"[{'t' * 20}]"),
    ],
)
def test_the_registry_takes_values_up_to_their_limits(old: str, new: str, tmp_path: Path) -> None:
    assert asked(tmp_path, C.replace(old, new))["C"].reason is None


def test_the_plugin_command_wants_a_rust_crate(tmp_path: Path) -> None:
    reason = asked(tmp_path, V3)["D"].reason
    assert reason == "not found: Cargo.toml, src/lib.rs, without which no plugin passes, in whatever language"
    with_crate(tmp_path)
    assert asked(tmp_path, V3)["D"].reason is None


def test_the_plugin_command_wants_a_textual_id(tmp_path: Path) -> None:
    with_crate(tmp_path)
    assert asked(tmp_path, V3.replace("id: fresh", "id: 7"))["D"].reason == "id is no text"


def test_the_plugin_command_only_warns_of_the_rest(tmp_path: Path) -> None:
    with_crate(tmp_path, "")
    verdict = asked(tmp_path, V3.replace("name: fresh\n", ""))["D"]
    assert verdict.reason is None
    assert verdict.warnings == ("no name", "no cdylib in Cargo.toml", "no mockforge-plugin-sdk in Cargo.toml")


@pytest.mark.parametrize("text", ["[]\n", "7\n", "a: [1, {b: 2}]\n", "info: 3\ncapabilities: x\n", "plugin: [1]\n"])
def test_no_document_breaks_a_parser(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plugin.yaml"
    path.write_text(text, "utf-8")
    document = load(path)
    assert all(parser(document) for parser in (parser_a, parser_b, parser_c, parser_e))
    assert len(verdicts(document)) == 5
