"""From what a user asks for to an opened plugin: values judged, limits lowered by the manifest, files read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pytest_mockforge.additions import current
from pytest_mockforge.documents.manifest import Manifest
from pytest_mockforge.documents.quantities import parse_count, parse_duration, parse_size
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.plugin_under_test import Plugin
from pytest_mockforge.runtimes.base import PAGE, Limits
from pytest_mockforge.runtimes.wasm.cache import CompileCache
from pytest_mockforge.spec import Spec, parse_spec
from pytest_mockforge.subject import Subject, is_service, read_documents

HOSTS = ("adapter", "runtime", "loader", "sandbox", "any")
"""Built-in host profiles; each lives in the module of its name under `hosts/`, `any` in `adapter`."""
DIALECTS = ("auto", "host", "sdk")
"""Built-in dialects; `auto` is what the plugin speaks: `host` before `sdk` where it speaks both."""
_LEAST_TIMEOUT = 1.0
"""Seconds; a manifest lowers the time limit no further, as the metered engine is slower than MockForge's own."""


def hosts() -> tuple[str, ...]:
    """Give all host profiles that can be asked for, also those of extensions."""
    return (*HOSTS, *current().hosts)


def dialects() -> tuple[str, ...]:
    """Give all dialects that can be asked for, also those of extensions."""
    return (*DIALECTS, *current().dialects)


Number = TypeVar("Number", int, float)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Limits that a user asked for; None means our default, which a manifest may lower."""

    fuel: int | None = None
    memory: int | None = None
    timeout: float | None = None

    def over(self, below: Wanted) -> Wanted:
        """Give these limits, and those of `below` where these say nothing."""
        return Wanted(
            fuel=below.fuel if self.fuel is None else self.fuel,
            memory=below.memory if self.memory is None else self.memory,
            timeout=below.timeout if self.timeout is None else self.timeout,
        )


def read_wanted(source: str, *, fuel: object = None, memory: object = None, timeout: object = None) -> Wanted:
    """Judge values of an option, ini key, marker or argument. Raises SettingsError that begins with `source`."""
    return Wanted(
        fuel=_quantity(f"{source}fuel", fuel, parse_count, int, least=1),
        memory=_quantity(f"{source}memory", memory, parse_size, int, least=PAGE),
        timeout=_quantity(f"{source}timeout", timeout, parse_duration, float, least=0.01),
    )


def read_count(source: str, value: object) -> int | None:
    """Judge a whole number from 1 up, or text such as '2k'; None for nothing. Raises SettingsError."""
    return _quantity(source, value, parse_count, int, least=1)


def read_seconds(source: str, value: object) -> float | None:
    """Judge a duration; None for nothing. Raises SettingsError."""
    return _quantity(source, value, parse_duration, float, least=0.01)


def effective_limits(wanted: Wanted, manifest: Manifest | None) -> Limits:
    """Combine what was asked for with our defaults, and these alone with what the manifest says (it only lowers)."""
    limits = Limits()
    memory, timeout = limits.memory, limits.timeout
    if manifest is not None and manifest.memory_bytes is not None:
        memory = min(memory, max(manifest.memory_bytes, PAGE))
    if manifest is not None and manifest.time_ms is not None:
        timeout = min(timeout, max(manifest.time_ms / 1000, _LEAST_TIMEOUT))
    return Limits(
        fuel=limits.fuel if wanted.fuel is None else wanted.fuel,
        memory=memory if wanted.memory is None else wanted.memory,
        timeout=timeout if wanted.timeout is None else wanted.timeout,
    )


def choice(source: str, value: object, valid: tuple[str, ...]) -> str:
    """Give a value that is one of the valid ones. Raises SettingsError that lists them."""
    if not isinstance(value, str) or value not in valid:
        raise SettingsError(f"{source} cannot be {value!r}", hint=f"valid values are {', '.join(valid)}")
    return value


def open_cache(value: object, base: Path) -> CompileCache | None:
    """Give the compile cache: the user's own folder, another one, or None for 'off'."""
    if value is None:
        return CompileCache()
    if not isinstance(value, str | Path) or not str(value):
        raise SettingsError(f"the cache cannot be {value!r}", hint="name a folder, or off")
    return None if value == "off" else CompileCache(base / value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What plugins are opened with, the same for all of a run."""

    cache: CompileCache | None
    allow_commands: bool = False
    """Whether `start:` of a plugin.test.yaml may run its command."""
    progress: Callable[[str], None] | None = None
    """Told of long work, such as waiting for a service, a line at a time."""


def open_subject(spec: Spec, means: Means) -> Subject:
    """Look at what a SPEC leads to: a module, or a service where an address, a `start:` or a `remote:` says so."""
    documents = read_documents(spec.folder, required=spec.kind == "folder")
    if is_service(spec, documents):
        from pytest_mockforge.service_subject import ServiceSubject

        return ServiceSubject(spec, documents=documents, allow_commands=means.allow_commands, progress=means.progress)
    return ModuleSubject(spec, cache=means.cache, stack=Limits().stack, documents=documents)


def load(
    spec: str | Path,
    *,
    fuel: int | str | None = None,
    memory: int | str | None = None,
    timeout: float | str | None = None,
    host: str = "adapter",
    dialect: str = "auto",
    cache: Path | str | None = None,
) -> Plugin:
    """Open a plugin without pytest; use it as a context manager.

    `fuel` is units a call, `memory` bytes or text such as '64MiB', `timeout` seconds or text such as '500ms',
    `cache` a folder for compiled modules or 'off'. Raises SpecError when the SPEC names nothing, SettingsError for a
    value that cannot be used, and LoadFailure when the module cannot be loaded.

    >>> with load("fixtures/reference/rust/plugin.wasm") as plugin:      # doctest: +SKIP
    ...     plugin.template_function("upper", "abc")
    'ABC'
    """
    wanted = read_wanted("", fuel=fuel, memory=memory, timeout=timeout)
    choice("host", host, hosts())
    choice("dialect", dialect, dialects())
    here = Path.cwd()
    subject = open_subject(parse_spec(str(spec), here), Means(cache=open_cache(cache, here)))
    limits = effective_limits(wanted, subject.manifest)
    try:
        return Plugin(subject, limits=limits, host=host, dialect=dialect, owns_subject=True)
    except BaseException:
        subject.close()
        raise


def _quantity(
    source: str, value: object, parse: Callable[[str], Number], kind: type[Number], *, least: Number
) -> Number | None:
    if value is None or value == "":
        return None
    number: Number
    try:
        if isinstance(value, str):
            number = parse(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = kind(value)
        else:
            raise ValueError(f"{value!r} is neither text nor a number")
    except (ValueError, OverflowError) as error:
        raise SettingsError(f"{source}: {error}") from None
    if not least <= number <= 2**62:
        raise SettingsError(f"{source} cannot be {value!r}", hint=f"it starts at {least:,}")
    return number
