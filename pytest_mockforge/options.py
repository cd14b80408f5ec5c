"""The options, ini keys and markers that pytest is told of, and what was given for them, not judged yet.

Each run of pytest loads this, also one that tests no plugin: it imports nothing, and makes no classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ID_PREFIX = "mockforge::"
REPLAY_PREFIX = "mockforge-replay::"

_MARKERS = (
    "mockforge(*, fuel, memory, timeout, host, dialect, plugins): limits, rules and plugins for one test",
    "mockforge_budget(*expressions): what the plugin's calls of one test may cost, such as 'fuel<200k'",
)
_OPTIONS: tuple[tuple[str, str, str], ...] = (
    ("host", "NAME", "whose rules decide the load verdict: adapter (default), runtime, loader, sandbox, any"),
    ("dialect", "NAME", "the JSON spoken: auto (default, what the plugin speaks), host or sdk"),
    ("fuel", "N", "units of fuel for one call, such as 5000000, 200k or 1M (default 500M)"),
    ("memory", "SIZE", "linear memory for one instance, such as 64MiB (default 64MiB; a manifest may lower it)"),
    ("timeout", "DURATION", "wall clock for one call, such as 500ms or 2s (default 5s; a manifest may lower it)"),
    ("checks", "SELECT", "which checks run: default, all, none, codes (MF203), families (MF2), and each with a '-'"),
    ("accept", "FILE", "YAML list of accepted findings (code, detail, reason, expires, plugin): they become xfail"),
    ("fuzz-examples", "N", "examples of each operation that a fuzz run tries (default 100)"),
    ("fuzz-time", "DURATION", "time box of one plugin's whole fuzz run (default 8s)"),
    ("fuzz-seed", "SEED", "where fuzzing starts: N, random or date (default: drawn from the plugin's own content)"),
    ("corpus", "DIR", "folder of findings: those of earlier runs are tried first, new ones are written to it"),
    ("baseline", "FILE", "what budgets against the baseline compare with: an older module, or a JSON report of ours"),
    ("compare", "SPEC", "compare every other plugin with this one, a label of the run or a SPEC: same requests, MF8"),
    ("record", "FILE", "write each call of your tests to this file as JSON lines, without secrets"),
    ("replay", "FILE", "ask the plugins once more what a recording asked, an item a request, and compare the answers"),
    ("cache", "DIR", "folder for compiled modules, or off (default: the user's cache directory)"),
)


def add_options(parser: pytest.Parser) -> None:
    """Declare every option with its ini twin."""
    group = parser.getgroup("mockforge", "test built MockForge plugins")

    def add(name: str, **said: object) -> None:
        # With its destination spelt out: pytest would look through all options there are for another one of that name.
        group.addoption(f"--mockforge-{name}", dest=f"mockforge_{name.replace('-', '_')}", **said)

    add(
        "plugin",
        action="append",
        default=[],
        metavar="SPEC",
        help="a plugin under test: x.wasm, x.wat or a folder with plugin.yaml; NAME=SPEC sets its label; repeatable",
    )
    for name, metavar, text in _OPTIONS:
        add(name, default=None, metavar=metavar, help=text)
    add("explain", default=None, metavar="CODE", help="print what a check means and how to mend it, and exit")
    add(
        "allow-commands",
        action="store_true",
        default=False,
        help="let plugin.test.yaml start services: `start:` names a command, and a file that is not yours may name any",
    )
    add(
        "budget",
        action="append",
        default=[],
        metavar="EXPR",
        help="what plugins may cost: p95<5ms, fuel<200k, authenticate: p95<2x rust, memory<1.2x baseline; or default, "
        "which is what MockForge's documents promise of each language; repeatable",
    )
    add("strict-budgets", action="store_true", default=False, help="let budgets fail that are inconclusive")
    add(
        "report",
        action="append",
        default=[],
        metavar="FILE",
        help="write what was found and measured, in the form that the ending names: .json, .md or .html; repeatable",
    )
    add("id", action="append", default=[], help="run one check by its id; same as naming the id")
    _add_keys(parser)


def _add_keys(parser: pytest.Parser) -> None:
    parser.addini("mockforge_allow_commands", "let plugin.test.yaml start services", type="bool", default=False)
    parser.addini("mockforge_plugins", "plugins under test, a SPEC a line", type="linelist", default=[])
    parser.addini("mockforge_budgets", "what plugins may cost, an expression a line", type="linelist", default=[])
    parser.addini("mockforge_reports", "reports to write, a file a line", type="linelist", default=[])
    parser.addini("mockforge_strict_budgets", "let budgets fail that are inconclusive", type="bool", default=False)
    for name, _, text in _OPTIONS:
        key = f"mockforge_{name.replace('-', '_')}"
        if name in ("fuel", "fuzz-examples"):
            parser.addini(key, text, type="int", default=0)
        else:
            parser.addini(key, text, default="")


def declare_markers(config: pytest.Config) -> None:
    """Tell pytest of the markers."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


def take_ids(args: list[str], positionals: list[str]) -> None:
    """Turn ids of ours among the arguments into options, in place, as pytest would look for files of that name."""
    wanted = {arg for arg in positionals if arg.startswith((ID_PREFIX, REPLAY_PREFIX))}
    for index, arg in enumerate(args):
        if arg in wanted and (index == 0 or args[index - 1] not in ("--deselect", "-k", "-m")):
            args[index] = f"--mockforge-id={arg}"


def pass_over_snapshots(config: pytest.Config) -> None:
    """Keep syrupy's other extensions from clearing our files as unknown, also in a run that uses none of them."""
    # None where syrupy is in use and the user names no endings.
    ignored = getattr(config.option, "ignore_file_extensions", ())
    if ignored != ():
        from pytest_mockforge.snapshot import SUFFIX

        config.option.ignore_file_extensions = sorted({*(ignored or ()), SUFFIX})


def is_asked(config: pytest.Config) -> bool:
    """Tell whether options or ini keys ask for anything of us; looks at no value."""
    given = ("mockforge_plugin", "mockforge_report", "mockforge_budget", "mockforge_id")
    return bool(
        any(config.getoption(name) for name in given)
        or config.getini("mockforge_plugins")
        or any(text_of(config, name)[0] for name, _, _ in _OPTIONS)
    )


def text_of(config: pytest.Config, name: str) -> tuple[str, Path]:
    """Give an option's text, else its ini twin's, with the folder that a relative path in it counts from."""
    name = name.replace("-", "_")
    option = config.getoption(f"mockforge_{name}")
    if option is not None:
        return str(option), config.invocation_params.dir
    return str(config.getini(f"mockforge_{name}") or ""), ini_folder(config)


def ini_folder(config: pytest.Config) -> Path:
    """Give the folder that relative paths in the ini file count from."""
    return config.inipath.parent if config.inipath is not None else config.rootpath
