"""A report with all that a report can hold, made up: for tests of how it is written."""

from __future__ import annotations

import random
from collections.abc import Sequence

from msgspec.structs import replace

from pytest_mockforge.budgets.machine import Machine
from pytest_mockforge.budgets.model import Timing, Verdict
from pytest_mockforge.checks.model import CheckResult, Figure, Finding, HostVerdict
from pytest_mockforge.report.model import Report, Run, Source, build

RUN = Run(
    version="0.1.0",
    mockforge="0.3.213",
    wasmtime="47.0.0",
    compiler="cranelift",
    python="3.11.7",
    pytest="9.1.0",
    host="adapter",
    dialect="auto",
    started="2026-11-23T04:00:00+00:00",
    seconds=12.5,
    exit_status=1,
    workers=2,
    machine=Machine(
        identity="0123456789abcdef", cpu="Some CPU @ 2.0 GHz", cores=2, architecture="x86_64", system="Linux 6.1"
    ),
)
HOSTILE = (
    "</style><script>alert('boo')</script> <img src=x onerror=alert(1)> | `x` ``y`` ![i](http://evil.example/p.png) "
    "[l](javascript:alert(1)) @everyone #1 ::error::%0A\x1b[31mred\x1b[0m \u202egnp.exe \ud800 \x00 \u2028 end"
)
"""Text that acts wherever it is not made harmless."""
_HOSTS = (
    HostVerdict(host="adapter", verdict="accepted"),
    HostVerdict(
        host="runtime",
        verdict="refused",
        reasons=("export init is missing", "export process is missing"),
        broken=3,
        as_shipped="panics on the first plugin that it would take",
    ),
)
_OPERATIONS = ("authenticate", "template_function", "generate_response", "query_datasource")


def identity(language: str, size: int | None = 169_779) -> dict[str, Figure]:
    """What is known of a plugin."""
    return {
        "language": language,
        "convention": "multi-value",
        "dialect": None,
        "size": size,
        "host": "adapter",
        "version": "0.3.213",
        "adapter": language,
        "loads": True,
        "mended": False,
        "refused": False,
        "objection": "",
        "untested": "",
        "initial_memory": 65_536,
    }


def result(plugin: str = "rust", code: str = "MF203", *findings: Finding, language: str = "rust") -> CheckResult:
    """One check's result."""
    return CheckResult(plugin=plugin, code=code, title="a rule", findings=findings, identity=identity(language))


def error(message: str = "authenticate answers otherwise", code: str = "MF203", **more: str) -> Finding:
    """An error; keywords set its other texts."""
    return replace(Finding(code=code, severity="error", detail="authenticate:other", message=message), **more)


def report_of(results: Sequence[CheckResult], **files: str) -> Report:
    """Make a report of results; a keyword gives the file of the plugin with that label."""
    labels = dict.fromkeys(one.plugin for one in results)
    sources = [Source(label=label, spec=f"plugins/{label}", file=files.get(label, "")) for label in labels]
    return build(results, sources=sources, run=RUN)


def timing(seed: int, typical: float) -> Timing:
    """Samples of time as they come: a bulk, a tail, one outlier."""
    chance = random.Random(seed)
    variants = [tuple(chance.lognormvariate(0, 0.12) * typical for _ in range(60)) for _ in range(5)]
    variants[2] = (*variants[2], typical * 9)
    return Timing(seconds=tuple(variants), border=3e-6, host=12e-6, wanted=300)


def full_report() -> Report:
    """All of it: three plugins, findings of each severity, budgets, time, fuel, memory over calls."""
    return report_of(
        [
            *_plugin("rust", "rust", 1.0),
            *_plugin("tinygo", "tinygo", 1.6),
            *_plugin("flaky", "assemblyscript", 1.3, broken=True),
        ],
        flaky="plugins/flaky/plugin.yaml",
    )


def _plugin(label: str, language: str, cost: float, *, broken: bool = False) -> list[CheckResult]:
    first = CheckResult(
        plugin=label, code="MF101", title="the file can be read", verdicts=_HOSTS, identity=identity(language)
    )
    base = dict(zip(_OPERATIONS, (100_335, 23_863, 86_281, 232_781), strict=True))
    fuel: dict[str, dict[str, Figure]] = {
        name: {
            "samples": 4,
            "accepted": 3,
            "only_refusals": False,
            "fuel_cold": int(units * cost * 1.02),
            "fuel_steady": int(units * cost),
            "fuel_max": int(units * cost * 1.1),
        }
        for name, units in base.items()
    }
    costs = CheckResult(plugin=label, code="MF401", title="calls end within fuel", figures=fuel)
    steps = tuple((at * 2_000, at * 65_536) for at in range(1, 9 if broken else 3))
    growth = CheckResult(
        plugin=label,
        code="MF403",
        title="memory levels off",
        figures={name: {"growth": 0.0, "growth_verdict": "none", "memory_grown": 65_536} for name in _OPERATIONS},
        memory_over_calls={
            name: ((*steps, (20_000, steps[-1][1])) if at < 2 else ((20_000, 0),))
            for at, name in enumerate(_OPERATIONS)
        },
        findings=(error("authenticate leaks", "MF403", expected="memory that levels off", hint="free it"),)
        if broken
        else (),
    )
    times = {name: timing(at, units * cost / 4e9) for at, (name, units) in enumerate(base.items())}
    verdicts = tuple(
        Verdict(
            budget="p95<50us",
            metric="p95",
            operation=name,
            outcome="pass" if units < 200_000 else "fail",
            figure=f"{units / 4e3:.3g} µs",
            bound="< 50 µs",
            source="--mockforge-budget",
        )
        for name, units in base.items()
    )
    broke = error("query_datasource: p95 is 58.2 µs", "MF501", expected="p95 < 50 µs", got="58.2 µs", hint="do less")
    budget = CheckResult(
        plugin=label,
        code="MF501",
        part="p95<50us",
        title="budgets of time",
        budget=verdicts if broken else verdicts[:3],
        timings=times,
        findings=(broke,) if broken else (),
    )
    skipped = CheckResult(plugin=label, code="MF602", title="a service answers", skipped="MF601: it is no service")
    more = [first, costs, growth, budget, skipped]
    if broken:
        note = Finding(code="MF208", severity="note", detail="case", message="keys are in another order")
        warning = Finding(code="MF404", severity="warning", detail="x:spoilt", message="no room, so it traps")
        more.append(
            CheckResult(
                plugin=label,
                code="MF205",
                title="fields have their types",
                findings=(
                    error(
                        "authenticate: the reply breaks the contract",
                        "MF205",
                        expected="a boolean",
                        got='"yes"',
                        request='{"method":"GET","uri":"/"}',
                        host_message="invalid type: string, expected a boolean",
                        reproduce="def test_it(mockforge_plugin):\n    mockforge_plugin.call_raw('x', b'{}')\n",
                        hint="answer true or false",
                    ),
                    warning,
                    note,
                ),
                accepted=(error("known", "MF205"),),
            )
        )
    return more
