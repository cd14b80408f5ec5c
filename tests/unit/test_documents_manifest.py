"""Manifests of every shape that MockForge's documents show, and those that nobody meant to write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.manifest import Manifest, Remote, read_manifest
from pytest_mockforge.errors import DocumentError

if TYPE_CHECKING:
    from pathlib import Path

AUTH, TEMPLATE = Operation.AUTHENTICATE, Operation.TEMPLATE_FUNCTION
RESPONSE, DATASOURCE = Operation.GENERATE_RESPONSE, Operation.QUERY_DATASOURCE


def manifest_of(folder: Path, text: str) -> Manifest:
    path = folder / "plugin.yaml"
    path.write_text(text)
    return read_manifest(path)


def problems_of(folder: Path, text: str) -> dict[str, str]:
    return {problem.pointer: problem.message for problem in manifest_of(folder, text).problems}


V1 = """\
plugin:
  id: badge-reader
  version: "0.3.1"
  name: Badge reader
  description: Admits whoever shows a badge
  types: [auth, template]
  author: {name: Ada, email: ada@example.org}
  license: MIT
  keywords: [badge]
capabilities:
  network: {allow_http_outbound: true, allowed_hosts: [badges.example.org, "*.example.net"]}
  filesystem: {allow_read: true, allow_write: false, allowed_paths: [/etc/badges]}
  resources: {max_memory_bytes: 10485760, max_cpu_time_ms: 1000, max_concurrent_requests: 4}
dependencies: []
configuration:
  schema:
    type: object
    properties: {door: {type: integer, minimum: 1}}
"""
V1_REMOTE = """\
plugin:
  id: badge-service
  version: "1.0.0"
  name: Badge service
  types: [auth]
  runtime: remote
remote:
  protocol: http
  endpoint: http://127.0.0.1:8080
  timeout_ms: 1500
  retry_policy: {max_retries: 2, backoff_ms: 50}
  health_check: {enabled: true, endpoint: /health, interval_seconds: 30}
capabilities:
  network: {allow_outbound: true}
dependencies: []
"""
V2 = """\
id: rows-from-file
name: Rows from a file
version: "2.0.0"
types:
  - datasource
author: {name: Ada}
capabilities:
  filesystem: {allow_read: true}
  resources: {max_memory_bytes: 5000000, max_execution_time_ms: 250}
config_schema: {type: object, properties: {path: {type: string}}}
dependencies: []
"""
V3 = """\
id: teapot
version: "0.1.0"
name: Teapot
author: {name: Ada}
plugin_type: response
capabilities:
  network: false
  filesystem: true
resource_limits:
  max_memory_bytes: 10485760
  max_cpu_time_ms: 5000
"""
V4 = """\
name: coin-flip
version: "1.2.0"
author: Ada
type: template
category: randomness
tags: [coin]
runtime: {wasm_version: "1.0", memory_limit_mb: 32, execution_timeout_ms: 1000, cpu_limit_percent: 10}
capabilities: [network.http.client, storage.file.read, storage.key_value, crypto.random]
config_schema: {type: object}
exports: [flip]
include: [README.md]
mockforge: {min: "0.3.0"}
"""
V5 = """\
name: door-keeper
version: "1.0.0"
author: Ada
type: authentication
capabilities: ["authentication"]
dependencies:
  - {name: hashing, version: "1"}
runtime: {memory_limit: 64MB, execution_timeout: 5s}
permissions: {network_access: true, file_read: [/etc], file_write: false}
"""
V6 = """\
id: starter
name: Starter
version: "0.1.0"
author: Ada
type: response
capabilities:
  network: {allow_http: true, allowed_hosts: [api.example.org]}
  filesystem: {read_paths: [/data], write_paths: []}
  resources: {max_memory_bytes: 67108864, max_cpu_percent: 50, max_execution_time_ms: 5000}
