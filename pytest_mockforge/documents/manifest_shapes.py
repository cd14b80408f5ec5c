"""The nine manifest shapes of contract 7.1 as data: where each fact may stand, how it is spelled, what it comes to.

Works on plain values and gives plain values; collects what is wrong instead of raising. Knows neither files nor
lines: `manifest` adds both.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents import pointers

if TYPE_CHECKING:
    from pytest_mockforge.documents.manifest_facts import Facts
    from pytest_mockforge.documents.yaml12 import JsonValue

#: What a plugin says that it is, in every spelling seen (contract 7.1, 7.2 C, 7.4), without a trailing "plugin".
OPERATION_NAMES: dict[str, Operation] = {
    **dict.fromkeys(
        ("auth", "authentication", "authenticate", "authenticator"),
        Operation.AUTHENTICATE,
    ),
    **dict.fromkeys(
        ("template", "templates", "template_function", "template_functions", "token_resolver"),
        Operation.TEMPLATE_FUNCTION,
    ),
    **dict.fromkeys(
        ("response", "responses", "response_generator", "generate_response"),
        Operation.GENERATE_RESPONSE,
    ),
    **dict.fromkeys(
        ("datasource", "data_source", "datasources", "data_sources", "query_datasource"),
        Operation.QUERY_DATASOURCE,
    ),
}

#: Capability names of lists (contract 7.4) with what each comes to; others are kept as they are written.
CAPABILITY_NAMES: dict[str, str] = {
    **dict.fromkeys(("network", "network:http", "network.http", "network.http.client"), "network"),
    **dict.fromkeys(("filesystem:read", "filesystem.read", "storage.file.read", "file_read"), "filesystem:read"),
    **dict.fromkeys(("filesystem:write", "filesystem.write", "storage.file.write", "file_write"), "filesystem:write"),
    **dict.fromkeys(("env:read", "env.read"), "env:read"),
}

#: Keys of mappings with the capabilities that `true`, or a list that is not empty, asks for.
_MAPPED_CAPABILITIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("/capabilities/network/allow_http", ("network",)),
    ("/capabilities/network/allow_http_outbound", ("network",)),
    ("/capabilities/network/allow_outbound", ("network",)),
    ("/permissions/network_access", ("network",)),
    ("/capabilities/filesystem/allow_read", ("filesystem:read",)),
    ("/capabilities/filesystem/read_paths", ("filesystem:read",)),
    ("/permissions/file_read", ("filesystem:read",)),
    ("/capabilities/filesystem/allow_write", ("filesystem:write",)),
    ("/capabilities/filesystem/write_paths", ("filesystem:write",)),
    ("/permissions/file_write", ("filesystem:write",)),
    ("/capabilities/filesystem/allow_temp_files", ("filesystem:temp",)),
)
_SWITCHED_CAPABILITIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("/capabilities/network", ("network",)),
    ("/capabilities/filesystem", ("filesystem:read", "filesystem:write")),
)

_LANGUAGES = frozenset(
    {"rust", "tinygo", "go", "assemblyscript", "c", "zig", "python", "javascript", "typescript", "remote"}
)
_V4_RUNTIME = frozenset({"wasm_version", "memory_limit_mb", "execution_timeout_ms", "cpu_limit_percent"})


def shape_of(data: dict[str, JsonValue]) -> str:
    """Name the shape (contract 7.1) that these keys speak of: V1 to V9, or unknown."""
    if isinstance(data.get("info"), dict):
        return "V8"
    if isinstance(plugin := data.get("plugin"), dict):
        return "V9" if "manifest_version" in data or isinstance(plugin.get("version"), dict) else "V1"
    for keys, shape in ((("manifest_version",), "V9"), (("plugin_type",), "V3"), (("types",), "V2")):
        if any(key in data for key in keys):
            return shape
    return _flat_shape(data)


def _flat_shape(data: dict[str, JsonValue]) -> str:
    runtime = data.get("runtime")
    runtime_keys = set(runtime) if isinstance(runtime, dict) else set()
    capabilities = data.get("capabilities")
    if "type" not in data:
        registry = {"category", "security", "performance", "features", "language"}
        return "V7" if len(registry & set(data)) >= 2 else "unknown"
    if "permissions" in data or runtime_keys & {"memory_limit", "execution_timeout"}:
        return "V5"
    if runtime_keys & _V4_RUNTIME or {"exports", "include", "mockforge", "category"} & set(data):
        return "V4"
    if isinstance(capabilities, dict):
        return "V6"
    if isinstance(capabilities, list):
        return "V4" if any(isinstance(name, str) and "." in name for name in capabilities) else "V5"
    return "unknown"


def operations(facts: Facts) -> tuple[frozenset[Operation], frozenset[str]]:
    """Give the declared operations, and the declared types that are none."""
    named: list[str] = []
    for pointer in ("/plugin/types", "/types", "/info/types"):
        named += facts.texts(pointer)
    for pointer in ("/plugin_type", "/type", "/plugin/type", "/plugin/plugin_type"):
        text = facts.text(pointer)
        named += [text] if text else []
    # A category is also a shelf in the registry ("security"), so it is only asked where no type is given.
    if not named and (category := facts.text("/category", "/plugin/category")):
        named.append(category)
    known = {name: OPERATION_NAMES.get(_plain_type(name)) for name in named}
    return (
        frozenset(operation for operation in known.values() if operation),
        frozenset(name for name, operation in known.items() if operation is None),
    )


def _plain_type(name: str) -> str:
    words = re.sub(r"[\s-]+", "_", name.strip().lower())
    return words.removesuffix("_plugin")


def capabilities(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Give the capabilities that are asked for, each with the spellings it was asked in."""
    asked: dict[str, tuple[str, ...]] = {}

    def ask(names: tuple[str, ...], spelling: str) -> None:
        for name in names:
            asked[name] = (*asked.get(name, ()), spelling)

    listed: tuple[str, ...] = ()
    if isinstance(facts.at("/capabilities"), list):
        listed = facts.texts("/capabilities")
    else:
        facts.section("/capabilities")
    facts.section("/permissions")
    for name in (*listed, *facts.texts("/security/permissions")):
        ask((CAPABILITY_NAMES.get(name.strip().lower(), name),), name)
    for pointer, names in _MAPPED_CAPABILITIES:
        value = facts.at(pointer)
        if not isinstance(value, bool | list | None):
            facts.wrong(pointer, "true, false or a list")
        elif value:
            ask(names, _dotted(pointer))
    for pointer, names in _SWITCHED_CAPABILITIES:
        value = facts.at(pointer)
        if not isinstance(value, bool | dict | None):
            facts.wrong(pointer, "true, false or a mapping")
        elif value is True:
            ask(names, _dotted(pointer))
    return asked


