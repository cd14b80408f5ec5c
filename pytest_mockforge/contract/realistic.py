"""Requests as a MockForge host meets them, by operation: what a plugin should live through whatever it does.

They need no plugin to accept them; a refusal in good form is a fine answer. Names and order are stable.
"""

from __future__ import annotations

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import (
    Request,
    RequestBuilder,
    RequestMetadata,
    ResolutionContext,
    custom,
)


class NamedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request with a stable name in kebab case."""

    name: str
    request: Request


def realistic_requests(operation: Operation) -> tuple[NamedRequest, ...]:
    """Return about a dozen requests of `operation`, all of which the host dialect carries."""
    built = _BUILDERS[operation](RequestBuilder())
    return tuple(NamedRequest(name=name, request=request) for name, request in built.items())


_LONG = "abcdefgh" * 512
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0"
_IPV6 = "2001:db8:85a3::8a2e:370:7334"
_ASTRAL = "🎸𝄞👩‍💻"
_RIGHT_TO_LEFT = "שלום مرحبا"


def _auth(build: RequestBuilder) -> dict[str, Request]:
    return {
        "get-without-token": build.auth(uri="/api/users"),
        "get-with-token": build.auth(query={"token": "abc"}, uri="/api/users", client_ip="203.0.113.9"),
        "get-with-api-key": build.auth(query={"api_key": "k-12345"}, uri="/api/users"),
        "empty-token": build.auth(query={"token": ""}, uri="/api/users"),
        "post": build.auth(method="POST", uri="/api/users", user_agent="curl/8.5.0"),
        "put": build.auth(method="PUT", query={"token": "abc"}, uri="/api/users/7"),
        "patch": build.auth(method="PATCH", query={"token": "abc"}, uri="/api/users/7"),
        "delete": build.auth(method="DELETE", query={"token": "abc"}, uri="/api/users/7"),
        "unicode-token": build.auth(query={"token": f"ключ-{_ASTRAL}"}, uri="/caf%C3%A9"),
        "repeated-names": build.auth(uri="/search?token=first&token=last&q=a+b%26c&flag"),
        "long-uri": build.auth(query={"token": _LONG}, uri="/api/users"),
        "ipv6-browser": build.auth(query={"token": "abc"}, uri="/", client_ip=_IPV6, user_agent=_BROWSER),
        "proxy-chain": build.auth(uri="/", client_ip="203.0.113.9, 198.51.100.7", user_agent=""),
    }


def _template(build: RequestBuilder) -> dict[str, Request]:
    request = RequestMetadata(
        method="POST", path="/api/users/7", headers={"accept": "application/json"}, query_params={"x": "1"}
    )
    return {
        "one-text": build.template("upper", "abc"),
        "no-arguments": build.template("now"),
        "mixed-arguments": build.template("upper", "abc", 1, None),
        "empty-text": build.template("upper", ""),
        "whole-numbers": build.template("add", 2, -3, 2**53, 2**64 - 1, -(2**63)),
        "floats": build.template("add", 0.5, -0.0, 1e-7, 1e21, 123456.789),
        "booleans-and-null": build.template("choose", True, False, None),
        "nested-arguments": build.template("first", [[1, [2, {"three": [3]}]], []], {"a": {"b": {}}}),
        "astral-text": build.template("reverse", _ASTRAL),
        "right-to-left-text": build.template("upper", _RIGHT_TO_LEFT),
        "quotes-and-controls": build.template("upper", '"\\/\b\f\n\r\t\0\x1f\x7f</script>'),
        "long-text": build.template("upper", _LONG),
        "with-request-context": build.template("header", "accept", context=ResolutionContext(request_context=request)),
        "with-metadata": build.template(
            "env", "HOME", context=ResolutionContext(metadata={"tenant": "a"}, environment={"HOME": "/home/mockforge"})
        ),
        "unknown-function": build.template("no_such_function", "abc"),
    }


def _response(build: RequestBuilder) -> dict[str, Request]:
    params = {"id": "7"}
    return {
        "get": build.response("GET", "/api/users"),
        "get-root": build.response("GET", "/"),
        "get-one": build.response("GET", "/api/users/7", path_params=params, client_ip="203.0.113.9"),
        "get-with-query": build.response("GET", "/search", query={"q": "a b&c=d", "page": "2", "empty": ""}),
        "repeated-names": build.response("GET", "/search?tag=first&tag=last&flag"),
        "post": build.response("POST", "/api/users/7", query={"x": "1"}, path_params=params, user_agent="curl/8.5.0"),
        "put": build.response("PUT", "/api/users/7", path_params=params),
        "patch": build.response("PATCH", "/api/users/7", path_params=params),
        "delete": build.response("DELETE", "/api/users/7", path_params=params),
        "head": build.response("HEAD", "/api/users"),
        "options": build.response("OPTIONS", "/api/users"),
        "unicode-path": build.response("GET", "/café/日本", path_params={"place": "日本"}, query={"name": _ASTRAL}),
        "long-uri": build.response("GET", "/search", query={"q": _LONG}),
        "ipv6-browser": build.response("GET", "/", client_ip=_IPV6, user_agent=_BROWSER),
        "unknown-path": build.response("GET", "/no/such/path"),
    }


def _query(build: RequestBuilder) -> dict[str, Request]:
    everything = "SELECT * FROM users"
    return {
        "select": build.query(everything),
        "select-with-parameters": build.query(f"{everything} WHERE age >= :min_age", parameters={"min_age": 18}),
        "insert": build.query("INSERT INTO users (name) VALUES (:name)", type="Insert", parameters={"name": "Zoë"}),
        "update": build.query("UPDATE users SET active = :on", type="Update", parameters={"on": False}),
        "delete": build.query("DELETE FROM users WHERE id = :id", type="Delete", parameters={"id": 7}),
        "custom": build.query("VACUUM", type=custom("maintenance")),
        "custom-with-quotes": build.query("CALL x", type=custom('say "hi"\n\\é\u200b')),
        "limit-zero": build.query(everything, limit=0),
        "limit-and-offset": build.query(everything, limit=10, offset=20),
        "largest-limit": build.query(everything, limit=2**64 - 1, offset=2**64 - 1),
        "empty-query": build.query(""),
        "nested-parameters": build.query(everything, parameters={"in": [1, 2.5, None], "like": {"name": _ASTRAL}}),
        "unicode-query": build.query(f"{everything} WHERE name = '{_RIGHT_TO_LEFT}'"),
        "long-query": build.query(f"{everything} WHERE name = '{_LONG}'"),
    }


_BUILDERS = {
    Operation.AUTHENTICATE: _auth,
    Operation.TEMPLATE_FUNCTION: _template,
    Operation.GENERATE_RESPONSE: _response,
    Operation.QUERY_DATASOURCE: _query,
}
