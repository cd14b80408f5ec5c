"""A dialect that an extension adds: stands before it, so that its defects are named and not taken for the plugin's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.json_text import Json
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.errors import RemoteFailure, RequestError

if TYPE_CHECKING:
    from pytest_mockforge.additions import Origin
    from pytest_mockforge.contract.dialects import Dialect

MEMBERS = ("encode", "decode", "refusal", "refused", "carried")
"""What a dialect has beside its name."""


class AddedDialect:
    """A dialect of an extension's."""

    def __init__(self, given: Dialect, origin: Origin) -> None:
        self.name = given.name
        self._given = given
        self._origin = origin

    def encode(self, request: Request) -> bytes:
        """Write a request. Raises RequestError for what the dialect cannot carry."""
        __tracebackhide__ = True
        with self._origin.named(self._what("encode"), allowed=RequestError):
            written: object = self._given.encode(request)
        if not isinstance(written, bytes):
            raise self._origin.misused(self._what("encode"), expected="bytes", got=written)
        return written

    def decode(self, operation: Operation, payload: bytes) -> Decoded:
        """Read a reply."""
        __tracebackhide__ = True
        with self._origin.named(self._what("decode")):
            decoded: object = self._given.decode(operation, payload)
        if not isinstance(decoded, Decoded):
            raise self._origin.misused(self._what("decode"), expected="Decoded", got=decoded)
        return decoded

    def refusal(self, operation: Operation, failure: RemoteFailure) -> str | None:
        """Give the words of a refusal where an answer with an error status is one."""
        with self._origin.named(self._what("refusal")):
            return self._words("refusal", self._given.refusal(operation, failure))

    def refused(self, operation: Operation, payload: bytes) -> str | None:
        """Give the words of a refusal where a reply is one."""
        with self._origin.named(self._what("refused")):
            return self._words("refused", self._given.refused(operation, payload))

    def carried(self, operation: Operation, reply: Json) -> Json:
        """Reduce an expected reply to what the dialect holds."""
        with self._origin.named(self._what("carried")):
            return self._given.carried(operation, reply)

    def _what(self, member: str) -> str:
        return f"{member} of the dialect {self.name!r}"

    def _words(self, member: str, words: object) -> str | None:
        if words is None or isinstance(words, str):
            return words
        raise self._origin.misused(self._what(member), expected="text or None", got=words)
