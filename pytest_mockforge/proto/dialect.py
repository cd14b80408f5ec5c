"""What a service behind gRPC is asked: the host's JSON, and what `plugin.proto` has a place for beside it.

MockForge sends neither headers, bodies nor credentials to a plugin and has no gRPC client; a service that was written
for gRPC may want them all the same, as the published SDKs do. Knows nothing of messages.
"""

from __future__ import annotations

import msgspec

from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.contract.json_text import dump
from pytest_mockforge.contract.request_models import AuthRequest, Request, ResponseRequest


class ProtoDialect(HostDialect):
    """The `host` dialect with `headers`, `body` and `credentials` where a request has them; replies are the host's."""

    def encode(self, request: Request) -> bytes:
        """Write `request` as the host does, and what it has beyond that.

        Raises `RequestError` for what `plugin.proto` has no place for either (sort, filters, options), unless the
        request is lenient, and for a value that JSON cannot hold.
        """
        if not isinstance(request, AuthRequest | ResponseRequest):
            return super().encode(request)
        members = msgspec.json.decode(
            super().encode(msgspec.structs.replace(request, lenient=True)), type=dict[str, msgspec.Raw]
        )
        if request.headers:
            members["headers"] = msgspec.Raw(dump(request.headers))
        if request.body is not None:
            members["body"] = msgspec.Raw(dump(list(request.body)))
        if isinstance(request, AuthRequest) and request.credentials is not None:
            given = request.credentials
            members["credentials"] = msgspec.Raw(dump({"type": given.type, "token": given.token, "data": given.data}))
        return msgspec.json.encode(members, order="sorted")
