"""Judges options and ini keys. Gives frozen values; opens no plugin, and imports nothing heavy."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mockforge.errors import DocumentError, SettingsError, SpecError
from pytest_mockforge.options import ID_PREFIX, REPLAY_PREFIX, ini_folder, text_of

if TYPE_CHECKING:
    from pytest_mockforge.budgets.model import Budget
    from pytest_mockforge.checks.registry import Check
    from pytest_mockforge.documents.accepted import Accepted
    from pytest_mockforge.fuzz.model import FuzzOptions
    from pytest_mockforge.opening import Wanted
    from pytest_mockforge.runtimes.wasm.cache import CompileCache
    from pytest_mockforge.spec import Spec


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one run of pytest was asked for."""

    specs: tuple[Spec, ...]
    host: str
    dialect: str
    wanted: Wanted
    checks: tuple[Check, ...]
    """Checks of the built-in suite; empty when the suite is left out."""
    accepted: tuple[Accepted, ...]
    cache: CompileCache | None
    allow_commands: bool
    """Whether `start:` of a plugin.test.yaml may run its command."""
    fuzz: FuzzOptions
    budgets: tuple[Budget, ...]
    """Those of options and ini keys; each plugin.test.yaml may have more."""
    baseline: Path | None
    compare: Spec | None
    """What the plugins of the run are compared with: one of them, or another; None where nothing is."""
    strict_budgets: bool
    run_id: str
    """Names a distributed run, the same on all of its workers; empty where there is one process alone."""
    reports: tuple[Path, ...]
    """Files that reports are written to; each could be written before the run."""
    record: Path | None
    """Where calls are written down."""
    replay: Path | None
    """The recording that is replayed; None where it is left out."""
    replay_ids: tuple[str, ...]
    """Which of its calls; all if empty."""
    ids: tuple[str, ...]
    only_ids: bool
    """True when nothing but ids of checks was named, so that nothing else is collected."""
    today: date

    @property
    def in_use(self) -> bool:
        """True when there is a plugin to test."""
        return bool(self.specs)

    @property
    def budget_ids(self) -> tuple[str, ...]:
        """The ids of budgets among those that were named: which budgets there are shows only once plugins are open."""
        return tuple(chosen for chosen in self.ids if chosen.rpartition("::")[2].startswith("MF5"))

    def asks(self, spec: Spec, check: Check) -> bool:
        """Tell whether a check is about one plugin, as far as that shows here: a reference is compared with nothing."""
        from pytest_mockforge.checks.registry import DIFFERENTIAL

        return check.family != DIFFERENTIAL or (self.compare is not None and self.compare.label != spec.label)

    def runs(self, label: str, name: str) -> bool:
        """Tell whether an item of one plugin, a code or a budget's, is part of this run."""
        if not self.ids:
            return True
        full = f"{ID_PREFIX}{label}::{name}"
        return any(full == chosen or full.startswith((f"{chosen}::", f"{chosen}[")) for chosen in self.ids)


def read_settings(config: pytest.Config) -> Settings:
    """Judge all options and ini keys. Raises pytest.UsageError that names the valid values."""
    try:
        specs = _specs(config)
        ids = tuple(config.getoption("mockforge_id"))
        if ids and not specs:
            raise SettingsError(f"{ids[0]} names a check, but no plugin is given", hint="add --mockforge-plugin=SPEC")
        return _read(config, specs, ids)
    except (SpecError, SettingsError, DocumentError) as error:
        raise pytest.UsageError(f"mockforge: {error}") from None


