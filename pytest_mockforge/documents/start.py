"""`start:` and `remote:` of `plugin.test.yaml`: how a service is started, or where one runs already.

Reads both strictly into frozen values. Starts nothing, asks no environment and opens no connection; whether a file may
start commands at all is for the run to say. A secret is never in the file: its environment variable is named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pytest_mockforge.additions import current
from pytest_mockforge.documents import pointers
from pytest_mockforge.documents.fields import Fields, fields_at, wrong_value
from pytest_mockforge.documents.files import shown
from pytest_mockforge.documents.quantities import DURATION_FORMS, parse_duration
from pytest_mockforge.documents.wording import did_you_mean, nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mockforge.documents.yaml12 import JsonValue

ServiceProtocol = Literal["http", "grpc"]
AuthType = Literal["bearer", "api-key"]

READY_PATH = "/health"
"""Where the host asks whether a service is healthy, behind the endpoint's own path (contract 4.1)."""

_START_KEYS = ("command", "cwd", "env", "protocol", "ready", "ready_timeout", "prefix")
_REMOTE_KEYS = ("url", "auth", "ca")
_AUTH_KEYS = ("type", "env")
_PLACEHOLDERS = ("port", "python")
_BRACED = re.compile(r"\{(\w+)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_URL_PATH = re.compile(r"/[!-~]*")
_SCHEMES = ("http", "https", "grpc", "grpcs")
_AS_LIST = 'write a list, one word an entry, as in ["{python}", app.py, --port, "{port}"]; no shell reads it'


@dataclass(frozen=True, kw_only=True, slots=True)
class StartCommand:
    """How a service is started and known to be ready.

    In words of `command` and values of `env`, `{port}` stands for the port and `{python}` for the interpreter that runs
    the tests. `cwd` is absolute or counts from the working directory. `ready` is a path from the server's root; for
    gRPC the service name that its health service is asked for, "" for the server as a whole. `ready_timeout` is in
    seconds. `prefix` stands between the server's root and `/plugin`.
    """

    command: tuple[str, ...]
    cwd: Path = Path()
    env: Mapping[str, str] = field(default_factory=dict)
    protocol: ServiceProtocol = "http"
    ready: str = READY_PATH
    ready_timeout: float = 30.0
    prefix: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteAuth:
    """How the host shows who it is; `env` names the environment variable that holds the secret."""

    type: AuthType
    env: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteService:
    """A service that runs already; `ca` is a file of certificates to trust instead of the machine's own."""

    url: str
    auth: RemoteAuth | None = None
    ca: Path | None = None


def read_start(top: Fields) -> StartCommand | None:
    """Read `start` out of the top of a `plugin.test.yaml`; None where there is none.

    Raises DocumentError.
    """
    fields = _inner(top, "start", _START_KEYS)
    if fields is None:
        return None
    protocol = _choice(fields, "protocol", ("http", "grpc")) if "protocol" in fields else "http"
    prefix = _prefix(fields, protocol)
    return StartCommand(
        command=_command(fields),
        cwd=_cwd(fields),
        env=_env(fields),
        protocol="grpc" if protocol == "grpc" else "http",
        ready=_ready(fields, protocol, prefix),
        ready_timeout=_ready_timeout(fields),
        prefix=prefix,
    )


def read_remote(top: Fields) -> RemoteService | None:
    """Read `remote` out of the top of a `plugin.test.yaml`; None where there is none.

    Raises DocumentError, also where `start` stands beside it.
    """
    fields = _inner(top, "remote", _REMOTE_KEYS)
    if fields is None:
        return None
    if "start" in top:
        hint = "keep 'start' for a service that a run is to start, 'remote' for one that runs already"
        raise top.error("remote", "both 'start' and 'remote' are given", hint=hint)
    url = _url(fields)
    return RemoteService(url=url, auth=_auth(fields), ca=_ca(fields, url))


def _inner(top: Fields, key: str, keys: tuple[str, ...]) -> Fields | None:
    if key not in top:
        return None
    return fields_at(top.document, pointers.joined(top.pointer, key), top.mapping[key], name=f"'{key}'", keys=keys)


def _choice(fields: Fields, key: str, valid: tuple[str, ...]) -> str:
    text = fields.text(key)
    if text not in valid:
        raise fields.error(key, f"{quoted(text)} is no {key}", hint=did_you_mean(text, valid))
    return text


def _command(fields: Fields) -> tuple[str, ...]:
    if not isinstance(fields.mapping.get("command", []), list):
        raise fields.wrong("command", expected="a list", hint=_AS_LIST)
    words = tuple(_word(fields, pointer, value) for pointer, value in fields.items("command"))
    if not words or not words[0].strip():
        what = "the first word of 'command' is empty" if words else "'start' has no 'command'"
        raise fields.document.error(pointers.joined(fields.pointer, "command"), what, hint=_AS_LIST)
    return words


def _word(fields: Fields, pointer: str, value: JsonValue) -> str:
    if isinstance(value, dict) and len(value) == 1 and set(value.values()) == {None}:
        hint = f'quote it: "{{{next(iter(value))}}}"'
        raise wrong_value(
            fields.document,
            pointer,
            value,
            name="a word of 'command'",
            expected="text: YAML reads bare braces",
            hint=hint,
        )
    return _text(fields, pointer, value, "a word of 'command'")


def _text(fields: Fields, pointer: str, value: JsonValue, name: str) -> str:
    """Read text in which placeholders stand; it may be empty."""
    document = fields.document
    if not isinstance(value, str):
        raise wrong_value(document, pointer, value, name=name, expected="text", hint="quote it to make it text")
    if "\0" in value:
        raise document.error(pointer, f"{name} holds a NUL character", hint="no command can be given one: remove it")
    for word in _BRACED.findall(value):
        # Other braces are the command's own; only what is nearly a placeholder is taken for a slip.
        if word not in _PLACEHOLDERS and nearest(word, _PLACEHOLDERS):
            raise document.error(pointer, f"unknown placeholder {{{word}}}", hint=did_you_mean(word, _PLACEHOLDERS))
    return value


def _cwd(fields: Fields) -> Path:
    """Find the folder that the command runs in.

    It may lie outside the file's own: a service is often started from its project's root, and confining a command that
    can go anywhere by itself would protect nothing. What protects is that no run starts it unasked.
    """
    folder = fields.document.path.absolute().parent
    if "cwd" not in fields:
        return folder
    text = fields.text("cwd")
    path = folder / text
    try:
        found = path.is_dir()
    except ValueError:
        found = False
    if not found:
        what = f"'cwd' of 'start' is no folder: {quoted(text)}"
        raise fields.error("cwd", what, hint=f"it counts from the file's own folder, {shown(folder)}")
    return path


def _env(fields: Fields) -> dict[str, str]:
    base = pointers.joined(fields.pointer, "env")
    env: dict[str, str] = {}
    for name, value in fields.json_mapping("env").items():
        pointer = pointers.joined(base, name)
        if not name or "=" in name or "\0" in name:
            raise fields.document.error(pointer, f"{quoted(name)} is no variable's name", hint="write NAME: VALUE")
        if name == "PORT":
            hint = "remove it; a variable of another name may hold {port}"
            raise fields.document.error(pointer, "PORT is chosen anew at each start", hint=hint)
        env[name] = _text(fields, pointer, value, f"{quoted(name)} of 'env'")
    return env


def _prefix(fields: Fields, protocol: str) -> str:
    if fields.mapping.get("prefix", "") == "":
        return ""
    text = fields.text("prefix")
    if protocol == "grpc":
        raise fields.error("prefix", "a gRPC service has no 'prefix'", hint="remove it")
    if not _URL_PATH.fullmatch(text) or text.endswith("/") or "?" in text or "#" in text:
        hint = "write it as /v1: with a '/' before it, none behind it, without spaces and query"
        raise fields.error("prefix", f"{quoted(text)} is no prefix of a path", hint=hint)
    return text


def _ready(fields: Fields, protocol: str, prefix: str) -> str:
    if "ready" not in fields:
        return "" if protocol == "grpc" else prefix + READY_PATH
    text = fields.text("ready")
    if protocol == "http" and (not _URL_PATH.fullmatch(text) or "#" in text):
        hint = "write it from the server's root, as /health, without spaces"
        raise fields.error("ready", f"{quoted(text)} is no path", hint=hint)
    return text


def _ready_timeout(fields: Fields) -> float:
    if "ready_timeout" not in fields:
        return 30.0
    try:
        seconds = parse_duration(fields.text("ready_timeout"))
    except ValueError as error:
        raise fields.error("ready_timeout", f"'ready_timeout' of 'start': {error}", hint="write 30s") from None
    if seconds <= 0:
        raise fields.error("ready_timeout", "'ready_timeout' leaves no time at all", hint=f"write {DURATION_FORMS}")
    return seconds


def _url(fields: Fields) -> str:
    text = fields.text("url")
    hint = "write http://HOST:PORT, https://…, grpc://HOST:PORT or grpcs://…"
    try:
        parts = urlsplit(text)
        hostname, _ = parts.hostname, parts.port
    except ValueError as error:
        raise fields.error("url", f"{quoted(text)} is no URL: {error}", hint=hint) from None
    schemes = (*_SCHEMES, *current().runtimes)
    if parts.scheme not in schemes:
        what = f"{quoted(text)} has none of the schemes that a service can have"
        raise fields.error("url", what, hint=did_you_mean(parts.scheme, schemes))
    # Never quoted: what stands before the @ may be a password.
    if parts.username is not None or parts.password is not None:
        raise fields.error("url", "the URL holds a user or password", hint="name the secret's variable under 'auth'")
    if not hostname or parts.query or parts.fragment or not text.isprintable() or " " in text:
        raise fields.error("url", f"{quoted(text)} is no address of a service", hint=f"{hint}, without query")
    return text


def _auth(fields: Fields) -> RemoteAuth | None:
    if "auth" not in fields:
        return None
    inner = _inner_auth(fields)
    kind = _choice(inner, "type", ("bearer", "api-key"))
    variable = inner.text("env")
    if not _VARIABLE.fullmatch(variable):
        # Not quoted: what is no name may be the secret itself.
        hint = "write the name of the environment variable that holds the secret, as PLUGIN_TOKEN"
        raise inner.error("env", "'env' of 'auth' is no name of a variable", hint=hint)
    return RemoteAuth(type="api-key" if kind == "api-key" else "bearer", env=variable)


def _inner_auth(fields: Fields) -> Fields:
    value = fields.mapping["auth"]
    pointer = pointers.joined(fields.pointer, "auth")
    for key in value if isinstance(value, dict) else ():
        if key in ("token", "value", "key", "secret", "password"):
            what = f"'auth' holds a secret under {key!r}"
            hint = "put it into an environment variable and write env: NAME"
            raise fields.document.error(pointers.joined(pointer, key), what, hint=hint)
    return fields_at(fields.document, pointer, value, name="'auth'", keys=_AUTH_KEYS)


def _ca(fields: Fields, url: str) -> Path | None:
    if "ca" not in fields:
        return None
    text = fields.text("ca")
    if urlsplit(url).scheme not in ("https", "grpcs"):
        raise fields.error("ca", "'ca' is given for a URL without TLS", hint="remove it, or write https:// or grpcs://")
    folder = fields.document.path.absolute().parent
    path = folder / text
    try:
        found = path.is_file()
    except ValueError:
        found = False
    if not found:
        hint = f"it counts from the file's own folder, {shown(folder)}"
        raise fields.error("ca", f"'ca' of 'remote' is no file: {quoted(text)}", hint=hint)
    return path
