"""What language a module was built from: our own judgement with its evidence, and MockForge's own detection.

The two differ on purpose. `detect_language` weighs what toolchains leave behind; `host_detection` reproduces
contract 2.4 with its traps, since it decides which allocator MockForge would look for. Must not know wasmtime.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from struct import unpack_from
from typing import TYPE_CHECKING, Literal

from pytest_mockforge.additions import current
from pytest_mockforge.runtimes.wasm.inspection import collect_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pytest_mockforge.runtimes.wasm.module_info import ModuleInfo

Language = Literal["rust", "tinygo", "go", "assemblyscript", "c", "zig", "python", "unknown"]
HostRuntime = Literal["tinygo", "assemblyscript", "rust"]

#: A toolchain's own signature outweighs the shape of the exports, and that outweighs text found by chance. What a
#: module is linked *with* comes last: Rust, TinyGo and Zig modules carry traces of clang, never the other way round.
_SIGNED, _SHAPED, _NAMED, _LINKED = 4, 3, 2, 1


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageEvidence:
    """A language, and in words each trace that speaks for it; no evidence goes with `unknown`."""

    language: str
    """One of `Language`, or one that an extension brings."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleLanguage:
    """A language by what its toolchain leaves behind in modules; patterns are found anywhere in a name.

    A trace counts as much as one of the same kind of a built-in language, and goes before it. Raises re.error for what
    is no regular expression.

    >>> ModuleLanguage(name="moonbit", producers=[("processed-by", "^moonc$")]).name
    'moonbit'
    """

    name: str
    """What reports, budgets (`moonbit: p95<5ms`) and mends call it."""
    producers: Sequence[tuple[str, str]] = ()
    """Fields of the producers section, `language` or `processed-by`, each with a pattern for a name in it: the
    strongest evidence."""
    exports: Sequence[Collection[str]] = ()
    """Groups of exports that all are there."""
    custom_sections: Sequence[str] = ()
    """Patterns for names of custom sections."""
    imports: Sequence[tuple[str, str]] = ()
    """Patterns for module and name of an import."""
    function_names: Sequence[str] = ()
    """Patterns for names in the name section."""
    data: Sequence[bytes] = ()
    """Bytes that stand anywhere in the file: the weakest evidence."""
    mends: Mapping[str, str] = field(default_factory=dict)
    """How a breach is mended in this language, by topic (`hosts.mends.Topic`); the general words serve the others."""

    def __post_init__(self) -> None:
        patterns = [text for pair in (*self.producers, *self.imports) for text in pair]
        for pattern in (*patterns, *self.custom_sections, *self.function_names):
            re.compile(pattern)


