"""The text that names a plugin under test, and the label it goes by. Looks at paths, opens nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pytest_mockforge.documents.files import shown
from pytest_mockforge.errors import SpecError

SpecKind = Literal["module", "text", "folder", "http", "grpc", "asgi", "added"]
"""`added` is an address whose scheme an extension brings."""

_NAMED = re.compile(r"(?P<name>[^=/\\:]+)=(?P<rest>.*)", re.DOTALL)
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):")
_NOT_IN_LABELS = re.compile(r"[^A-Za-z0-9._-]+")
_TARGET = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<attribute>[^\W\d]\w*(\.[^\W\d]\w*)*(\(\))?)")
_FORMS = (
    "FILE.wasm, FILE.wat, a folder with plugin.yaml, http(s)://HOST:PORT, grpc(s)://HOST:PORT or "
    "asgi:PACKAGE.MODULE:APP; NAME=SPEC sets the label"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """One plugin under test as the user named it."""

    text: str
    label: str
    named: bool
    """True when the user chose the label."""
    kind: SpecKind
    path: Path
    """Absolute; a file or a folder that exists, or the folder that an address counts from."""
    address: str = ""
    """A URL, MODULE:APP, or whatever an extension's scheme names; empty for what is found by its path."""

    @property
    def scheme(self) -> str:
        """What an address begins with, in lower case; empty for what is found by its path."""
        return "asgi" if self.kind == "asgi" else self.address.partition(":")[0].lower()

    @property
    def folder(self) -> Path | None:
        """The folder that may hold plugin.yaml and plugin.test.yaml; None for an address."""
        if self.address:
            return None
        return self.path if self.kind == "folder" else self.path.parent

    @property
    def identity(self) -> tuple[str, Path]:
        """What tells one plugin from another, however it is written."""
        return self.address, self.path.resolve()


def parse_spec(text: str, base: Path) -> Spec:
    """Read one SPEC; a relative path counts from `base`.

    Raises SpecError for bad syntax, an unknown scheme, or a path that does not exist.
    """
    name, rest = None, text.strip()
    match = _NAMED.fullmatch(rest)
    if match and not _is_there(base / rest):
        name, rest = match["name"].strip(), match["rest"].strip()
        if not name or _NOT_IN_LABELS.search(name):
            raise SpecError(
                f"the label {name!r} in {text!r} cannot be used",
                hint="a label holds letters, digits, '.', '_' and '-'",
            )
    if not rest:
        raise SpecError(f"{text!r} names no plugin", hint=f"a SPEC is {_FORMS}")
    if "\0" in rest:
        raise SpecError(f"{text!r} holds a NUL character", hint=f"a SPEC is {_FORMS}")
    scheme = _SCHEME.match(rest)
    if scheme and not Path(rest).drive:
        kind, label = _address(scheme["scheme"].lower(), rest, text)
        address = rest.partition(":")[2] if kind == "asgi" else rest
        return Spec(text=text, label=name or label, named=name is not None, kind=kind, path=base, address=address)
    path = Path(rest) if Path(rest).is_absolute() else base / rest
    kind = _kind(path, text)
    return Spec(text=text, label=name or _label(path, rest), named=name is not None, kind=kind, path=path)


def unique(specs: Iterable[Spec]) -> tuple[Spec, ...]:
    """Give each plugin a label of its own: a SPEC named twice counts once, equal labels are numbered.

    Raises SpecError when the user chose one label for two plugins.
    """
    given = tuple(specs)
    taken: dict[str, Spec] = {}
    for spec in sorted(given, key=lambda spec: not spec.named):
        label, number = spec.label, 2
        while label in taken and taken[label].identity != spec.identity:
            if spec.named:
                raise SpecError(
                    f"the label {label!r} names two plugins: {taken[label].text!r} and {spec.text!r}",
                    hint="give each its own NAME=SPEC",
                )
            label, number = f"{spec.label}-{number}", number + 1
        if label not in taken:
            taken[label] = replace(spec, label=label)
    order = {spec.text: index for index, spec in reversed(list(enumerate(given)))}
    return tuple(sorted(taken.values(), key=lambda spec: order[spec.text]))