config_schema: {type: object}
"""
V7 = """\
name: token-shop
version: "3.1.4"
author: {name: Ada, email: ada@example.org, url: "https://example.org"}
category: auth
language: Rust
tags: [tokens]
license: MIT
dependencies: {token-base: {version: "1.0"}}
features: [offline]
security:
  permissions: ["network:http", "filesystem:read", "env:read"]
  network_access: [tokens.example.org]
performance: {memory_limit: 100MB}
"""
V8 = """\
info:
  id: strict
  version: {major: 1, minor: 2, patch: 3, pre_release: beta.1, build: null}
  name: Strict
  description: ""
  author: {name: Ada}
capabilities: ["network:http", "filesystem:write"]
dependencies: {}
"""
V9 = """\
manifest_version: "1.0"
plugin:
  id: core
  name: Core
  version: {major: 0, minor: 9, patch: 0}
  types: [data_source, response_generator]
  keywords: []
capabilities:
  network: {allow_http: false, allowed_hosts: [], max_connections: 8}
  filesystem: {read_paths: [], write_paths: [/out], allow_temp_files: true}
  resources:
    max_memory_bytes: 1048576
    max_cpu_percent: 0.5
    max_execution_time_ms: 100
    max_concurrent_executions: 2
  custom: {}
dependencies: []
config_schema: {version: "1.0", properties: {}, required: []}
metadata: {}
"""


@pytest.mark.parametrize(
    ("text", "shape", "identity", "operations", "capabilities", "limits"),
    [
        pytest.param(
            V1,
            "V1",
            ("badge-reader", "Badge reader", "0.3.1"),
            {AUTH, TEMPLATE},
            {"network", "filesystem:read"},
            (10_485_760, 1000, 4),
            id="V1",
        ),
        pytest.param(
            V1_REMOTE,
            "V1",
            ("badge-service", "Badge service", "1.0.0"),
            {AUTH},
            {"network"},
            (None, None, None),
            id="V1 remote",
        ),
        pytest.param(
            V2,
            "V2",
            ("rows-from-file", "Rows from a file", "2.0.0"),
            {DATASOURCE},
            {"filesystem:read"},
            (5_000_000, 250, None),
            id="V2",
        ),
        pytest.param(
            V3,
            "V3",
            ("teapot", "Teapot", "0.1.0"),
            {RESPONSE},
            {"filesystem:read", "filesystem:write"},
            (10_485_760, 5000, None),
            id="V3",
        ),
        pytest.param(
            V4,
            "V4",
            (None, "coin-flip", "1.2.0"),
            {TEMPLATE},
            {"network", "filesystem:read", "storage.key_value", "crypto.random"},
            (32_000_000, 1000, None),
            id="V4",
        ),
        pytest.param(
            V5,
            "V5",
            (None, "door-keeper", "1.0.0"),
            {AUTH},
            {"authentication", "network", "filesystem:read"},
            (64_000_000, 5000, None),
            id="V5",
        ),
        pytest.param(
            V6,
            "V6",
            ("starter", "Starter", "0.1.0"),
            {RESPONSE},
            {"network", "filesystem:read"},
            (67_108_864, 5000, None),
            id="V6",
        ),
        pytest.param(
            V7,
            "V7",
            (None, "token-shop", "3.1.4"),
            {AUTH},
            {"network", "filesystem:read", "env:read"},
            (100_000_000, None, None),
            id="V7",
        ),
        pytest.param(
            V8,
            "V8",
            ("strict", "Strict", "1.2.3-beta.1"),
            set(),
            {"network", "filesystem:write"},
            (None, None, None),
            id="V8",
        ),
        pytest.param(
            V9,
            "V9",
            ("core", "Core", "0.9.0"),
            {DATASOURCE, RESPONSE},
            {"filesystem:write", "filesystem:temp"},
            (1_048_576, 100, 2),
            id="V9",
        ),
    ],
)
def test_every_shape_comes_to_the_same_model(
    tmp_path: Path,
    text: str,
    shape: str,
    identity: tuple[str | None, str, str],
    operations: set[Operation],
    capabilities: set[str],
    limits: tuple[int | None, int | None, int | None],
) -> None:
    manifest = manifest_of(tmp_path, text)
    assert manifest.shape == shape
    assert (manifest.id, manifest.name, manifest.version) == identity
    assert manifest.operations == operations
    assert manifest.capabilities == capabilities
    assert (manifest.memory_bytes, manifest.time_ms, manifest.concurrency) == limits
    assert manifest.unknown_types == frozenset()
    assert manifest.problems == ()


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        (V1, ("badges.example.org", "*.example.net")),
        (V2, ()),
        (V6, ("api.example.org",)),
        (V7, ("tokens.example.org",)),
    ],
)
def test_allowed_hosts_are_given_as_they_are_written(tmp_path: Path, text: str, hosts: tuple[str, ...]) -> None:
    assert manifest_of(tmp_path, text).allowed_hosts == hosts


@pytest.mark.parametrize(("text", "key"), [(V1, "properties"), (V2, "properties"), (V4, "type"), (V9, "required")])
def test_the_config_schema_is_given_wherever_it_stands(tmp_path: Path, text: str, key: str) -> None:
    schema = manifest_of(tmp_path, text).config_schema
    assert schema is not None
    assert key in schema


def test_no_config_schema_is_none(tmp_path: Path) -> None:
    assert manifest_of(tmp_path, V3).config_schema is None


@pytest.mark.parametrize(("text", "language"), [(V7, "rust"), (V1_REMOTE, "remote"), (V4, None), (V1, None)])
def test_the_language_is_given_where_it_is_stated(tmp_path: Path, text: str, language: str | None) -> None:
    assert manifest_of(tmp_path, text).language == language


def test_the_remote_section_is_read(tmp_path: Path) -> None:
    expected = Remote(protocol="http", endpoint="http://127.0.0.1:8080", timeout_ms=1500, max_retries=2)
    assert manifest_of(tmp_path, V1_REMOTE).remote == expected
    assert manifest_of(tmp_path, V1).remote is None


def test_each_capability_keeps_the_spellings_that_asked_for_it(tmp_path: Path) -> None:
    spellings = manifest_of(tmp_path, V4 + "permissions: {network_access: true}\n").spellings
    assert spellings["network"] == ("network.http.client", "permissions.network_access")


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("types: [Auth]", AUTH),
        ("types: [auth-plugin]", AUTH),
        ("plugin_type: authentication", AUTH),
        ("type: token_resolver", TEMPLATE),
        ("type: Template Function", TEMPLATE),
        ("type: response-generator", RESPONSE),
        ("type: data-source", DATASOURCE),
        ("category: datasource", DATASOURCE),
        ("plugin: {type: response}", RESPONSE),
    ],
)
def test_an_operation_is_known_by_any_of_its_spellings(tmp_path: Path, text: str, operation: Operation) -> None:
    manifest = manifest_of(tmp_path, text)
    assert manifest.operations == {operation}
    assert manifest.unknown_types == frozenset()


def test_a_type_that_names_no_operation_is_kept_apart(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "types: [auth, Middleware]")
    assert manifest.operations == {AUTH}
    assert manifest.unknown_types == {"Middleware"}


def test_a_category_beside_a_type_is_no_type(tmp_path: Path) -> None:
    assert manifest_of(tmp_path, "type: auth\ncategory: security").unknown_types == frozenset()


@pytest.mark.parametrize("text", ["{}", "hello: world", "id: x\nname: y"])
def test_a_mapping_without_a_known_shape_is_unknown(tmp_path: Path, text: str) -> None:
    assert manifest_of(tmp_path, text).shape == "unknown"


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("plugin: {id: quick, types: [auth]}", "V1"),
        ("type: auth\ncapabilities: [storage.key_value]", "V4"),
        ("type: auth\ncapabilities: [authentication]", "V5"),
        ("type: auth\npermissions: {file_read: true}", "V5"),
        ("type: auth\ncapabilities: {}", "V6"),
        ("plugin: {version: {major: 1, minor: 0, patch: 0}}", "V9"),
    ],
)
def test_a_sketch_of_a_shape_is_still_that_shape(tmp_path: Path, text: str, shape: str) -> None:
    assert manifest_of(tmp_path, text).shape == shape


@pytest.mark.parametrize(
    ("text", "pointer", "message"),
    [
        ("version: 1.10", "/version", "expected text, got the number 1.1; quote it to make it text"),
        ("id: 7", "/id", "expected text, got the number 7; quote it to make it text"),
        ("id: ' '", "/id", "expected text, got an empty one"),
        ("name: [a]", "/name", "expected text, got a list"),
        ("name: {a: b}", "/name", "expected text, got a mapping"),
        ("plugin: text", "/plugin", "expected a mapping, got text 'text'"),
        ("types: auth", "/types", "expected a list of texts, got text 'auth'"),
        ("types: [auth, 3]", "/types/1", "expected text, got the number 3"),
        ("capabilities: yes", "/capabilities", "expected a mapping, got text 'yes'"),
        ("capabilities: [3]", "/capabilities/0", "expected text, got the number 3"),
        ("capabilities: {network: yes}", "/capabilities/network", "expected true, false or a mapping, got text 'yes'"),
        (
            "capabilities: {network: {allow_http: no}}",
            "/capabilities/network/allow_http",
            "expected true, false or a list, got text 'no'",
        ),
        (
            "info: {version: {major: 1, minor: -1, patch: 0}}",
            "/info/version",
            "expected major, minor and patch as whole numbers of 32 bits",
        ),
        ("config_schema: [a]", "/config_schema", "expected a mapping, got a list"),
        ("remote: {protocol: carrier-pigeon}", "/remote/protocol", "expected http or grpc, got text 'carrier-pigeon'"),
        (
            "remote: {endpoint: localhost}",
            "/remote/endpoint",
            "expected a URL such as http://127.0.0.1:8080, got text 'localhost'",
        ),
        (
            "remote: {retry_policy: {max_retries: -1}}",
            "/remote/retry_policy/max_retries",
            "expected a whole number of retries from 0 to 1000, got the number -1",
        ),
    ],
)
def test_a_wrong_value_is_a_problem_that_says_what_was_expected(
    tmp_path: Path, text: str, pointer: str, message: str
) -> None:
    assert problems_of(tmp_path, text) == {pointer: message}


def test_no_and_on_as_strings_grant_nothing(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "capabilities: {network: on, filesystem: no}")
    assert manifest.capabilities == frozenset()
    assert [problem.pointer for problem in manifest.problems] == ["/capabilities/network", "/capabilities/filesystem"]


def test_no_and_on_as_names_stay_text(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "id: no\nname: on")
    assert (manifest.id, manifest.name, manifest.problems) == ("no", "on", ())


def test_a_problem_names_its_line(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "# head\nid: x\ncapabilities:\n  network:\n    allow_http: 1\n")
    assert [problem.line for problem in manifest.problems] == [5]


def test_a_value_left_out_is_no_problem(tmp_path: Path) -> None:
    assert problems_of(tmp_path, "id:\ntypes:\ncapabilities:\nremote:\nruntime: {memory_limit: }") == {}


@pytest.mark.parametrize("text", ["- a", "just text", "7", "null"])
def test_a_manifest_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DocumentError, match=rf"{os.sep}plugin\.yaml:1:1: a manifest of another kind") as caught:
        manifest_of(tmp_path, text)
    assert "\n  expected: a mapping\n" in str(caught.value)


def test_a_manifest_with_a_duplicate_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"plugin\.yaml:3:1: the key 'id' stands twice"):
        manifest_of(tmp_path, "id: a\nname: b\nid: c\n")