_PRODUCERS: tuple[tuple[str, str, Language, int], ...] = (
    ("processed-by", r"tinygo", "tinygo", _SIGNED),
    ("processed-by", r"go cmd/compile|^go$", "go", _SIGNED),
    ("processed-by", r"rustc|wasm-bindgen", "rust", _SIGNED),
    ("processed-by", r"^(asc|assemblyscript)\b", "assemblyscript", _SIGNED),
    ("processed-by", r"^zig\b", "zig", _SHAPED),
    ("processed-by", r"componentize-py|cpython|^python", "python", _SIGNED),
    ("processed-by", r"clang|emscripten", "c", _LINKED),
    ("language", r"^rust$", "rust", _SIGNED),
    ("language", r"^tinygo$", "tinygo", _SIGNED),
    ("language", r"^go$", "go", _SHAPED),
    ("language", r"^assemblyscript$", "assemblyscript", _SIGNED),
    ("language", r"^zig$", "zig", _SIGNED),
    ("language", r"^python", "python", _SIGNED),
    ("language", r"^(c|c\d\d|c11|c_plus_plus.*|c\+\+.*)$", "c", _NAMED),
)
_EXPORT_GROUPS: tuple[tuple[frozenset[str], Language], ...] = (
    (frozenset({"__new", "__pin", "__unpin"}), "assemblyscript"),
    (frozenset({"__new", "__collect"}), "assemblyscript"),
    (frozenset({"resume", "getsp", "run"}), "go"),
    (frozenset({"go_scheduler"}), "tinygo"),
    (frozenset({"tinygo_unwind", "tinygo_rewind"}), "tinygo"),
    (frozenset({"__wbindgen_malloc"}), "rust"),
    (frozenset({"Py_Initialize"}), "python"),
)
_IMPORTS: tuple[tuple[str, str, Language], ...] = (
    (r"^env$", r"^abort$|^seed$|^trace$", "assemblyscript"),
    (r"^gojs$", r"^runtime\.", "go"),
    (r"^go$", r"^(runtime|syscall)[./]", "go"),
    (r"^env$", r"^(runtime\.ticks|syscall/js\.)", "tinygo"),
    (r"^(__wbindgen|wbg$)", r"", "rust"),
)
_CUSTOM: tuple[tuple[str, Language], ...] = (
    (r"^go[:.]buildid$", "go"),
    (r"tinygo", "tinygo"),
    (r"assemblyscript", "assemblyscript"),
    (r"^(\.rustc|__wasm_bindgen_unstable)$", "rust"),
    (r"componentize-py", "python"),
)
_FUNCTION_NAMES: tuple[tuple[str, Language], ...] = (
    (r"^~lib/(rt|memory|string|array)", "assemblyscript"),
    (r"^(__rust_alloc|__rustc|rust_begin_unwind|_ZN4core|_ZN5alloc|core::|alloc::)", "rust"),
    (r"^(runtime\.alloc|runtime\.gcMarkReachable|tinygo_\w+)$", "tinygo"),
    (r"^(runtime\.mallocgc|runtime_mallocgc|_rt0_wasm_\w+)$", "go"),
    (r"^Py(_|Object_|Eval_)", "python"),
)
_DATA: tuple[tuple[bytes, Language], ...] = (
    (b"/rustc/", "rust"),
    (b"library/core/src/", "rust"),
    (b"~\0l\0i\0b\0/\0r\0t\0/\0", "assemblyscript"),
    (b"Go buildinf:", "go"),
)
_MAX_NAMES = 20_000
_MAX_SEGMENTS = 2_000
_FEWEST_TEXTS = 2
_STRING_CLASS, _STRING_HEADER = 2, 20


Find = Callable[[bytes], int]
"""Tells where a word first stands in a file, or -1: `bytes.find`, or whoever remembers."""


def detect_language(info: ModuleInfo, data: bytes, find: Find | None = None) -> LanguageEvidence:
    """Weigh what the toolchain left behind: producers, exports, imports, custom sections, names, then plain data."""
    found: dict[str, list[tuple[int, str]]] = {}
    for language, weight, text in _traces(info, find or data.find):
        found.setdefault(language, []).append((weight, text))
    if not found:
        return LanguageEvidence(language="unknown")
    # On equal evidence, whoever adds a language knows it better.
    best = max(found, key=lambda name: (max(weight for weight, _ in found[name]), name in current().languages))
    ordered = sorted(found[best], key=lambda trace: -trace[0])
    return LanguageEvidence(language=best, evidence=tuple(dict.fromkeys(text for _, text in ordered)))


def _traces(info: ModuleInfo, find: Find) -> Iterator[tuple[str, int, str]]:
    added = current().languages.values()
    yield from _producer_traces(info)
    names = {export.name for export in info.exports}
    groups = [(frozenset(group), one.name) for one in added for group in one.exports]
    for group, language in (*_EXPORT_GROUPS, *groups):
        if group <= names:
            yield language, _SHAPED, f"exports {', '.join(sorted(group))}"
    imports = [(*pair, one.name) for one in added for pair in one.imports]
    for imported in info.imports:
        for module, name, language in (*_IMPORTS, *imports):
            if re.search(module, imported.module) and re.search(name, imported.name):
                yield language, _NAMED, f"imports {imported.module!r} {imported.name!r}"
    custom = [(pattern, one.name) for one in added for pattern in one.custom_sections]
    for section in info.custom_sections:
        for pattern, language in (*_CUSTOM, *custom):
            if re.search(pattern, section.name):
                yield language, _SHAPED, f"custom section {section.name!r}"
    yield from _name_traces(info)
    texts = sum(map(_is_assemblyscript_text, info.data_contents[:_MAX_SEGMENTS]))
    if texts >= _FEWEST_TEXTS:
        yield "assemblyscript", _SHAPED, f"{texts:,} data segments laid out as AssemblyScript's strings"
    for needle, language in (*_DATA, *((needle, one.name) for one in added for needle in one.data)):
        if find(needle) >= 0:
            yield language, _NAMED, f"the bytes {needle!r} in the file"