def _dotted(pointer: str) -> str:
    return ".".join(pointers.segments(pointer))


def allowed_hosts(facts: Facts) -> tuple[str, ...]:
    """Give the hosts that the plugin may reach, as they are written."""
    places = ("/capabilities/network/allowed_hosts", "/capabilities/allowed_hosts", "/security/network_access")
    return tuple(dict.fromkeys(host for pointer in places for host in facts.texts(pointer)))


def version(facts: Facts, pointer: str) -> str | None:
    """Give the version as text, from text or from the mapping of contract 7.2 A."""
    value = facts.at(pointer)
    if not isinstance(value, dict):
        return facts.text(pointer)
    parts = [value.get(key) for key in ("major", "minor", "patch")]
    if any(isinstance(part, bool) or not isinstance(part, int) or not 0 <= part < 2**32 for part in parts):
        facts.problem(pointer, "expected major, minor and patch as whole numbers of 32 bits")
        return None
    suffixes = (("pre_release", "-"), ("build", "+"))
    texts = (
        f"{mark}{text}" for key, mark in suffixes if (text := facts.text(pointers.joined(pointer, key))) is not None
    )
    return ".".join(map(str, parts)) + "".join(texts)


def language(facts: Facts) -> str | None:
    """Give the language that the manifest states, in lower case; `remote` for a service."""
    stated = facts.text("/language", "/plugin/language")
    if stated:
        return stated.strip().lower()
    for pointer in ("/plugin/runtime", "/runtime", "/runtime/language"):
        value = facts.at(pointer)
        if isinstance(value, str) and value.strip().lower() in _LANGUAGES:
            return value.strip().lower()
    return None


def module(facts: Facts) -> str | None:
    """Give the `.wasm` file that the manifest names, as it is written."""
    keys = ("module", "wasm", "wasm_file", "wasm_module")
    values = (facts.at(f"{section}/{key}") for section in ("", "/plugin", "/runtime") for key in keys)
    return next((value for value in values if isinstance(value, str) and value.lower().endswith(".wasm")), None)
