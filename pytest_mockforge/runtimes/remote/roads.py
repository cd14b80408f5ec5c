"""Where a service answers each operation over HTTP (contract 4.1), and how paths join its URL. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_mockforge.contract.operations import Operation

PATHS: Mapping[Operation, str] = {
    Operation.AUTHENTICATE: "/plugin/authenticate",
    Operation.TEMPLATE_FUNCTION: "/plugin/template/execute",
    Operation.GENERATE_RESPONSE: "/plugin/response/generate",
    Operation.QUERY_DATASOURCE: "/plugin/datasource/query",
}
HEALTH = "/health"


def joined(endpoint: str, path: str) -> str:
    """Append a path as the host does, by plain concatenation: an endpoint that ends with a slash gives two (4.1)."""
    return endpoint + path


def doubled_slash(endpoint: str) -> str | None:
    """Say what the host would call when the endpoint ends with a slash; None when it does not."""
    if not endpoint.endswith("/"):
        return None
    return f"the URL ends with a slash, so MockForge would call {joined(endpoint, PATHS[Operation.AUTHENTICATE])}"
