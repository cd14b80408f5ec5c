"""Credentials: does authentication hold for a changed one (MF309), does a secret turn up where it should not (MF310)?

A text of an accepted sample is a credential if a wrong one in its place is turned away. Knows nothing of Hypothesis.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import AuthResponse, ResponseData
from pytest_mockforge.contract.requests import AuthRequest, Request, RequestBuilder
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.outcomes import accepted
from pytest_mockforge.fuzz.places import Place, texts
from pytest_mockforge.fuzz.stage import Stage, Words
from pytest_mockforge.masking import is_secret_name
from pytest_mockforge.observation import Observation

_WHERE = ("query_params.", "credentials.", "headers.")
_WRONG = "mockforge-wrong-7d1e"
_SHORTEST = 4
"""Characters of a secret that is searched for: a shorter one turns up by chance."""
_LOOK_ALIKE = str.maketrans("aceopxyijsAEOPCXBHKMT", "асеорхуіјѕАЕОРСХВНКМТ")
_DISGUISE = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM5678901234",
)

_CHANGES: dict[str, Callable[[str], str]] = {
    "trailing-nul": lambda text: f"{text}\0",
    "text-behind-nul": lambda text: f"{text}\0x",
    "trailing-space": lambda text: f"{text} ",
    "leading-space": lambda text: f" {text}",
    "trailing-line-end": lambda text: f"{text}\n",
    "text-behind": lambda text: f"{text}x",
    "text-before": lambda text: f"x{text}",
    "other-case": str.swapcase,
    "upper-case": str.upper,
    "last-character-dropped": lambda text: text[:-1],
    "first-character-dropped": lambda text: text[1:],
    "first-character-alone": lambda text: text[:1],
    "last-character-changed": lambda text: text[:-1] + ("b" if text[-1:] == "a" else "a"),
    "first-half": lambda text: text[: len(text) // 2],
    "twice": lambda text: text * 2,
    "look-alike-letters": lambda text: text.translate(_LOOK_ALIKE),
    "zero-width-space": lambda text: f"{text[:1]}\u200b{text[1:]}",
    "empty": lambda _: "",
    "null-word": lambda _: "null",
    "star": lambda _: "*",
    "zero": lambda _: "0",
}
_OF_HTTP = frozenset({"trailing-space", "leading-space", "trailing-line-end"})
"""What HTTP itself takes off a header's value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """One text that lets a request in."""

    case: Case
    place: Place

    @property
    def text(self) -> str:
        """The credential itself."""
        return str(self.place.value)


def credentials(stage: Stage, good: Sequence[Case]) -> tuple[Credential, ...]:
    """Find the texts of accepted requests that a wrong one in their place is turned away for."""
    found = []
    for case in good:
        if case.operation is not Operation.AUTHENTICATE or case.request is None:
            continue
        for place in texts(case.request):
            if place.name.startswith(_WHERE) and place.value and not _admitted(stage, place, _WRONG):
                found.append(Credential(case=case, place=place))
    return tuple(found)


def mutated(stage: Stage, known: Sequence[Credential]) -> Iterator[Discovery]:
    """Give a discovery for each way of changing a credential that it still admits with (MF309)."""
    valid = {credential.text for credential in known}
    for credential in known:
        for name, change in _CHANGES.items():
            text = change(credential.text)
            header = credential.place.name.startswith("headers.")
            if stage.over or text in valid or (header and name in _OF_HTTP):
                continue
            case = _admitted(stage, credential.place, text)
            if case is None:
                continue
            words = Words(
                message=f"admits with a changed {credential.place.name}: {name.replace('-', ' ')}",
                expected="authenticated=false, or a refusal",
                got=f"authenticated=true with {text!r}",
                hint="compare the whole credential, byte by byte and with its length",
            )
            yield stage.discovery("MF309", name, case, words)


def canary(seed: int) -> str:
    """Give a token that nobody has and that cannot turn up by chance."""
    return f"mockforge-canary-{seed:08x}"


