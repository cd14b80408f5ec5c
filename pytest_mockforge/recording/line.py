"""The lines of a recording: a header that names format and version, then one JSON object a call. Pure.

A request stands as a sample of `plugin.test.yaml` would write it, so that it can be asked of a plugin with another
dialect; what no sample can say stands as its fields, and what `call_raw` carried as the bytes that travelled. A reply
stands in the host's shape, whatever was spoken.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final, Literal

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.contract.requests import from_mapping
from pytest_mockforge.errors import RequestError
from pytest_mockforge.fuzz.corpus_file import MODELS, StoredPayload, UnreadableCase, one_line, payload_bytes
from pytest_mockforge.masking import Redactor, placeholders

FORMAT: Final = "mockforge-recording"
VERSION: Final = 1
LONGEST_LINE: Final = 8 * 1024 * 1024
"""Bytes of one line; a call that needs more is left out."""
LARGEST: Final = 256 * 1024 * 1024
"""Bytes of a recording; calls that come later are left out."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line."""

    format: Literal["mockforge-recording"]
    version: Literal[1]
    made_by: dict[str, str] = {}


class RecordedCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One call; exactly one of `request`, `model` and `payload` says what was asked."""

    test: str = ""
    """The id of the test; empty outside of any."""
    plugin: str
    """The label of the plugin."""
    operation: Operation
    dialect: str = ""
    """What was spoken with the plugin; empty for bytes that a test wrote itself."""
    request: dict[str, object] | None = None
    model: dict[str, object] | None = None
    payload: StoredPayload | None = None
    outcome: str
    """`reply`, `refused`, `broken`, a trap's code, a border's detail, `status-500`, `timeout`, …"""
    accepted: bool = False
    """Whether the plugin said yes: authenticated, a 2xx, a value, or rows."""
    limited: bool = False
    """Whether a limit ended the call."""
    reply: StoredPayload | None = None
    status: int | None = None
    """The status of a service's answer, HTTP's or gRPC's."""
    fresh: bool = False
    """Whether no call came before it in its instance."""
    fuel: int | None = None
    milliseconds: float = 0.0
    """Time within the plugin, border included."""

    @property
    def key(self) -> str:
        """Give what tells one request from another: twelve hexadecimal digits."""
        asked = [self.operation.value, self.request, self.model, self.payload and msgspec.json.encode(self.payload)]
        return sha256(json.dumps(asked, sort_keys=True, default=bytes.decode).encode()).hexdigest()[:12]

    @property
    def masked(self) -> frozenset[str]:
        """Give the names of the secrets that were taken out of the request."""
        payload = payload_bytes(self.payload) if self.payload is not None else None
        return placeholders([self.request, self.model, payload])

    def asked(self, redactor: Redactor) -> Request | bytes:
        """Make what was asked again, with the secrets that `redactor` knows. Raises UnreadableCase."""
        if self.payload is not None:
            return redactor.restore_data(payload_bytes(self.payload))
        try:
            if self.request is not None:
                form = redactor.restore(self.request)
                assert isinstance(form, dict)
                return from_mapping(self.operation, form)
            return msgspec.convert(redactor.restore(self.model), MODELS[self.operation])
        except (RequestError, msgspec.ValidationError) as error:
            raise UnreadableCase(one_line(f"holds a request that cannot be made: {error}")) from None