def _read(config: pytest.Config, specs: tuple[Spec, ...], ids: tuple[str, ...]) -> Settings:
    # Not at the top of the file: this brings in the engine.
    from pytest_mockforge import opening

    ini = opening.read_wanted(
        "mockforge_",
        fuel=config.getini("mockforge_fuel") or None,
        memory=config.getini("mockforge_memory"),
        timeout=config.getini("mockforge_timeout"),
    )
    option = opening.read_wanted(
        "--mockforge-",
        fuel=config.getoption("mockforge_fuel"),
        memory=config.getoption("mockforge_memory"),
        timeout=config.getoption("mockforge_timeout"),
    )
    opening.choice("the host", text_of(config, "host")[0] or "adapter", opening.hosts())
    dialect = opening.choice("the dialect", text_of(config, "dialect")[0] or "auto", opening.dialects())
    cache, base = text_of(config, "cache")
    accept, accept_base = text_of(config, "accept")
    # Missing where help is asked for.
    positionals = config.getoption("file_or_dir", [])
    compare = _compare(config, specs)
    replay_ids = tuple(chosen for chosen in ids if chosen.startswith(REPLAY_PREFIX))
    ids, only_ids = tuple(chosen for chosen in ids if chosen not in replay_ids), bool(ids) and not positionals
    checks = _checks(config, positionals, ids, compare=compare is not None) if specs else ()
    record, replay = _record(config), _replay(config, specs, positionals, replay_ids)
    if record is not None and replay is not None and record.resolve() == replay.resolve():
        raise SettingsError(f"{str(record)!r} would be replayed and written over", hint="record to another file")
    settings = Settings(
        specs=specs,
        host=text_of(config, "host")[0] or "adapter",
        dialect=dialect,
        wanted=option.over(ini),
        checks=checks if ids or not (replay_ids and only_ids) else (),
        accepted=_accepted(accept_base / accept) if accept else (),
        cache=opening.open_cache(cache or None, base),
        allow_commands=config.getoption("mockforge_allow_commands") or config.getini("mockforge_allow_commands"),
        fuzz=_fuzz(config, ids),
        budgets=_budgets(config, specs),
        baseline=_baseline(config),
        compare=compare,
        strict_budgets=config.getoption("mockforge_strict_budgets") or config.getini("mockforge_strict_budgets"),
        run_id=str(getattr(config, "workerinput", {}).get("testrunuid", "")),
        reports=_reports(config, specs),
        record=record,
        replay=replay if replay_ids or not (ids and only_ids) else None,
        replay_ids=replay_ids,
        ids=ids,
        only_ids=only_ids,
        today=date.today(),
    )
    names = {
        f"{ID_PREFIX}{spec.label}::{check.code}" for spec in specs for check in checks if settings.asks(spec, check)
    }
    for chosen in ids:
        bare = chosen.partition("[")[0]
        if not any(name == bare or name.startswith(f"{chosen}::") for name in names):
            labels = ", ".join(spec.label for spec in specs)
            raise SettingsError(
                f"{chosen} names no check of this run", hint=f"the plugins are {labels}; --co lists all ids"
            )
    return settings


def _reports(config: pytest.Config, specs: tuple[Spec, ...]) -> tuple[Path, ...]:
    """Judge where reports go. Workers of a distributed run write none."""
    option, ini = config.getoption("mockforge_report"), config.getini("mockforge_reports")
    if option and not specs:
        raise SettingsError(f"the report {option[0]!r} would be about no plugin", hint="add --mockforge-plugin=SPEC")
    if not specs or not (option or ini) or hasattr(config, "workerinput"):
        return ()
    from pytest_mockforge.report.destinations import destinations

    here, base = config.invocation_params.dir, ini_folder(config)
    return destinations([*((text, here) for text in option), *((text, base) for text in ini)])


def _record(config: pytest.Config) -> Path | None:
    """Judge where calls are written down. Workers of a distributed run hand theirs over."""
    text, base = text_of(config, "record")
    if not text or hasattr(config, "workerinput"):
        return base / text if text else None
    from pytest_mockforge.recording.writing import destination

    return destination(text, base)


def _replay(
    config: pytest.Config, specs: tuple[Spec, ...], positionals: list[str], ids: tuple[str, ...]
) -> Path | None:
    """Find what is replayed; a key of the ini file holds for runs with a plugin that name no file."""
    text, base = text_of(config, "replay")
    asked = config.getoption("mockforge_replay") is not None or bool(ids)
    if ids and not text:
        raise SettingsError(f"{ids[0]} names a recorded call, but no recording", hint="add --mockforge-replay=FILE")
    if not text or (not asked and (not specs or _names_files(config, positionals))):
        return None
    if not specs:
        raise SettingsError(f"the recording {text!r} would be asked of no plugin", hint="add --mockforge-plugin=SPEC")
    path = base / text
    if not os.path.exists(path):
        raise SettingsError(f"the recording {text!r} does not exist", hint="--mockforge-record=FILE writes one")
    return path


