"""What extensions may add, judged before a run as what a user writes is: names, shapes, conflicts. Loaded only where
somebody adds something.

Gives one `Additions`, in which each function of an extension's stands behind a guard that names it. Knows no pytest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast, get_args

from pytest_mockforge.additions import Additions, Origin, install
from pytest_mockforge.budgets.expressions import DEFAULT_WORDS, LANGUAGES, parse_budgets
from pytest_mockforge.budgets.model import BASELINE
from pytest_mockforge.checks.bench import Bench, Need
from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.registry import Check, CheckFamily
from pytest_mockforge.contract.added_dialect import MEMBERS as OF_DIALECTS
from pytest_mockforge.contract.added_dialect import AddedDialect
from pytest_mockforge.contract.dialects import Dialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import MockforgeError, SettingsError
from pytest_mockforge.hosts.added import MEMBERS as OF_HOSTS
from pytest_mockforge.hosts.added import AddedHost
from pytest_mockforge.hosts.mends import MENDS
from pytest_mockforge.hosts.profile import HostProfile
from pytest_mockforge.opening import DIALECTS, HOSTS
from pytest_mockforge.redaction import Redaction
from pytest_mockforge.report.sections import ReportSection, guarded_section
from pytest_mockforge.runtimes.added import RuntimeScheme, guarded_scheme
from pytest_mockforge.runtimes.wasm.language import ModuleLanguage
from pytest_mockforge.snapshot.redactions import KINDS
from pytest_mockforge.subject import Kind

Given = Sequence[tuple[Origin, object]]
"""What extensions gave in answer to one hook, each with whose it is."""

Thing = TypeVar("Thing")

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+")
_PREFIX = re.compile(r"(?!MF)[A-Z][A-Z0-9]+")
_OUR_SCHEMES = ("http", "https", "grpc", "grpcs", "asgi")
_SELECTING = ("ALL", "DEFAULT", "NONE")


def admit(given: Mapping[str, Given]) -> Additions:
    """Judge what the hooks gave, and install it. Raises SettingsError that names hook and plugin, and both of two."""
    families = _things(given["checks"], _family, lambda one: one.prefix, "the prefix of codes", _SELECTING)
    additions = Additions(
        runtimes=_things(given["runtimes"], _runtime, lambda one: one.scheme, "the scheme", _OUR_SCHEMES),
        languages=_things(given["languages"], _language, lambda one: one.name, "the language", _taken_languages()),
        dialects=_things(given["dialects"], _dialect, lambda one: one.name, "the dialect", ("auto", *DIALECTS)),
        hosts=_things(given["hosts"], _host, lambda one: one.name, "the host profile", HOSTS),
        families={prefix: family.title for prefix, family in families.items()},
        checks={check.code: check for family in families.values() for check in family.checks},
        redactions=_things(given["redactions"], _redaction, lambda one: one.word, "the redaction", KINDS),
        sections=_things(given["report_sections"], _section, lambda one: one.name, "the section", ()),
    )
    install(additions)
    # Once languages are known, which budgets name.
    defaults = tuple(_budget(origin, one) for origin, one in given["budget_defaults"])
    additions = replace(additions, budget_defaults=defaults)
    install(additions)
    return additions


def _things(
    given: Given,
    judge: Callable[[Origin, object], Thing],
    name_of: Callable[[Thing], str],
    noun: str,
    ours: Collection[str],
) -> dict[str, Thing]:
    """Give things by name; refuse a name that two have, or one of them and we."""
    found: dict[str, Thing] = {}
    owners: dict[str, Origin] = {}
    for origin, one in given:
        thing = judge(origin, one)
        name = name_of(thing)
        if name in ours:
            raise SettingsError(
                f"{noun} {name!r} is given by {origin}, and is pytest-mockforge's own", hint="give it another name"
            )
        if name in owners:
            raise SettingsError(
                f"{noun} {name!r} is given by {owners[name]}, and by {origin}",
                hint="leave one of the two packages out, or give one of the two another name",
            )
        found[name], owners[name] = thing, origin
    return found


def _of_type(origin: Origin, value: object, wanted: type[Thing]) -> Thing:
    if not isinstance(value, wanted):
        raise SettingsError(
            f"{origin} gave {value!r:.100}, which is no {wanted.__name__}",
            hint=f"give a list of pytest_mockforge.extending.{wanted.__name__}",
        )
    return value


def _with_members(origin: Origin, value: object, wanted: str, members: Iterable[str]) -> None:
    lacking = [name for name in ("name", *members) if not hasattr(value, name)]
    if lacking or isinstance(value, type):
        raise SettingsError(
            f"{origin} gave {value!r:.100}, which is no {wanted}",
            expected=f"an object with {', '.join(('name', *members))}",
            got="a class" if isinstance(value, type) else f"none of {', '.join(lacking)}",
            hint="give a list of objects, such as [Mine()]",
        )


def _named(origin: Origin, noun: str, name: object, form: re.Pattern[str] = _NAME) -> None:
    if not isinstance(name, str) or not form.fullmatch(name):
        forms = {
            _NAME: "lower-case letters and digits, with single hyphens or underscores between them",
            _SCHEME: "two lower-case letters at least, then digits, '+', '.' and '-' too",
            _PREFIX: "two capital letters or digits at least, the first a letter, and not MF at the beginning",
        }
        raise SettingsError(f"{origin}: {noun} cannot be called {name!r}", expected=forms[form])


def _callable(origin: Origin, what: str, function: object) -> None:
    if not callable(function):
        raise SettingsError(f"{origin}: {what} cannot be {function!r:.100}", hint="give a function")


def _runtime(origin: Origin, value: object) -> RuntimeScheme:
    scheme = _of_type(origin, value, RuntimeScheme)
    _named(origin, "a scheme", scheme.scheme, _SCHEME)
    _callable(origin, f"open of the scheme {scheme.scheme!r}", scheme.open)
    return guarded_scheme(scheme, origin)


def _language(origin: Origin, value: object) -> ModuleLanguage:
    language = _of_type(origin, value, ModuleLanguage)
    _named(origin, "a language", language.name)
    for topic in language.mends:
        if topic not in MENDS:
            raise SettingsError(
                f"{origin}: the language {language.name!r} mends {topic!r}, which is no topic",
                hint=f"topics are {', '.join(MENDS)}",
            )
    return language


def _taken_languages() -> frozenset[str]:
    # Each of these words means something else where budgets name a language.
    return frozenset((*LANGUAGES, *Operation, *DEFAULT_WORDS, BASELINE))


def _dialect(origin: Origin, value: object) -> Dialect:
    _with_members(origin, value, "Dialect", OF_DIALECTS)
    dialect = cast("Dialect", value)
    _named(origin, "a dialect", dialect.name)
    return AddedDialect(dialect, origin)


def _host(origin: Origin, value: object) -> HostProfile:
    _with_members(origin, value, "HostProfile", OF_HOSTS)
    host = cast("HostProfile", value)
    _named(origin, "a host profile", host.name)
    return AddedHost(host, origin)


def _redaction(origin: Origin, value: object) -> Redaction:
    redaction = _of_type(origin, value, Redaction)
    _named(origin, "a redaction", redaction.word)
    return redaction


def _section(origin: Origin, value: object) -> ReportSection:
    section = _of_type(origin, value, ReportSection)
    _named(origin, "a section", section.name)
    _callable(origin, f"build of the section {section.name!r}", section.build)
    return guarded_section(section, origin)


def _budget(origin: Origin, value: object) -> tuple[str, str]:
    if not isinstance(value, str) or value.strip() in DEFAULT_WORDS:
        raise SettingsError(
            f"{origin} gave {value!r:.100}, which is no budget", hint="give a list of expressions: ['rust: p95<1ms']"
        )
    parse_budgets(value, source=str(origin))
    return value, str(origin)


def _family(origin: Origin, value: object) -> CheckFamily:
    family = _of_type(origin, value, CheckFamily)
    _named(origin, "the prefix of codes", family.prefix, _PREFIX)
    checks = [_check(origin, family.prefix, one) for one in family.checks]
    codes = [check.code for check in checks]
    if twice := next((code for code in codes if codes.count(code) > 1), None):
        raise SettingsError(f"{origin}: two checks have the code {twice}", hint="give each a code of its own")
    if not checks:
        raise SettingsError(f"{origin}: the family {family.prefix} has no checks")
    return replace(family, checks=checks)


def _check(origin: Origin, prefix: str, value: object) -> Check:
    check = _of_type(origin, value, Check)
    if not re.fullmatch(rf"{prefix}[0-9]{{3}}", check.code):
        raise SettingsError(f"{origin}: {check.code!r} is no code of the family {prefix}", expected=f"{prefix}001")
    _callable(origin, f"run of {check.code}", check.run)
    kinds = ("any", *get_args(Kind))
    for name, chosen, valid in (("need", check.need, get_args(Need)), ("of", check.of, kinds)):
        if chosen not in valid:
            raise SettingsError(
                f"{origin}: {name} of {check.code} cannot be {chosen!r}", hint=f"valid values are {', '.join(valid)}"
            )
    if not check.title or not (check.run.__doc__ or "").strip():
        raise SettingsError(
            f"{origin}: {check.code} has no {'page' if check.title else 'title'}",
            hint="write what the rule means in the docstring of its function, which ends in a paragraph 'Mend: …'",
        )
    return replace(check, run=_guarded(check, origin))


def _guarded(check: Check, origin: Origin) -> Callable[[Bench], Iterable[Finding]]:
    def run(bench: Bench) -> tuple[Finding, ...]:
        # What is wrong with the plugin may come out of it, as of any call.
        with origin.named(check.code, allowed=MockforgeError):
            found: tuple[object, ...] = tuple(check.run(bench) or ())
        for one in found:
            if not isinstance(one, Finding) or one.code != check.code:
                raise origin.misused(check.code, expected=f"Finding with the code {check.code}", got=one)
        return tuple(one for one in found if isinstance(one, Finding))

    run.__doc__ = check.run.__doc__
    return run
