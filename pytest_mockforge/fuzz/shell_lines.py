"""What was found in a service, as lines for a shell: curl for HTTP, grpcurl for gRPC, secrets as $VARIABLES.

The lines are ASCII and for bash or zsh. Whatever may go wrong on the way through a shell is given to `printf`, and read
from its output. Knows no plugin.
"""

from __future__ import annotations

import json
import re
import shlex
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import urlsplit

from pytest_mockforge.contract.json_text import dump, parse
from pytest_mockforge.errors import RequestError
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.masking import PLACEHOLDER, Redactor
from pytest_mockforge.runtimes.remote.roads import PATHS, joined

AuthKind = Literal["bearer", "api-key"]

_LONGEST_WORD = 100_000
"""Bytes of one argument of a program; Linux takes 131,072."""
_RUN = re.compile(rb"(.)\1{255,}", re.DOTALL)
_PLAIN = re.compile(rb"[\x20-\x7e\n]*")
_SLICE = re.compile(r"(.+)\.([0-9]+)-([0-9]+)")
_PROTO = '"$(python -c \'from importlib.resources import files; print(files("pytest_mockforge") / "proto")\')"'


def curl_line(
    discovery: Discovery,
    endpoint: str,
    *,
    secrets: Mapping[str, str] | None = None,
    auth: AuthKind | None = None,
) -> str:
    """Write the calls of a discovery for curl, a line each, the one that shows it last.

    `secrets` are all that the requests can hold, by name (`masking.named_secrets`); where None, what stands under a
    telling name is taken for one. `auth` tells how the service is proved to; its secret is $MOCKFORGE_SECRET.
    """
    redactor = Redactor(secrets, by_name=secrets is None)
    header = {
        "bearer": ' --header "Authorization: Bearer $MOCKFORGE_SECRET"',
        "api-key": ' --header "X-API-Key: $MOCKFORGE_SECRET"',
    }

    def line(case: Case) -> str:
        url = shlex.quote(joined(endpoint, PATHS[case.operation]))
        head = "curl --silent --show-error --header 'Content-Type: application/json'"
        head += header[auth] if auth is not None else ""
        return _with_body(_masked(case.payload, redactor), lambda body: f"{head} --data-binary {body} {url}")

    return "\n".join(map(line, (*discovery.before, discovery.case)))


def grpcurl_line(
    discovery: Discovery,
    target: str,
    *,
    secrets: Mapping[str, str] | None = None,
    auth: AuthKind | None = None,
) -> str:
    """Write the calls of a discovery for grpcurl, a line each; `target` is a `grpc://` or `grpcs://` URL, or HOST:PORT.

    Raises RequestError where the bytes are nothing that `plugin.proto` can carry.
    """
    from pytest_mockforge.proto.messages import method_path

    redactor = Redactor(secrets, by_name=secrets is None)
    place = urlsplit(target).netloc if "://" in target else target
    plain = "" if target.startswith("grpcs://") else " -plaintext"
    header = {
        "bearer": ' -H "authorization: Bearer $MOCKFORGE_SECRET"',
        "api-key": ' -H "x-api-key: $MOCKFORGE_SECRET"',
    }

    def line(case: Case) -> str:
        head = f"grpcurl{plain} -import-path {_PROTO} -proto plugin.proto"
        head += header[auth] if auth is not None else ""
        end = f"{shlex.quote(place)} {method_path(case.operation)[1:]}"
        masked = _masked(json.dumps(_proto_json(case), ensure_ascii=False).encode(), redactor)
        return _with_body(masked, lambda body: f"{head} -d {'@' if body == '@-' else body} {end}")

    return "\n".join(map(line, (*discovery.before, discovery.case)))


# --- quoting ----------------------------------------------------------------------------------------------------------


def _masked(payload: bytes, redactor: Redactor) -> bytes:
    parsed = parse(payload)
    if parsed.ok:
        try:
            if dump(parsed.value) == payload:
                return dump(redactor.value(parsed.value))
        except RequestError:
            pass
    return redactor.data(payload)


def _with_body(body: bytes, command: Callable[[str], str]) -> str:
    """Write a command with its body as an argument, or piped into it where an argument cannot hold it."""
    # An @ in front would be the name of a file.
    if len(body) <= _LONGEST_WORD and _PLAIN.fullmatch(body) and not body.startswith(b"@") and not _RUN.search(body):
        return command(_argument(body))
    return f"{_printed(body)} | {command('@-')}"


def _argument(body: bytes) -> str:
    pieces = PLACEHOLDER.split(body.decode())
    words = [
        _variable(piece) if number % 2 else (shlex.quote(piece) if piece else "") for number, piece in enumerate(pieces)
    ]
    return "".join(words) or "''"


def _printed(body: bytes) -> str:
    """Write a command that prints these bytes; what repeats is printed in a loop."""
    commands: list[str] = []
    done = 0
    for run in _RUN.finditer(body):
        commands += _printf(body[done : run.start()])
        commands.append(f"printf '{_octal(run[1])}%.0s' $(seq {len(run[0])})")
        done = run.end()
    commands += _printf(body[done:])
    return commands[0] if len(commands) == 1 else f"{{ {'; '.join(commands)}; }}" if commands else "printf ''"


def _printf(piece: bytes) -> list[str]:
    if not piece:
        return []
    pieces = PLACEHOLDER.split(piece.decode("latin-1"))
    text = "%s".join(_octal(part.encode("latin-1")) for part in pieces[::2])
    return [" ".join((f"printf '{text}'", *map(_variable, pieces[1::2])))]


def _octal(data: bytes) -> str:
    special = {0x25: "%%", 0x5C: "\\\\", 0x27: "'\\''"}
    return "".join(special.get(byte) or (chr(byte) if 0x20 <= byte <= 0x7E else f"\\{byte:03o}") for byte in data)


def _variable(name: str) -> str:
    """Give a variable for a placeholder, of a piece of a secret a piece of its value."""
    cut = _SLICE.fullmatch(name)
    whole = re.sub(r"[^A-Z0-9]+", "_", (cut[1] if cut else name).upper())
    word = whole if whole[0].isalpha() else f"SECRET_{whole}"
    return f'"${{{word}:{cut[2]}:{int(cut[3]) - int(cut[2])}}}"' if cut else f'"${word}"'


# --- protobuf's JSON --------------------------------------------------------------------------------------------------


def _proto_json(case: Case) -> object:
    """Write a request's message as protobuf's own JSON, which grpcurl takes."""
    from pytest_mockforge.proto.json_form import request_to_wire
    from pytest_mockforge.proto.messages import WireError, decode, request_name

    name = request_name(case.operation)
    try:
        # What was changed on the wire is a message already.
        written = case.payload if case.family else request_to_wire(case.operation, case.payload)
        fields = decode(name, written)
    except WireError as error:
        raise RequestError(f"{case.operation}: gRPC cannot carry this request: {error}") from None
    return _plain(fields)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    # 64 bits are text in protobuf's JSON; so are 32, if one likes.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
