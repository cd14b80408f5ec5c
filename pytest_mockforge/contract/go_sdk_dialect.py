"""The sdk dialect as a module of the published Go SDK speaks it: no envelope, an argument a text (contract 4.2, 5.1).

The form that the sdk dialect takes on the `go-sdk` calling convention; what users see is `sdk`. Knows nothing of how
the texts cross the border.
"""

from __future__ import annotations

from dataclasses import replace

from pytest_mockforge.contract import sdk_shapes
from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.json_text import Json, dump, parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import AuthRequest, Request, TemplateCall
from pytest_mockforge.contract.sdk_dialect import SdkDialect
from pytest_mockforge.contract.shapes import described
from pytest_mockforge.contract.violations import Violation
from pytest_mockforge.errors import RemoteFailure, RequestError

_SEPARATOR = "\0"
_ERROR_KEYS = {"message", "code"}
_LONGEST_WORDS = 300


class GoSdkDialect:
    """What a module built with the published Go SDK takes and answers.

    An error is `{"message": text, "code": number}` in place of the result, and nothing tells the two apart: a template
    value of exactly these two keys is taken for an error.
    """

    name = "sdk"

    def encode(self, request: Request) -> bytes:
        """Write the arguments of `request` one after another, a NUL between two of them.

        `authenticate` has two, context and credentials; a template function three, its name as it is, the array of
        arguments and the context. Raises `RequestError` as the sdk dialect does, for a name with a NUL in it, and for
        responses and queries: the Go SDK exports nothing for them.
        """
        operation = request.operation
        if not isinstance(request, AuthRequest | TemplateCall):
            raise RequestError(
                f"{operation}: the published Go SDK exports nothing for it",
                hint="test authenticate and template functions, or export the operation as the host wants it",
            )
        written = parse(SdkDialect().encode(request)).value
        if not isinstance(written, dict):
            raise RequestError(
                f"{operation}: the request is nested too deeply", hint="a plugin reads 127 levels at most"
            )
        if isinstance(request, AuthRequest):
            return _joined(dump(written["context"]), dump(written["credentials"]))
        if _SEPARATOR in request.function_name:
            raise RequestError(
                f"{operation}: the name of a function cannot hold a NUL under the sdk dialect of a Go module",
                got=repr(request.function_name),
                hint="leave it out: it stands between the arguments",
            )
        return _joined(request.function_name.encode(), dump(written["args"]), dump(written["context"]))

    def decode(self, operation: Operation, payload: bytes) -> Decoded:
        """Read the result, or the error in its place, which is a violation that quotes it; never raises.

        `value` has the host's shape and holds only what the reply carried, as with services of the sdk dialect.
        """
        parsed = parse(payload)
        if parsed.host_message is not None:
            return Decoded(violations=parsed.violations)
        value = parsed.value
        if _is_error(operation, value):
            hint = '{"authenticated": false, …} says no' if operation is Operation.AUTHENTICATE else None
            got = f"the error {_words(value)}"
            error = Violation(kind="semantics", pointer="", expected="a result", got=got, hint=hint)
            return Decoded(value=value, violations=(*parsed.violations, error))
        if operation is Operation.TEMPLATE_FUNCTION:
            return Decoded(reply=value, value=value, violations=parsed.violations)
        return _read(operation, value, parsed.violations)

    def refused(self, operation: Operation, payload: bytes) -> str | None:
        """Give the words of an error that is a refusal, else None.

        `authenticate` has a reply that says no, so that an error of it is a failure.
        """
        if operation is Operation.AUTHENTICATE:
            return None
        value = parse(payload).value
        return _words(value) if _is_error(operation, value) else None

    def refusal(self, operation: Operation, failure: RemoteFailure) -> str | None:  # noqa: ARG002 - as a dialect has it
        """None: a module answers with no status."""
        return None

    def carried(self, operation: Operation, reply: Json) -> Json:
        """Leave out of an expected reply what the published SDKs have no place for (`sdk_shapes.carried`)."""
        return sdk_shapes.carried(operation, reply)


def _joined(*parts: bytes) -> bytes:
    return _SEPARATOR.encode().join(parts)


def _is_error(operation: Operation, value: Json) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("message"), str) or type(value.get("code")) is not int:
        return False
    return value.keys() == _ERROR_KEYS or (operation is Operation.AUTHENTICATE and "authenticated" not in value)


def _words(error: Json) -> str:
    """Quote an error in one printable line."""
    assert isinstance(error, dict)
    text = "".join(letter if letter.isprintable() else " " for letter in str(error["message"]))
    if len(text) > _LONGEST_WORDS:
        text = text[: _LONGEST_WORDS - 1] + "…"
    return f'"{text}" (code {error["code"]})'


def _read(operation: Operation, value: Json, before: tuple[Violation, ...]) -> Decoded:
    """Read a bare result by the rules for the one in an envelope, but for claims that Go left nil."""
    if operation is Operation.AUTHENTICATE and isinstance(value, dict) and value.get("claims", 0) is None:
        value = {**value, "claims": {}}
        before = (*before, _NIL_CLAIMS)
    read = sdk_shapes.read_reply(operation, dump({"success": True, "result": value}))
    violations = (*before, *map(_bare, read.violations))
    if not read.ok:
        return Decoded(value=value, violations=violations)
    return Decoded(reply=read.reply, value=read.value, violations=violations)


def _bare(violation: Violation) -> Violation:
    return replace(violation, pointer=violation.pointer.removeprefix("/result"))


_NIL_CLAIMS = Violation(
    kind="semantics",
    pointer="/claims",
    expected="an object",
    got=described(None),
    severity="note",
    hint="a nil map is written as null: make(map[string]any) gives {}, and null is an error to the host",
)
