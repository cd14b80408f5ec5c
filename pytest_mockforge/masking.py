"""The one redactor: takes secrets out of requests, replies and texts before they are kept or shown.

A secret is known (the tokens of an author's samples, what a service is called with) or told by where it stands: under
a name such as `password`, behind `Authorization:`, in the form of a token. A known one leaves a placeholder from which
`restore` brings it back; any other is gone for good. Pure, but for what extensions add: knows neither files
nor who asks.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeGuard
from urllib.parse import parse_qsl, quote_plus

from pytest_mockforge.additions import current

# No percent-encoding changes these characters, and none of them ends a header or a URI.
PLACEHOLDER: Final = re.compile(r"~secret\.([a-z0-9][a-z0-9.-]*)~")
"""What stands where a secret stood; its group is the name."""
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_SLICE = re.compile(r"(.+)\.([0-9]{1,9})-([0-9]{1,9})")
_LONGEST_NAME = 40

# --- what is a secret -------------------------------------------------------------------------------------------------

_WHOLE_NAMES = re.compile(r"auth|basic|bearer|credentials?|otp|pass|passcode|passphrase|pin|pwd|session|sid|signature")
_ENDINGS = re.compile(
    r".*(?:accesskey|apikey|authorization|cookies?|jwt|passwd|password|privatekey|secret|secretkey|sessionid|token)"
)
_SCHEME = re.compile(r"(?P<scheme>(?:bearer|basic|token|digest|apikey) +)(?P<rest>.+)", re.IGNORECASE | re.DOTALL)
#: What tells of a secret and is none itself, beside it in one object.
_HARMLESS_BESIDE = frozenset(("type", "kind", "scheme", "username", "user"))
_SHORTEST = 4
_LONGEST_CUT = 512
"""Characters of a known secret whose pieces are looked for."""
_PIECE = 8
"""Characters of a known secret that are masked also without the rest of it; of a short one two thirds."""

_SECRET_WORD = r"(?<![\w-])[\w-]{0,64}?(?:token|password|passwd|secret|api[-_]?key|authorization|cookie|session[-_]?id)"
_IN_TEXT = (
    # "password": "…", token='…'
    re.compile(rf"(?P<before>{_SECRET_WORD}['\"]? ?[:=] ?['\"])(?P<secret>[^'\"]+)", re.IGNORECASE),
    # ?token=…&
    re.compile(rf"(?P<before>{_SECRET_WORD}=)(?P<secret>[^\s&;,'\"#]+)", re.IGNORECASE),
    re.compile(
        r"(?P<before>\b(?:proxy-)?authorization: ?(?:\w+ )?|\b(?:set-)?cookie: ?|\bx-api-key: ?)(?P<secret>[^\s,'\"]+)",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<before>\b(?:bearer|basic) )(?P<secret>(?=[\w.~+/=-]*[0-9=_.])[\w.~+/=-]{8,})", re.IGNORECASE),
    re.compile(r"(?P<before>)(?P<secret>(?<![\w-])eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?)"),
    re.compile(r"(?P<before>)(?P<secret>\b(?:gh[pousr]_\w{20,}|AKIA[0-9A-Z]{16}|sk-[\w-]{20,}|xox[abprs]-[\w-]{10,}))"),
    re.compile(r"(?P<before>\w://[^\s/:@]*:)(?P<secret>[^\s/@]+)(?=@)"),
    re.compile(
        r"(?P<before>-----BEGIN [A-Z ]*PRIVATE KEY-----)(?P<secret>.+?)(?=-----END|\Z)",
        re.DOTALL,
    ),
)
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4}){2,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def is_secret_name(name: str) -> bool:
    """Tell whether what stands under this name is a secret: `X-API-Key`, `accessToken`, `db_password`, …"""
    bare = _NOT_IN_NAMES.sub("", name.lower())
    if _WHOLE_NAMES.fullmatch(bare) or _ENDINGS.fullmatch(bare):
        return True
    return any(one.secret and one.names_it(name) for one in current().redactions.values())


def named_secrets(requests: Iterable[tuple[str, Mapping[str, object]]]) -> dict[str, str]:
    """Give the secrets of requests by a name that stays: each pair is what a sample is called, and its request.

    The names, `a-known-token.token`, follow from the sample's name and the key alone, so that a placeholder of theirs
    can be restored in a later run.
    """
    found: dict[str, str] = {}
    for title, request in requests:
        for key, secret in _secrets_in(request):
            if secret in found.values():
                continue
            name, number = f"{slug(title)}.{slug(key)}", 2
            while name in found:
                name, number = f"{slug(title)}.{slug(key)}-{number}", number + 1
            found[name] = secret
    return found


def slug(text: str) -> str:
    """Make a word of lower-case letters, digits and hyphens."""
    return _NOT_IN_NAMES.sub("-", text.lower()).strip("-")[:_LONGEST_NAME].strip("-") or "x"


def _secrets_in(value: object, name: str = "", *, secret: bool = False) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [
            found
            for key, member in value.items()
            for found in _secrets_in(
                member, str(key), secret=is_secret_name(str(key)) or (secret and key not in _HARMLESS_BESIDE)
            )
        ]
    if name == "basic" and isinstance(value, list | tuple) and len(value) == 2:
        user, password = value
        joined = f"{user}:{password}".encode("utf-8", "replace")
        return [("password", str(password)), ("basic", b64encode(joined).decode())]
    if isinstance(value, list | tuple):
        return [found for item in value for found in _secrets_in(item, name, secret=secret)]
    if not isinstance(value, str) or not value:
        return []
    if secret:
        scheme = _SCHEME.fullmatch(value)
        return [(name, scheme["rest"] if scheme else value)]
    query = value.partition("?")[2]
    return [(key, member) for key, member in parse_qsl(query) if is_secret_name(key)]


def _is_made_up(text: str) -> bool:
    """Too little to be a secret: what a search shrinks a value to."""
    return len(text) < _SHORTEST or len(set(text)) < 3 or PLACEHOLDER.fullmatch(text) is not None


# --- taking it out ----------------------------------------------------------------------------------------------------


class Redactor:
    """Masks secrets; the same secret leaves the same placeholder, so that what was equal stays equal."""

    def __init__(
        self,
        known: Mapping[str, str] | None = None,
        *,
        by_name: bool = True,
        numbers: dict[str, int] | None = None,
        prefix: str = "",
    ) -> None:
        """Take the known secrets by name (`named_secrets`).

        Without `by_name`, values of requests are masked only where they are known, or pieces of what is known: for who
        made up all the others himself. Others are numbered behind `prefix`; `numbers` are those of an earlier redactor,
        which this one goes on with.
        """
        self._by_name = by_name
        self._known: dict[str, str] = {}
        for name, secret in (known or {}).items():
            self._known[name] = secret
            if (written := quote_plus(secret, errors="replace")) != secret:
                self._known[f"{name}.url"] = written
        self._names = {secret: name for name, secret in reversed(self._known.items())}
        # A longer one first: a short one may be a piece of it.
        telling = sorted((secret for secret in self._names if not _is_made_up(secret)), key=len, reverse=True)
        self._whole = _any_of(telling)
        self._stretches = [_Stretches(self._names[secret], secret) for secret in telling if len(secret) <= _LONGEST_CUT]
        self._numbers: dict[str, int] = {} if numbers is None else numbers
        self._prefix = prefix

    @property
    def lost(self) -> int:
        """How many secrets were masked that `restore` cannot bring back."""
        return len(self._numbers)

    def value(self, value: object) -> object:
        """Mask a request, a reply or a part of one: a copy with the same shape."""
        return self._value(value, secret=False)

    def text(self, text: str) -> str:
        """Mask a line that a person reads: what is known, and whatever looks like a secret."""
        masked = self._without_known(text, pieces=False)
        for secret in sorted(self._numbers, key=len, reverse=True):
            placeholder = self._number(secret)
            masked = _outside(masked, lambda part: part.replace(secret, placeholder))  # noqa: B023 - called at once
        return self._without_formed(masked)

    def data(self, data: bytes) -> bytes:
        """Mask bytes that need not be JSON, nor text: what is known, pieces of it, and by name what can be told."""
        return self._data(data)

    def restore(self, value: object) -> object:
        """Put known secrets back in their places; other placeholders stay."""
        return _mapped(value, self._restored, self.restore)

    def restore_data(self, data: bytes) -> bytes:
        """Put known secrets back into bytes."""
        return _encoded(self._restored(_decoded(data)))

    def _value(self, value: object, *, secret: bool) -> object:
        if isinstance(value, Mapping):
            return {
                key: self._value(
                    member,
                    secret=self._by_name and (is_secret_name(str(key)) or (secret and key not in _HARMLESS_BESIDE)),
                )
                for key, member in value.items()
            }
        if secret and isinstance(value, str):
            return self._secret(value)
        if secret and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 1000:
            return self._number(repr(value))
        if isinstance(value, list | tuple) and not _is_bytes_list(value):
            return [self._value(item, secret=secret) for item in value]
        return _mapped(value, self._string, lambda inner: self._value(inner, secret=secret))

    def _secret(self, value: str) -> str:
        masked = self._without_known(value, pieces=True)
        if masked != value or _is_made_up(value):
            return masked
        scheme = _SCHEME.fullmatch(value)
        return scheme["scheme"] + self._number(scheme["rest"]) if scheme else self._number(value)

    def _string(self, text: str) -> str:
        masked = self._without_known(text, pieces=True)
        return self._without_formed(masked) if self._by_name else masked

    def _without_formed(self, text: str) -> str:
        """Mask whatever looks like a secret."""
        for pattern in _IN_TEXT:
            text = pattern.sub(lambda match: match["before"] + self._number(match["secret"]), text)
        for added in current().redactions.values():
            if added.secret:
                text = _outside(text, lambda part: added.form.sub(lambda match: self._number(match[0]), part))  # noqa: B023 - called at once
        return text

    def _data(self, data: bytes) -> bytes:
        return _encoded(self._string(_decoded(data)))

    def _number(self, secret: str) -> str:
        if PLACEHOLDER.search(secret) or _is_made_up(secret):
            return secret
        return _placeholder(f"{self._prefix}{self._numbers.setdefault(secret, len(self._numbers) + 1)}")

    def _without_known(self, text: str, *, pieces: bool) -> str:
        if text in self._names:
            return _placeholder(self._names[text])
        text = _outside(text, lambda part: self._whole.sub(lambda found: _placeholder(self._names[found[0]]), part))
        for stretches in self._stretches if pieces else ():
            text = _outside(text, stretches.masked)
        return text

    def _restored(self, text: str) -> str:
        return PLACEHOLDER.sub(self._meant, text) if "~secret." in text else text

    def _meant(self, match: re.Match[str]) -> str:
        name = match[1]
        if name in self._known:
            return self._known[name]
        cut = _SLICE.fullmatch(name)
        if cut and cut[1] in self._known:
            return self._known[cut[1]][int(cut[2]) : int(cut[3])]
        return match[0]


def placeholders(value: object) -> frozenset[str]:
    """Give the names of the placeholders that stand in a value."""
    found: set[str] = set()

    def look(text: str) -> str:
        found.update(PLACEHOLDER.findall(text))
        return text

    def walk(inner: object) -> object:
        return _mapped(inner, look, walk)

    walk(value)
    return frozenset(found)


class _Stretches:
    """Finds what a mutation left of one known secret: each stretch of it that is long enough to tell it."""

    def __init__(self, name: str, secret: str) -> None:
        self._name, self._secret = name, secret
        self._least = max(_SHORTEST, min(_PIECE, len(secret) * 2 // 3))
        # Whatever is long enough holds one of these: they stand half as far apart.
        step = (self._least + 1) // 2
        self._at = {secret[at : at + step]: at for at in range((len(secret) - step) // step * step, -1, -step)}
        self._grams = _any_of(self._at)

    def masked(self, text: str) -> str:
        out: list[str] = []
        done = position = 0
        while found := self._grams.search(text, position):
            first, last = self._stretch(text, found.start(), self._at[found[0]], done)
            if last - first < self._least:
                position = found.start() + 1
                continue
            begin = self._at[found[0]] - (found.start() - first)
            out += [text[done:first], _placeholder(f"{self._name}.{begin}-{begin + last - first}")]
            done = position = last
        return "".join((*out, text[done:]))

    def _stretch(self, text: str, position: int, at: int, done: int) -> tuple[int, int]:
        first, last, inner = position, position, at
        while first > done and inner > 0 and text[first - 1] == self._secret[inner - 1]:
            first, inner = first - 1, inner - 1
        while last < len(text) and at < len(self._secret) and text[last] == self._secret[at]:
            last, at = last + 1, at + 1
        return first, last


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    # Without any text: what matches nowhere.
    return re.compile("|".join(map(re.escape, texts)) or r"(?!)")


def _placeholder(name: str) -> str:
    return f"~secret.{name}~"


def _outside(text: str, change: Callable[[str], str]) -> str:
    """Change what is no placeholder already."""
    if "~secret." not in text:
        return change(text)
    out: list[str] = []
    done = 0
    for found in PLACEHOLDER.finditer(text):
        out += [change(text[done : found.start()]), found[0]]
        done = found.end()
    return "".join((*out, change(text[done:])))


# --- where text hides -------------------------------------------------------------------------------------------------


def _mapped(value: object, change: Callable[[str], str], inner: Callable[[object], object]) -> object:
    """Change each text in a value: keys aside, also in bytes, in lists of byte numbers and in base64."""
    if isinstance(value, str):
        return _changed_text(value, change)
    if isinstance(value, Mapping):
        return {key: inner(member) for key, member in value.items()}
    if isinstance(value, bytes):
        return _encoded(change(_decoded(value)))
    if _is_bytes_list(value):
        return list(_encoded(change(_decoded(bytes(value)))))
    if isinstance(value, list | tuple):
        return [inner(item) for item in value]
    return value


def _changed_text(text: str, change: Callable[[str], str]) -> str:
    changed = change(text)
    if changed != text or len(text) < 12 or not _BASE64.fullmatch(text):
        return changed
    try:
        hidden = b64decode(text, validate=True)
    except binascii.Error:
        return text
    if (other := _encoded(change(_decoded(hidden)))) != hidden:
        return b64encode(other).decode()
    return text


def _is_bytes_list(value: object) -> TypeGuard[list[int]]:
    return (
        isinstance(value, list)
        and len(value) >= _SHORTEST
        and all(type(item) is int and 0 <= item <= 255 for item in value)
    )


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