def _producer_traces(info: ModuleInfo) -> Iterator[tuple[str, int, str]]:
    added = [(*pair, one.name, _SIGNED) for one in current().languages.values() for pair in one.producers]
    for kind, pattern, language, weight in (*_PRODUCERS, *added):
        for name, version in info.producers.get(kind, ()):
            if re.search(pattern, name, re.IGNORECASE):
                yield language, weight, f"producers: {kind} {f'{name} {version}'.strip()!r}"


def _is_assemblyscript_text(segment: memoryview) -> bool:
    """Tell a static string: its class and its length in bytes, then UTF-16; often the only trace that asc leaves.

    Where asc did not optimise, three words stand before these, of which the first is the length of the rest.
    """
    length = len(segment)
    if length < 9:
        return False
    kind, size = unpack_from("<II", segment)
    # Zeros at the end of a segment are left out.
    if kind == _STRING_CLASS and size and size % 2 == 0 and length - 8 in (size, size - 1):
        return True
    if length <= _STRING_HEADER or unpack_from("<I", segment)[0] != length - 4:
        return False
    kind, size = unpack_from("<II", segment, 12)
    return bool(kind == _STRING_CLASS and size and size % 2 == 0 and size <= length - 20)


def _name_traces(info: ModuleInfo) -> Iterator[tuple[str, int, str]]:
    added = [(pattern, one.name) for one in current().languages.values() for pattern in one.function_names]
    seen: set[str] = set()
    for _, name in zip(range(_MAX_NAMES), info.function_names.values(), strict=False):
        for pattern, language in (*_FUNCTION_NAMES, *added):
            if language not in seen and re.search(pattern, name):
                seen.add(language)
                yield language, _NAMED, f"a function named {name!r}"


def host_detection(info: ModuleInfo | None, data: bytes, find: Find | None = None) -> HostRuntime:
    """Tell which adapter MockForge's own detection picks, to the letter of contract 2.4. Never raises.

    Without `info`, for a file that cannot be read, names are collected up to the first parse error.
    """
    return _host_detection(info, data, find or data.find)[0]


def host_trace(info: ModuleInfo | None, data: bytes) -> str:
    """Say what that detection goes by in this module."""
    return _host_detection(info, data, data.find)[1]


def _host_detection(info: ModuleInfo | None, data: bytes, find: Find) -> tuple[HostRuntime, str]:
    if info is None or info.read_problems:
        exports, custom = collect_names(data)
    else:
        exports = [export.name for export in info.exports]
        custom = [section.name for section in info.custom_sections]
    names = set(exports)
    # MockForge looks for the two whole words in section names too, but those are among the file's bytes.
    if {"resume", "getsp"} <= names:
        return "tinygo", "it exports resume and getsp"
    if (place := find(b"tinygo")) >= 0:
        return "tinygo", f"the text 'tinygo' stands at byte {place:,}"
    if "__new" in names and ("__pin" in names or "__unpin" in names):
        return "assemblyscript", "it exports __new and one of __pin and __unpin"
    named = next((name for name in custom if "asc" in name), None)
    if named is not None:
        return "assemblyscript", f"the custom section {named!r} has 'asc' in its name"
    if (place := find(b"assemblyscript")) >= 0:
        return "assemblyscript", f"the text 'assemblyscript' stands at byte {place:,}"
    return "rust", "it bears no mark of TinyGo or AssemblyScript"
