"""Snapshots of replies: how a reply is written down, what is left out of it, where it is kept, and who agreed to it."""

from __future__ import annotations

from typing import Final

SUFFIX: Final = "mockforge"
"""How a file of snapshots ends."""
