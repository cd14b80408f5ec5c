"""What an error's text should not tell: stack traces, paths of the machine, secrets. Pure: text in, leaks out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

LeakKind = Literal["stack-trace", "path", "credentials", "token", "secret"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Leak:
    """One thing that stands in a text and should not."""

    kind: LeakKind
    what: str
    """In words: `a stack trace of Python`."""
    excerpt: str
    """Where it stands; of a secret only the place."""


_TRACES = {
    "Python": r"Traceback \(most recent call last\)|File \"[^\"\n]+\.pyx?\", line \d+",
    "Node.js": r"\bat (?:async )?(?:[\w.$<>\[\] ]+ \()?(?:file://|node:|/|[A-Za-z]:\\)[^\s()]+:\d+:\d+",
    "Java": r"\bat [\w.$/<>]+\((?:[\w$]+\.(?:java|kt|scala|groovy):\d+|Native Method|Unknown Source)\)"
    r"|Exception in thread \"",
    "Go": r"goroutine \d+ \[[a-z ]+\]:|panic: runtime error|\b[\w./-]+\.go:\d+ \+0x[0-9a-f]+",
    "Rust": r"thread '[^'\n]*' (?:\(\d+\) )?panicked at|stack backtrace:\s+0: ",
    ".NET": r"\bat [\w.`<>+\[\],]+\([^)\n]*\) in [^\n]+:line \d+"
    r"|\bSystem\.[\w.]+Exception: [^\n]*(?:\\[rn]|[\r\n])+ *at ",
    "PHP": r"PHP (?:Fatal|Parse) error|Stack trace:(?:\\n|\s)+#0 ",
    "Ruby": r"\.rb:\d+:in [`']",
}
_SUFFIX = r"\.(?:pyx?|[cm]?[jt]sx?|rs|go|java|kt|cs|rb|php|so|dll|jar|ya?ml|json|env|toml|ini|conf|db|sqlite3?|pem|key)"
_PATH = re.compile(
    rf"(?<![\w.:/-])(?:/(?:[\w.@+-]+/)+[\w.@+-]+{_SUFFIX}\b|/(?:home|root|Users|usr|opt|srv|var)/[\w./@+-]+"
    r"|[A-Za-z]:(?:\\{1,2}[\w.@ +-]+){2,})"
)
_SECRETS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "an AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{30,}\b|\bgithub_pat_\w{30,}",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a URL with a password": r"\b[a-z][a-z0-9+.-]*://[^\s:/@\"']+:[^\s:/@\"']+@",
    "an environment variable that names a secret": (
        r"\b[A-Z0-9_]*(?:SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|ACCESS_KEY|DATABASE_URL)[A-Z0-9_]*"
        r"[\"']?\s*[:=]\s*[\"']?[^\s\"',}]{4,}"
    ),
}
_AROUND = 60


def leaks_in(text: str, *, sent: str = "", credentials: str | None = None, token: str = "") -> tuple[Leak, ...]:
    """Find what a text tells. What stands in `sent` is no news of the machine; `token` is one that the request held."""
    found: list[Leak] = []
    for language, pattern in _TRACES.items():
        if match := re.search(pattern, text):
            found.append(Leak(kind="stack-trace", what=f"a stack trace of {language}", excerpt=_excerpt(text, match)))
    path = next((one for one in _PATH.finditer(text) if one[0] not in sent), None)
    if path is not None and not found:
        found.append(Leak(kind="path", what="a path of its machine", excerpt=_excerpt(text, path)))
    if credentials and credentials in text:
        found.append(Leak(kind="credentials", what="the credentials that we sent", excerpt=_masked(text, credentials)))
    if token and token in text:
        found.append(Leak(kind="token", what="the token of the request", excerpt=_masked(text, token)))
    for what, pattern in _SECRETS.items():
        match = re.search(pattern, text)
        if match and match[0] not in sent:
            found.append(Leak(kind="secret", what=what, excerpt=_masked(text, match[0])))
    hidden = [secret for secret in (credentials, token) if secret]
    return tuple(replace(leak, excerpt=_without(leak.excerpt, hidden)) for leak in found)


def _excerpt(text: str, match: re.Match[str]) -> str:
    return " ".join(text[max(0, match.start() - _AROUND) : match.end() + _AROUND].split())


def _masked(text: str, secret: str) -> str:
    place = text.index(secret)
    before, after = text[max(0, place - _AROUND) : place], text[place + len(secret) :][:_AROUND]
    return " ".join(f"{before}***{after}".split())


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
