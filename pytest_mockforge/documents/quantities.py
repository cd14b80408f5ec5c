"""Sizes, durations and counts written with a unit, as options, ini keys, markers and manifests spell them.

Pure functions from text to numbers. They know neither YAML nor pytest: callers add the name of what was being read.
"""

from __future__ import annotations

import re
from fractions import Fraction

from pytest_mockforge.documents.wording import quoted

_FORM = re.compile(r"([0-9][0-9_]*)(\.[0-9]+)?[ \t]*([A-Za-zµμ]*)")
_LONGEST = 40

_SIZES = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_DURATIONS = {
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_COUNTS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}

#: Larger numbers than these are slips of the pen, and would overflow what they are handed to.
LARGEST_WHOLE = 2**63 - 1
LONGEST_SECONDS = 365 * 24 * 3600

SIZE_FORMS = "64MiB, 64MB, 1.5 GiB or plain bytes such as 65536"
DURATION_FORMS = "500ms, 2s, 1.5s, 1m or 250us"
COUNT_FORMS = "5000000, 5_000_000, 200k or 1M"


def parse_size(text: str) -> int:
    """Read a size as bytes: KB, MB, GB and TB are powers of 1000, KiB, MiB, GiB and TiB of 1024, a bare number bytes.

    Raises ValueError naming valid forms.
    """
    number, unit = _split(text, "size", SIZE_FORMS)
    factor = _SIZES.get(unit.lower())
    if factor is None:
        raise _wrong(text, "size", SIZE_FORMS)
    return _whole(text, number * factor, "size", SIZE_FORMS)


def parse_duration(text: str) -> float:
    """Read a duration as seconds; the unit (us, ms, s, m, h) is part of it.

    Raises ValueError naming valid forms.
    """
    number, unit = _split(text, "duration", DURATION_FORMS)
    if not unit:
        raise ValueError(f"{quoted(text)} is a duration without a unit: write {DURATION_FORMS}")
    factor = _DURATIONS.get(unit.replace("μ", "µ"))
    if factor is None:
        raise _wrong(text, "duration", DURATION_FORMS)
    seconds = number * factor
    if seconds > LONGEST_SECONDS:
        raise ValueError(f"{quoted(text)} is longer than a year: write {DURATION_FORMS}")
    return float(seconds)


def parse_count(text: str) -> int:
    """Read a whole number; k, M and G multiply by a thousand, a million, a thousand million.

    Raises ValueError naming valid forms.
    """
    number, unit = _split(text, "whole number", COUNT_FORMS)
    factor = _COUNTS.get(unit)
    if factor is None:
        raise _wrong(text, "whole number", COUNT_FORMS)
    return _whole(text, number * factor, "whole number", COUNT_FORMS)


def _split(text: str, what: str, forms: str) -> tuple[Fraction, str]:
    stripped = text.strip()
    match = _FORM.fullmatch(stripped) if len(stripped) <= _LONGEST else None
    if match is None or match[1].endswith("_"):
        raise _wrong(text, what, forms)
    return Fraction(match[1].replace("_", "") + (match[2] or "")), match[3]


def _whole(text: str, value: Fraction, what: str, forms: str) -> int:
    if value.denominator != 1:
        raise ValueError(f"{quoted(text)} does not come to a whole number: write {forms}")
    if value > LARGEST_WHOLE:
        raise ValueError(f"{quoted(text)} is too large a {what}: write {forms}")
    return int(value)


def _wrong(text: str, what: str, forms: str) -> ValueError:
    return ValueError(f"{quoted(text)} is not a {what}: write {forms}")