def _fuzz(config: pytest.Config, ids: tuple[str, ...]) -> FuzzOptions:
    """Read how to fuzz. A seed that is drawn is drawn once: workers get their options from the controller's."""
    from pytest_mockforge import opening
    from pytest_mockforge.checks.registry import WIRE, names
    from pytest_mockforge.fuzz.model import FuzzOptions
    from pytest_mockforge.fuzz.seeds import parse_seed

    default = FuzzOptions()
    text, _ = text_of(config, "fuzz_seed")
    seed = parse_seed(text) if text else None
    if seed is not None:
        config.option.mockforge_fuzz_seed = str(seed)
    corpus, base = text_of(config, "corpus")
    examples = opening.read_count("--mockforge-fuzz-examples", text_of(config, "fuzz_examples")[0])
    seconds = opening.read_seconds("--mockforge-fuzz-time", text_of(config, "fuzz_time")[0])
    return FuzzOptions(
        examples=default.examples if examples is None else examples,
        seconds=default.seconds if seconds is None else seconds,
        seed=seed,
        corpus=base / corpus if corpus else None,
        wire=True if names(text_of(config, "checks")[0], WIRE) or any(WIRE in chosen for chosen in ids) else None,
    )


def _budgets(config: pytest.Config, specs: tuple[Spec, ...]) -> tuple[Budget, ...]:
    """Read the budgets of options and ini keys; one that was written twice counts once."""
    option, ini = config.getoption("mockforge_budget"), config.getini("mockforge_budgets")
    if not option and not ini:
        return ()
    from pytest_mockforge.budgets.expressions import distinct, parse_budgets, refuse_contradictions

    labels = [spec.label for spec in specs]
    written = [*(("--mockforge-budget", text) for text in option), *(("mockforge_budgets", text) for text in ini)]
    budgets = distinct(one for source, text in written for one in parse_budgets(text, source=source, labels=labels))
    refuse_contradictions(budgets)
    return budgets


def _baseline(config: pytest.Config) -> Path | None:
    text, base = text_of(config, "baseline")
    if not text:
        return None
    path = base / text
    if not path.exists():
        raise SettingsError(
            f"the baseline {text!r} does not exist", hint=f"looked for {path}; name an older module, or a JSON report"
        )
    return path


def _compare(config: pytest.Config, specs: tuple[Spec, ...]) -> Spec | None:
    """Find what plugins are compared with; a key of the ini file holds for runs with a plugin alone."""
    text, base = text_of(config, "compare")
    if not text or (not specs and config.getoption("mockforge_compare") is None):
        return None
    from pytest_mockforge.spec import parse_reference

    reference = parse_reference(text, base, specs)
    if all(spec.label == reference.label for spec in specs):
        what = f"{text!r} would be compared with {'itself' if specs else 'no plugin'}"
        raise SettingsError(what, hint="name the plugin that is to answer as it does with --mockforge-plugin=SPEC")
    return reference


def _checks(config: pytest.Config, positionals: list[str], ids: tuple[str, ...], *, compare: bool) -> tuple[Check, ...]:
    """Select checks; naming a file or a node id leaves them out, unless ids or checks are asked for."""
    selection, _ = text_of(config, "checks")
    given = config.getoption("mockforge_checks") is not None
    asked = given or bool(ids)
    if (_names_files(config, positionals) and not asked) or selection.strip() == "none":
        # Without the catalogue, which loads each check and what that needs.
        return ()
    from pytest_mockforge.checks.registry import DIFFERENTIAL, select

    selected = select(selection if given else selection or "default")
    checks = tuple(check for check in selected if compare or check.family != DIFFERENTIAL)
    if selected and not checks:
        hint = "add --mockforge-compare=SPEC"
        raise SettingsError(f"{selection!r} selects checks that compare, and nothing is compared", hint=hint)
    return checks


def _names_files(config: pytest.Config, positionals: list[str]) -> bool:
    return any("::" in arg or not (config.invocation_params.dir / arg).is_dir() for arg in positionals)


def _specs(config: pytest.Config) -> tuple[Spec, ...]:
    options, keys = config.getoption("mockforge_plugin"), config.getini("mockforge_plugins")
    if not options and not keys:
        return ()
    # Not at the top of the file: runs that name no plugin do without.
    from pytest_mockforge.spec import parse_spec, unique

    here, base = config.invocation_params.dir, ini_folder(config)
    return unique([*(parse_spec(text, here) for text in options), *(parse_spec(text, base) for text in keys)])


def _accepted(path: Path) -> tuple[Accepted, ...]:
    from pytest_mockforge.checks.acceptance import unknown_code
    from pytest_mockforge.checks.registry import catalogue
    from pytest_mockforge.documents.accepted import read_accept_file

    entries = read_accept_file(path)
    codes = [check.code for check in catalogue()]
    for entry in entries:
        error = unknown_code(entry, codes)
        if error is not None:
            raise error
    return entries
