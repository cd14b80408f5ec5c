"""Every parser of ours as a function from bytes, with good data for it."""

from __future__ import annotations

from tests.parsers import documents, kept, modules, option_text, replies
from tests.parsers.judging import Parser

PARSERS: tuple[Parser, ...] = (
    *modules.PARSERS,
    *documents.PARSERS,
    *replies.PARSERS,
    *kept.PARSERS,
    *option_text.PARSERS,
)