def parse_reference(text: str, base: Path, specs: Iterable[Spec]) -> Spec:
    """Read what plugins are compared with: the label of one of them, or a SPEC, which gets a label of its own.

    Raises SpecError.
    """
    given = tuple(specs)
    labels = [spec.label for spec in given]
    for spec in given:
        if spec.label == text.strip():
            return spec
    try:
        reference = parse_spec(text, base)
    except SpecError as error:
        there = f"the plugins are {', '.join(labels)}" if labels else "no plugin is named"
        hint = f"{error.hint}; it is no label either: {there}"
        raise SpecError(f"what is compared with: {error.message}", hint=hint) from None
    for spec in given:
        if spec.identity == reference.identity:
            return spec
    if reference.named and reference.label in labels:
        raise SpecError(f"the label {reference.label!r} names two plugins", hint="give what is compared with another")
    label, number = reference.label, 2
    while label in labels:
        label, number = f"{reference.label}-{number}", number + 1
    return replace(reference, label=label)


def _address(scheme: str, rest: str, text: str) -> tuple[SpecKind, str]:
    """Judge an address, and give the label it leads to: a host, or the module and the name of its app."""
    if scheme == "asgi":
        match = _TARGET.fullmatch(rest.partition(":")[2])
        if not match:
            raise SpecError(f"{text!r} names no app", hint="write asgi:PACKAGE.MODULE:APP")
        module, app = match["module"], match["attribute"].rstrip("()")
        return "asgi", module if app == "app" else f"{module}-{app}"
    if scheme not in ("http", "https", "grpc", "grpcs"):
        return "added", _added_label(scheme, rest, text)
    url = _url(rest, text)
    if url.username is not None or url.password is not None:
        hint = "name the variable that holds the secret: remote: auth: in plugin.test.yaml"
        # Not the text itself: it holds a secret.
        raise SpecError(f"the SPEC for {url.hostname} holds credentials, which would be shown in reports", hint=hint)
    if url.query or url.fragment:
        raise SpecError(f"{text!r} has a query or a fragment", hint="name what stands before /plugin/authenticate")
    return "grpc" if scheme.startswith("grpc") else "http", label_of(url.hostname or "")


def _added_label(scheme: str, rest: str, text: str) -> str:
    """Judge an address whose scheme is none of ours, and give the label it leads to."""
    # Not at the top of the file, which each run loads.
    from pytest_mockforge.additions import current

    known = current().runtimes
    if scheme not in known:
        others = "".join(f"; {name}:// is an extension's" for name in known)
        raise SpecError(f"{text!r} has the unknown scheme {scheme!r}", hint=f"a SPEC is {_FORMS}{others}")
    target = rest.partition(":")[2].removeprefix("//")
    if not target or not target.isprintable() or " " in target:
        raise SpecError(f"{text!r} names nothing behind {scheme}://", hint=f"write {scheme}:// and an address")
    if "@" in target.partition("/")[0]:
        # Not the text itself: it may hold a secret.
        raise SpecError(f"the SPEC of {scheme}:// holds credentials, which would be shown in reports")
    return label_of(target)


def _url(rest: str, text: str) -> SplitResult:
    try:
        url = urlsplit(rest)
        # Reading the port judges it.
        well_formed = bool(url.hostname) and rest[len(url.scheme) :].startswith("://") and url.port != 0
    except ValueError as error:
        raise SpecError(f"{text!r} is no URL: {error}", hint=f"a SPEC is {_FORMS}") from None
    if not well_formed or re.search(r"[\s\x00-\x1f\x7f]", rest):
        raise SpecError(f"{text!r} is no URL", hint=f"a SPEC is {_FORMS}")
    return url


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _kind(path: Path, text: str) -> SpecKind:
    try:
        if path.is_dir():
            return "folder"
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise SpecError(f"{text!r} cannot be looked up: {error}", hint=f"a SPEC is {_FORMS}") from None
    if not exists:
        raise SpecError(f"{text!r} does not exist", hint=f"looked for {shown(path)}")
    return "text" if path.suffix == ".wat" else "module"


def _label(path: Path, rest: str) -> str:
    """Take the file's stem, or the folder's name where the file is just called plugin."""
    given = Path(rest)
    name = given.stem if path.is_file() else given.name
    if path.is_file() and name == "plugin" and given.parent.name:
        name = given.parent.name
    if not name or name == "..":
        name = path.resolve().name
    return label_of(name)


def label_of(name: str) -> str:
    """Make a label of a name."""
    return _NOT_IN_LABELS.sub("-", name).strip("-.") or "plugin"
