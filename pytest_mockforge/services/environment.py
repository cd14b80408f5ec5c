"""The words and the environment that a service is started with. Pure but for reading this process's environment."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mockforge.documents.start import StartCommand

_PASSED_ON = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "SYSTEMROOT"),
        *("LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP"),
        *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "NODE_PATH", "JAVA_HOME", "GOROOT", "DOTNET_ROOT"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    )
)


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Pick what a program needs to be found, to load its libraries and to speak the user's language.

    A list of what may pass, not of what may not: CI keeps its secrets in variables of any name, a service repeats its
    environment in error pages and logs, and logs are shown with failures. It also makes a run the same at a desk and in
    CI. Proxies stay behind with their passwords. What else a service needs, `env` names.
    """
    return {name: value for name, value in environment.items() if name in _PASSED_ON or name.startswith("LC_")}


def environment_of(start: StartCommand, port: int) -> dict[str, str]:
    """Make the service's whole environment: what is inherited, `PORT`, and what `env` says above both."""
    # Without it a Python service keeps its last words in a buffer when it is killed.
    own = {"PORT": str(port), "PYTHONUNBUFFERED": "1"}
    given = {name: filled(value, port) for name, value in start.env.items()}
    return {**inherited(os.environ), **own, **given}


def command_of(start: StartCommand, port: int) -> tuple[str, ...]:
    """Fill the placeholders of the command."""
    return tuple(filled(word, port) for word in start.command)


def filled(text: str, port: int) -> str:
    """Put port and interpreter in the places of `{port}` and `{python}`; other braces stay."""
    return text.replace("{port}", str(port)).replace("{python}", sys.executable)
