"""What `inspect` knows, as lines for a terminal: aligned, and with nothing of the file that a terminal would act on.

Pure: facts in, lines out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_mockforge.commands.inspect.model import Facts, Host, ManifestFacts, Memory
from pytest_mockforge.report.colours import Colour, Palette
from pytest_mockforge.report.text import cells, counted, harmless, size

_LONGEST_NAME = 120
_LONGEST_REASON = 300
_MOST_REASONS = 3
_COLOURS: dict[str, Colour] = {"accepted": "green", "not callable": "yellow", "refused": "red"}


def lines_of(facts: Facts, paint: Palette, *, most: int | None) -> Iterator[str]:
    """Write everything, `most` rows at most of each list."""
    what = {"module": "a core module", "component": "a component", "unreadable": "no module"}[facts.kind]
    yield paint(f"{harmless(facts.file)}: {what}, {size(facts.size)} ({facts.size:,} bytes)", "bold")
    yield from _rows([(f"  {name}", value) for name, value in _summary(facts)])
    yield from _list("notes", [(_name(note, _LONGEST_REASON),) for note in facts.notes], paint, most)
    yield ""
    yield from _hosts(facts, paint)
    if facts.manifest is not None:
        yield ""
        yield from _manifest(facts.manifest, paint)
    exports = [(one.kind, _name(one.name), harmless(one.type or "")) for one in facts.exports]
    readable = facts.kind != "unreadable"
    yield from _list("exports", exports, paint, most, always=readable)
    imports = [
        (one.kind, _name(f"{one.module}::{one.name}" if one.module is not None else one.name), harmless(one.type or ""))
        for one in facts.imports
    ]
    yield from _list("imports", imports, paint, most, always=readable)
    sections = [
        (
            f"{one.name} {_name(repr(one.custom))}" if one.custom is not None else one.name,
            f"at {one.offset:,}",
            size(one.size),
        )
        for one in facts.sections
    ]
    yield from _list("sections", sections, paint, most)


def _summary(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.problem is not None:
        where = f" ({facts.problem.detail})" if facts.problem.detail else ""
        yield "broken", harmless(facts.problem.message.partition("\n")[0], _LONGEST_REASON) + where
    if facts.sha256 is not None:
        yield "sha256", facts.sha256
    evidence = "; ".join(facts.language.evidence[:3]) or "no trace of any"
    yield "language", f"{facts.language.name}: {harmless(evidence, _LONGEST_REASON)}"
    if facts.kind == "module":
        yield "detection", f"MockForge takes it for {facts.detection.adapter}: {harmless(facts.detection.because)}"
    if facts.kind != "unreadable":
        yield from _border(facts)


def _border(facts: Facts) -> Iterator[tuple[str, str]]:
    calls, contents = facts.calls, facts.contents
    ways = ", ".join(f"{name} ({way})" for name, way in calls.operations.items())
    yield "operations", ways or "none that can be called as the file is"
    if calls.adapt:
        yield "adapt", "would wrap " + ", ".join(f"{harmless(name)} ({was})" for name, was in calls.adapt.items())
    if facts.kind == "component":
        yield "contents", counted(contents.modules, "core module", "core modules")
        return
    yield "allocator", f"{calls.allocator or 'none'}, release {calls.release or 'none'}"
    yield "memory", "; ".join(map(_memory, facts.memories)) or "none"
    yield "exported as", ", ".join(repr(name[:_LONGEST_NAME]) for name in facts.memory_exports[:3]) or "nothing"
    functions = counted(contents.functions, "function", "functions")
    segments = counted(contents.data_segments, "data segment", "data segments")
    yield "contents", f"{functions}, {size(contents.code)} of code; {segments}, {size(contents.data)}"
    yield "start", f"function {contents.start} runs at instantiation" if contents.start is not None else "none"


def _memory(memory: Memory) -> str:
    most = size(memory.maximum) if memory.maximum is not None else "no bound of its own"
    marks = (", shared" if memory.shared else "") + (", 64-bit" if memory.is64 else "")
    origin = f", imported as {_name(memory.imported)}" if memory.imported is not None else ""
    return f"{size(memory.minimum)} at the start, {most}{marks}{origin}"


def _hosts(facts: Facts, paint: Palette) -> Iterator[str]:
    yield paint(f"hosts of MockForge {facts.mockforge}", "bold")
    width = max(len(host.host) for host in facts.hosts)
    for host in facts.hosts:
        verdict = paint(host.verdict, _COLOURS[host.verdict])
        yield f"  {host.host:<{width}}  {verdict}"
        yield from (f"  {' ' * width}    {line}" for line in _reasons(host))


def _reasons(host: Host) -> Iterator[str]:
    errors = [one for one in host.objections if one.severity == "error"]
    ordered = sorted(errors, key=lambda one: not one.refuses)
    messages = list(dict.fromkeys(one.message for one in ordered))
    yield from (harmless(message, _LONGEST_REASON) for message in messages[:_MOST_REASONS])
    if len(messages) > _MOST_REASONS:
        yield f"… and {counted(len(messages) - _MOST_REASONS, 'more reason', 'more reasons')}; --json has all"
    if host.as_shipped:
        yield f"as shipped: {host.as_shipped}"


def _manifest(manifest: ManifestFacts, paint: Palette) -> Iterator[str]:
    if manifest.problem is not None:
        yield paint("manifest", "bold")
        yield f"  {paint('unreadable', 'red')}  {harmless(manifest.problem.partition(chr(10))[0], _LONGEST_REASON)}"
        return
    yield paint(f"manifest {manifest.file}, shape {manifest.shape}", "bold")
    width = max((len(one.used_by) for one in manifest.parsers), default=0)
    for one in manifest.parsers:
        said = paint("accepts", "green") if one.accepts else paint("refuses", "yellow")
        reason = f": {harmless(one.reason, _LONGEST_REASON)}" if one.reason is not None else ""
        yield f"  parser {one.parser}  {one.used_by:<{width}}  {said}{reason}"


def _list(
    title: str, rows: Sequence[tuple[str, ...]], paint: Palette, most: int | None, *, always: bool = False
) -> Iterator[str]:
    if not rows and not always:
        return
    yield ""
    yield paint(f"{title} ({len(rows):,})", "bold")
    shown = rows if most is None else rows[:most]
    yield from _rows([(f"  {row[0]}", *row[1:]) for row in shown])
    if len(shown) < len(rows):
        yield f"  … and {len(rows) - len(shown):,} more; --all lists them"


def _rows(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Align columns by the cells that they take; the last one runs on."""
    widths = [max(cells(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] if rows else []
    for row in rows:
        head = "".join(text + " " * (width - cells(text) + 2) for text, width in zip(row, widths, strict=False))
        yield (head + row[-1]).rstrip()


def _name(text: str, longest: int = _LONGEST_NAME) -> str:
    return harmless(text, longest)