def asking_with(secret: str) -> Request:
    """Give a request that carries a secret wherever a credential may stand."""
    return RequestBuilder().auth(query={"token": secret, "api_key": secret}, bearer=secret, lenient=True)


def reflected(stage: Stage, case: Case, seen: Observation, secret: str) -> Discovery | None:
    """Judge what a refused request's own answer, and what is printed, tell of its secret (MF310)."""
    told = {"output": seen.printed, "refusal": _refusal(seen)}
    for where, text in told.items():
        if secret in text:
            words = Words(
                message=f"repeats a token in {'what it prints' if where == 'output' else 'its refusal'}",
                expected="words that do not hold the credential",
                got=_shown(text, secret),
                hint="name the scheme and the reason, never the credential",
            )
            return stage.discovery("MF310", where, case, words)
    return None


def repeated(stage: Stage, case: Case, seen: Observation) -> Discovery | None:
    """Judge whether a refusal, or what is printed, holds a credential of its request, whatever its letters (MF310)."""
    if case.request is None or case.operation is not Operation.AUTHENTICATE:
        return None
    told = _refusal(seen) + seen.printed
    for place in texts(case.request):
        text = str(place.value)
        if len(text) < _SHORTEST or text not in told or not _is_credential(place.name):
            continue
        # A word of the refusal's own, such as `token`, stands there whatever is asked.
        disguised = text.translate(_DISGUISE)
        other = stage.case(place.put(disguised))
        if other is not None and disguised != text:
            found = reflected(stage, case, seen, text)
            if found is not None and reflected(stage, other, stage.alone(other), disguised) is not None:
                return found
    return None


def carried_over(
    stage: Stage, case: Case, seen: Observation, secret: str, before: tuple[Case, ...]
) -> Discovery | None:
    """Judge whether a secret of an earlier request shows up with another one (MF310)."""
    text = visible(seen)
    if len(secret) < _SHORTEST or secret not in text or secret.encode() in case.payload:
        return None
    words = Words(
        message="shows a token of an earlier request",
        expected="an answer of this request alone",
        got=_shown(text, secret),
        hint="clear or bound buffers that are used again; keep no credential in global state",
        before=before,
    )
    return stage.discovery("MF310", "carried-over", case, words)


def visible(seen: Observation) -> str:
    """Give all that whoever asked, or reads the log, can see of a call."""
    parts = [seen.printed, (seen.reply_bytes or b"").decode("utf-8", "replace")]
    if isinstance(seen.reply, ResponseData):
        parts.append(seen.reply.text)
    if seen.exchange.failure is not None:
        parts.append(str(seen.exchange.failure))
    if seen.wire is not None:
        parts += [value for _, value in seen.wire.headers]
    return "\n".join(parts)


def _refusal(seen: Observation) -> str:
    reply = seen.reply
    if not isinstance(reply, AuthResponse) or reply.authenticated:
        return ""
    told = [reply.error_message, dict(reply.claims), dict(reply.metadata)]
    return json.dumps(told, ensure_ascii=False, default=str)


def _is_credential(name: str) -> bool:
    return name.startswith("credentials.") or (name.startswith(_WHERE) and is_secret_name(name.rpartition(".")[2]))


def _admitted(stage: Stage, place: Place, text: str) -> Case | None:
    case = stage.case(_changed(place, text))
    return case if case is not None and accepted(stage.alone(case)) else None


def _changed(place: Place, text: str) -> Request:
    """Put another text there, and into the URI where the query stands once more."""
    request = place.put(text)
    if not isinstance(request, AuthRequest):
        return request
    old = str(place.value)
    written = "|".join(map(re.escape, (old, quote(old, safe=""), quote_plus(old))))
    # In one pass, as what is put there may begin with what was.
    uri = re.sub(f"=({written})", lambda _: f"={quote(text, safe='')}", request.uri)
    return msgspec.structs.replace(request, uri=uri)


def _shown(text: str, secret: str) -> str:
    place = text.index(secret)
    around = f"{text[max(0, place - 60) : place]}***{text[place + len(secret) :][:60]}"
    return " ".join(around.replace(secret, "***").split())
