"""Where a search starts: a plugin's own content, or what the user asks for. Knows nothing of what is searched."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date
from importlib.metadata import version

from pytest_mockforge.errors import SettingsError

_LARGEST = 2**32 - 1


def default_seed(data: bytes) -> int:
    """Give the seed of a plugin by its content: a module's bytes, a service's SPEC. Equal content, equal search."""
    mark = f"\0pytest-mockforge {version('pytest-mockforge')}".encode()
    return int.from_bytes(hashlib.sha256(data + mark).digest()[:4], "big")


def parse_seed(text: str, *, today: date | None = None) -> int:
    """Read a seed: a number from 0 to 4294967295, `date` for one that changes daily, `random` for one drawn now.

    Draw it once for a whole run, on the controller. Raises SettingsError.
    """
    word = text.strip().lower()
    if word == "random":
        return secrets.randbelow(_LARGEST + 1)
    if word == "date":
        return int((today or date.today()).strftime("%Y%m%d"))
    if word.isascii() and word.isdigit() and int(word) <= _LARGEST:
        return int(word)
    raise SettingsError(
        f"the seed cannot be {text!r}", hint=f"valid values are random, date and whole numbers up to {_LARGEST}"
    )
