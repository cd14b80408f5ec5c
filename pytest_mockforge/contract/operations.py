"""The four operations and what each is called on every road to a plugin. Knows nothing of runtimes."""

from __future__ import annotations

from enum import StrEnum


class Operation(StrEnum):
    """One of the four things MockForge asks of a plugin; the value is the WASM export's name (contract 1.3 to 1.6)."""

    AUTHENTICATE = "authenticate"
    TEMPLATE_FUNCTION = "template_function"
    GENERATE_RESPONSE = "generate_response"
    QUERY_DATASOURCE = "query_datasource"

    @property
    def host_type(self) -> str | None:
        """Name of the type that the host parses the reply into; None for template functions, which give any JSON."""
        return _HOST_TYPES[self]


_HOST_TYPES: dict[Operation, str | None] = {
    Operation.AUTHENTICATE: "AuthResponse",
    Operation.TEMPLATE_FUNCTION: None,
    Operation.GENERATE_RESPONSE: "ResponseData",
    Operation.QUERY_DATASOURCE: "DataResult",
}
