"""What a host asks of a plugin, as frozen values with the fields of contract 1.2 to 1.6.

Besides what the host sends, each request holds what the host has at hand and drops (headers, body, credentials, sort),
since the published SDKs expect some of it; the dialect decides what travels. Every default is fixed: no clock, no
random number, nothing of this process's environment. Change a value with `msgspec.structs.replace`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.rust_text import debug_text

SAMPLE_ENVIRONMENT: Mapping[str, str] = {"MOCKFORGE_ENV": "test"}
SAMPLE_REQUEST_ID = "6f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f"
SAMPLE_TIMESTAMP = "2026-01-02T03:04:05Z"
QUERY_TYPES = ("Select", "Insert", "Update", "Delete")


def custom(name: str) -> str:
    """Return the query type of a custom statement, as the host writes it: `Custom("name")` (contract 1.6)."""
    return f"Custom({debug_text(name)})"


def _sample_environment() -> dict[str, str]:
    return dict(SAMPLE_ENVIRONMENT)


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin's version, which travels as an object (contract 1.2)."""

    major: int = 0
    minor: int = 1
    patch: int = 0
    pre_release: str | None = None
    build: str | None = None


class PluginContext(msgspec.Struct, frozen=True, kw_only=True):
    """Which plugin is asked, and by which call (contract 1.2)."""

    plugin_id: str = "pytest-mockforge"
    version: Version = Version()
    timeout_ms: int = 5000
    request_id: str = SAMPLE_REQUEST_ID
    environment: Mapping[str, str] = msgspec.field(default_factory=_sample_environment)
    custom: Mapping[str, object] = {}


class RequestMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP request that a template is rendered for (contract 1.2)."""

    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = {}
    query_params: Mapping[str, str] = {}


class ResolutionContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a template function sees beside its arguments (contract 1.2)."""

    metadata: Mapping[str, str] = {}
    environment: Mapping[str, str] = msgspec.field(default_factory=_sample_environment)
    request_context: RequestMetadata | None = None
    timestamp: str = SAMPLE_TIMESTAMP


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller proves itself with; only the SDK dialect carries it (contract 4.2)."""

    type: Literal["bearer", "basic", "api_key"]
    token: str
    data: Mapping[str, str] = {}


class AuthRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call of `authenticate` (contract 1.3)."""

    operation: ClassVar[Operation] = Operation.AUTHENTICATE

    method: str = "GET"
    uri: str = "/"
    query_params: Mapping[str, str] = {}
    client_ip: str | None = None
    user_agent: str | None = None
    context: PluginContext = PluginContext()
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    credentials: Credentials | None = None
    lenient: bool = False


class TemplateCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of `template_function` (contract 1.4)."""

    operation: ClassVar[Operation] = Operation.TEMPLATE_FUNCTION

    function_name: str
    args: tuple[object, ...] = ()
    context: ResolutionContext = ResolutionContext()


class ResponseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call of `generate_response` (contract 1.5)."""

    operation: ClassVar[Operation] = Operation.GENERATE_RESPONSE

    method: str
    uri: str
    path: str
    path_params: Mapping[str, str] = {}
    query_params: Mapping[str, str] = {}
    client_ip: str | None = None
    user_agent: str | None = None
    context: PluginContext = PluginContext()
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    lenient: bool = False


class DataQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A call of `query_datasource` (contract 1.6). `query_type` is one of `QUERY_TYPES` or made by `custom`."""

    operation: ClassVar[Operation] = Operation.QUERY_DATASOURCE

    query: str
    query_type: str = "Select"
    parameters: Mapping[str, object] = {}
    limit: int | None = None
    offset: int | None = None
    context: PluginContext = PluginContext()
    sort: tuple[object, ...] = ()
    filters: tuple[object, ...] = ()
    options: Mapping[str, object] = {}
    lenient: bool = False


Request: TypeAlias = AuthRequest | TemplateCall | ResponseRequest | DataQuery
