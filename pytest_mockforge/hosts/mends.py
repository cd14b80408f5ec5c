"""How to mend what a host objects to, topic by topic and language by language. Data, and the two ways to read it.

A language goes by the names of `runtimes.wasm.language`; what is written under `any` serves all that have no line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from textwrap import fill
from typing import Literal

from pytest_mockforge.additions import current

Topic = Literal[
    "module",
    "proposal",
    "wasi",
    "abort",
    "imported-memory",
    "imports",
    "memory",
    "allocator",
    "alloc",
    "signature",
    "operations",
    "start",
    "names",
    "init-process",
    "size",
    "memory-size",
    "maximum",
    "words",
    "detection",
    "manifest",
]

LANGUAGES = ("rust", "tinygo", "go", "assemblyscript", "c", "zig", "python")

_ADAPT = "python -m pytest_mockforge adapt in.wasm out.wasm"
_OVER_HTTP = "no MockForge host can load it: serve the plugin over HTTP instead"

MENDS: Mapping[Topic, Mapping[str, str]] = {
    "module": {
        "any": "name the .wasm that the compiler wrote, a core module in the binary format; build a damaged one again",
        "rust": "build for wasm32-unknown-unknown; wasm32-wasip2 writes a component",
        "tinygo": "build with -target=wasm-unknown; -target=wasip2 writes a component",
        "assemblyscript": "name the file of asc's --outFile, not that of --textFile",
        "c": "link it; with -c the compiler writes an object file, which is no plugin yet",
        "python": f"componentize-py writes components only; {_OVER_HTTP}",
    },
    "proposal": {
        "any": "build without that proposal: a -C target-feature, an -m or an --enable flag of the compiler",
        "rust": "drop it from -Ctarget-feature, and compile only a thin crate of exports with +multivalue",
        "tinygo": 'drop it from "features" of the target\'s JSON file; -target=wasm-unknown uses none',
        "go": "unset GOWASM",
        "assemblyscript": "drop its --enable, or write --disable, for asc",
        "c": "drop its -m flag, or write the -mno- form",
        "zig": "drop it from -mcpu",
    },
    "wasi": {
        "any": "build for a target without WASI",
        "rust": "build for wasm32-unknown-unknown, with no crate that reads clock, chance, files or environment",
        "tinygo": "build with -target=wasm-unknown instead of -target=wasi or wasip1",
        "go": f"Go's own runtime always imports WASI: build with TinyGo and -target=wasm-unknown; else {_OVER_HTTP}",
        "assemblyscript": "drop the WASI shim from asconfig.json, and what needs it: console, process, Date",
        "c": "link without wasi-libc: -nostdlib, and wasm32-freestanding (zig cc) or wasm32-unknown-unknown (clang)",
        "zig": "build with -target wasm32-freestanding",
        "python": f"a Python inside WebAssembly always imports WASI; {_OVER_HTTP}",
    },
    "abort": {
        "any": "compile with `asc --use abort=`, so that AssemblyScript does not import env.abort",
    },
    "imported-memory": {
        "any": "export the memory instead of importing it",
        "rust": "drop -Clink-arg=--import-memory",
        "tinygo": 'drop --import-memory from "ldflags" of the target\'s JSON file',
        "assemblyscript": "drop --importMemory of asc",
        "c": "drop -Wl,--import-memory",
        "zig": "drop --import-memory",
    },
    "imports": {
        "any": "define it in the module, or drop what calls it",
        "rust": "drop wasm-bindgen, getrandom's js feature and extern blocks with #[link(wasm_import_module)]",
        "tinygo": "drop //go:wasmimport functions, and build with -target=wasm-unknown",
        "go": f"build with TinyGo and -target=wasm-unknown: Go's own runtime always imports; else {_OVER_HTTP}",
        "assemblyscript": "drop `declare function` and @external; `--use abort=`; seed chance without Math.random",
        "c": "an undefined symbol became an import: define it, and drop -Wl,--allow-undefined",
        "zig": "define the extern function, or drop it",
        "python": f"a Python inside WebAssembly always imports; {_OVER_HTTP}",
    },
    "memory": {
        "any": "export one memory, with 32-bit addresses and not shared, under the name 'memory'",
        "rust": "rustc exports it by itself: drop --import-memory, --shared-memory and the memory64 target",
        "assemblyscript": "asc exports it by itself: drop --noExportMemory, --importMemory and --sharedMemory",
        "c": "-Wl,--export-memory; drop --import-memory and --shared-memory",
        "zig": "--export-memory; drop --import-memory and --shared-memory",
    },
    "allocator": {
        "any": "export a function of that name and type",
        "rust": '#[no_mangle] pub extern "C" fn alloc(len: u32) -> *mut u8',
        "tinygo": "keep the text `tinygo` in the file, so that MockForge looks for malloc; or export alloc as well",
        "go": "//go:wasmexport alloc; func alloc(length uint32) uint32",
        "assemblyscript": "compile with `asc --exportRuntime`, which exports __new, __pin and __unpin",
        "c": '__attribute__((export_name("alloc"))) void *alloc(unsigned long length)',
        "zig": "export fn alloc(length: u32) ?[*]u8, linked with -rdynamic",
    },
    "alloc": {
        "any": "export alloc(i32) -> i32: this host knows no other name, whatever the language",
        "rust": '#[no_mangle] pub extern "C" fn alloc(len: u32) -> *mut u8',
        "tinygo": "//export alloc; func alloc(length uint32) uint32: this host does not look for malloc",
        "go": "//go:wasmexport alloc; func alloc(length uint32) uint32",
        "assemblyscript": "export function alloc(length: i32): usize { return heap.alloc(length) }, beside __new",
        "c": '__attribute__((export_name("alloc"))) void *alloc(unsigned long length)',
        "zig": "export fn alloc(length: u32) ?[*]u8, linked with -rdynamic",
    },
    "signature": {
        "any": f"return two i32 results, pointer and length, or let a wrapper do it: {_ADAPT}",
        "rust": f"compile a thin crate of exports with -Ctarget-feature=+multivalue (rustc 1.63), or wrap: {_ADAPT}",
        "tinygo": f"TinyGo cannot return two: return one uint64, pointer in the high half, and wrap it: {_ADAPT}",
        "go": f"Go cannot return two: return one uint64, pointer in the high half, and wrap it: {_ADAPT}",
        "assemblyscript": f"asc cannot return two: return one u64, pointer in the high half, and wrap it: {_ADAPT}",
        "c": f"-mmultivalue -Xclang -target-abi -Xclang experimental-mv, or wrap the hidden pointer: {_ADAPT}",
        "zig": f"return one u64, pointer in the high half, and wrap it: {_ADAPT}",
    },
    "operations": {
        "any": "export it under this very name, or drop it from plugin.yaml and plugin.test.yaml",
        "rust": '#[no_mangle] pub extern "C" under this very name; the SDK\'s export_plugin! exports none of them',
        "tinygo": "//export under this very name; not the names of the published Go SDK (plugin_auth_…)",
        "go": "//go:wasmexport under this very name; not the names of the published Go SDK (plugin_auth_…)",
        "assemblyscript": "`export function` under this very name in the entry file",
        "c": '__attribute__((export_name("authenticate"))), and so on',
        "zig": "`export fn` under this very name, linked with -rdynamic",
        "python": f"components export no such functions; {_OVER_HTTP}",
    },
    "start": {
        "any": "mend or drop the start section, which runs on every load; do the work on the first call",
        "assemblyscript": "keep top-level code simple: asc puts it in the start section; --exportStart takes it out",
    },
    "names": {
        "any": "do not export it, or under another name",
        "rust": "rustc adds __data_end and __heap_base: remove these exports after linking, with wasm-metadce say",
        "tinygo": "remove _initialize and its like after linking, with wasm-metadce say: the host never calls them",
        "go": "Go always exports _start or _initialize, which this host refuses",
        "assemblyscript": "compile without --exportRuntime: it exports __new and its like; export alloc and dealloc",
        "c": "-nostartfiles -Wl,--no-entry, and no -Wl,--export-all",
        "zig": "-fno-entry, and no -rdynamic for what begins with an underscore",
    },
    "init-process": {
        "any": "export functions named init and process beside the others",
    },
    "size": {
        "any": "strip debug sections, and let the linker drop what is not called",
        "rust": 'strip = true, lto = true, opt-level = "s" and panic = "abort" under [profile.release]',
        "tinygo": "-no-debug -opt=z",
        "go": '-ldflags="-s -w", or build with TinyGo',
        "assemblyscript": "drop --debug; -O3z",
        "c": "-Oz -Wl,--strip-all -Wl,--gc-sections",
        "zig": "-O ReleaseSmall -fstrip",
        "python": f"the interpreter is part of the module; {_OVER_HTTP}",
    },
    "memory-size": {
        "any": "ask the linker for a smaller initial memory or stack",
        "rust": "-Clink-arg=-zstack-size=65536, and drop --initial-memory and large statics",
        "tinygo": 'drop --initial-memory from "ldflags" of the target\'s JSON file, and large package variables',
        "go": "keep package variables small, or build with TinyGo",
        "assemblyscript": "lower --initialMemory and --memoryBase of asc, and static arrays",
        "c": "-Wl,-z,stack-size=65536, and drop -Wl,--initial-memory and large static arrays",
        "zig": "--stack 65536, and drop --initial-memory and large globals",
    },
    "maximum": {
        "any": "declare a maximum of at most 100 pages, 6,553,600 bytes, or none at all",
        "rust": "-Clink-arg=--max-memory=6553600",
        "tinygo": '--max-memory=6553600 in "ldflags" of the target\'s JSON file',
        "assemblyscript": "--maximumMemory 100",
        "c": "-Wl,--max-memory=6553600",
        "zig": "--max-memory=6553600",
    },
    "words": {
        "any": "keep such texts out of constants: messages, URLs and help texts count",
        "rust": "panic messages and paths of crates count: --remap-path-prefix, and no URL in messages",
        "tinygo": "-panic=trap -no-debug, and no such text in constants",
        "go": "packages such as net and os bring texts of the kind; build with TinyGo and -no-debug",
        "assemblyscript": "string constants are UTF-16 and not found: look into static arrays of bytes",
        "c": "keep them out of string literals, and do not link stdio",
        "zig": "-O ReleaseSmall drops the texts of panics",
    },
    "detection": {
        "any": "keep the texts `tinygo` and `assemblyscript`, and section names with `asc` in them, out of the file",
        "tinygo": "keep the text `tinygo` in the file, in a custom section say; stripping may drop it",
        "assemblyscript": "compile with `asc --exportRuntime`: __new and __pin are what MockForge goes by",
        "go": "strip what it is mistaken by: MockForge has no adapter for Go, and that for Rust comes nearest",
    },
    "manifest": {
        "any": "give info{id, version{major, minor, patch}, name, description, author{name}}, a list of "
        "capabilities, and a map of dependencies",
    },
}


def mend(topic: Topic, language: str) -> str:
    """Give the mend in a language, or the general one."""
    added = current().languages.get(language)
    table = MENDS[topic] if added is None else {**MENDS[topic], language: added.mends.get(topic, "")}
    return table.get(language) or table["any"]


def page(topics: Iterable[Topic]) -> str:
    """List the mends for every language, as the page of a check prints them."""
    return "\n".join(line for topic in topics for line in _lines(topic))


def _lines(topic: Topic) -> Iterator[str]:
    table = MENDS[topic]
    yield f"Mends, {topic.replace('-', ' ')}:"
    for language in LANGUAGES:
        if language in table:
            yield _line(language, table[language])
    for added in current().languages.values():
        if topic in added.mends:
            yield _line(added.name, added.mends[topic])
    rest = "any language" if len(table) == 1 else "any other"
    yield _line(rest, table["any"])


def _line(language: str, text: str) -> str:
    return fill(
        f"{language}: {text}",
        118,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
