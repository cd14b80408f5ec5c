"""Set up the tests of a plugin: try it, write what a run needs, and run pytest once.

FOLDER holds the plugin: a plugin.yaml or a .wasm, or a service, which is one whose plugin.yaml names an endpoint, whose
plugin.test.yaml starts it, or an ASGI app. Of two modules, name one: FOLDER/one.wasm. Written are

  plugin.test.yaml      samples that the plugin accepted when they were tried, and budgets of fuel a quarter above
                        what they used
  test_NAME.py          a test for each operation, to begin with
  pytest.ini            which plugin is tested; into pyproject.toml or another file that pytest reads already, where
                        that is safe, else what to add there is said
  .github/workflows/mockforge-NAME.yml
                        a CI job with the budgets as a gate, at the root of the repository; it caches packages alone

Nothing is overwritten unasked. On a terminal each file that is there already is asked about, and so is the command that
starts a service. Without one, nothing is written then, unless --yes is given: it writes what is new, keeps what is
there, adds to the configuration of pytest where that is safe, and starts the service.

  python -m pytest_mockforge init
  python -m pytest_mockforge init plugins/auth --yes

exit status: 0 done, and pytest passed; 1 the plugin cannot be called, or pytest did not pass; 2 wrong usage, no plugin
or two, or files that are there already and nobody to ask
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from pytest_mockforge.commands import DONE, REFUSED, USAGE, refused
from pytest_mockforge.commands.init.folder import find_plugin
from pytest_mockforge.commands.init.screen import Screen
from pytest_mockforge.commands.init.setting_up import set_up
from pytest_mockforge.documents.files import shown
from pytest_mockforge.errors import PluginFailure, SetupError


def configure(parser: ArgumentParser) -> None:
    """Add the command's own arguments."""
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=Path,
        nargs="?",
        default=Path(),
        help="the plugin's folder, or a .wasm in it (default: the working directory)",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing: write what is new, and keep what is there")


def run(arguments: Namespace) -> int:
    """Set up one folder and show what pytest says."""
    screen = Screen(yes=arguments.yes)
    try:
        found = find_plugin(arguments.folder, screen.choose)
        passed = set_up(found, screen)
    except PluginFailure as failure:
        return refused(REFUSED, failure)
    except SetupError as error:
        return refused(USAGE, error)
    except OSError as error:
        place = shown(Path(error.filename)) if error.filename else "the folder"
        return refused(USAGE, OSError(f"{place}: {error.strerror or error}"))
    return DONE if passed else REFUSED
