"""What a stand-in has to say after a test: calls that nobody declared, and expectations that nobody met. Pure."""

from __future__ import annotations

from pytest_mockforge.mocks.matching import shown
from pytest_mockforge.mocks.mock import AnyExpectation, PluginMock, Unexpected
from pytest_mockforge.report.text import counted, harmless

_MOST = 10
"""Calls and expectations of one kind that are shown."""
_MOST_LINES = 10
"""Lines on what is wrong with one request that cannot be read."""


def complaint(mock: PluginMock) -> str | None:
    """Say what went otherwise than declared, with what differs; None where all went well."""
    unused = [one for one in mock.expectations if not one.fulfilled]
    if not unused and not mock.unexpected:
        return None
    heads: list[str] = []
    if mock.unexpected:
        heads.append(f"{counted(len(mock.unexpected), 'call was', 'calls were')} not expected")
    if unused:
        heads.append(f"{counted(len(unused), 'expectation was', 'expectations were')} not met")
    lines = [f"{mock.name}: {', '.join(heads)}", *unexpected_lines(mock)]
    for one in unused[:_MOST]:
        lines += _unmet(one, mock)
    lines += _more(len(unused))
    lines += _seed(mock)
    return "\n".join([*lines, f"  hint: {_hint(mock)}"])


def remark(mock: PluginMock) -> str | None:
    """Say what may have made a test fail by itself: calls that were not expected, and the seed of its faults."""
    lines = [*unexpected_lines(mock), *_seed(mock)]
    return "\n".join([f"{mock.name}:", *lines]) if lines else None


def unexpected_lines(mock: PluginMock) -> list[str]:
    """Show each call that was not expected, beside the expectation that comes closest."""
    lines: list[str] = []
    for one in mock.unexpected[:_MOST]:
        lines += _stranger(one)
    return lines + _more(len(mock.unexpected))


def _stranger(one: Unexpected) -> list[str]:
    lines = [f"  not expected: {_safe(one.asked)}"]
    if one.closest is not None:
        lines.append(f"    closest: {one.closest.matcher}, declared at {one.closest.place}")
    why = one.why.splitlines()
    lines += [f"    {_safe(line)}" for line in why[:_MOST_LINES]]
    if len(why) > _MOST_LINES:
        lines.append("      …")
    for found in one.differences:
        lines += [
            f"      {_safe(found.where)}",
            f"        expected: {_safe(found.expected)}",
            f"        got: {_safe(found.got)}",
        ]
    return lines


def _unmet(one: AnyExpectation, mock: PluginMock) -> list[str]:
    lines = [
        f"  not met: {one.matcher}, declared at {one.place}",
        f"    expected: {one.wanted_calls}",
        f"    got: {len(one.calls) or 'none'}",
    ]
    others = [call for call in mock.calls if call.operation is one.matcher.operation]
    if not others:
        lines.append(f"    no call of {one.matcher.operation} came at all")
    for call in others[:_MOST]:
        if call not in one.calls:
            lines.append(f"    call {call.number} was: {_safe(shown(call.request))}")
    return lines


def _more(count: int) -> list[str]:
    return [f"  … and {count - _MOST} more"] if count > _MOST else []


def _seed(mock: PluginMock) -> list[str]:
    return (
        [f"  faults were drawn with seed={mock.seed}: {mock.name}(seed={mock.seed}) repeats them"] if mock.draws else []
    )


def _hint(mock: PluginMock) -> str:
    if mock.unexpected:
        return f"declare what may come with {mock.name}.on, or mend the code that calls"
    return "mend the code that should have called, or declare with optional=True what may stay away"


def _safe(text: str) -> str:
    return harmless(text)
