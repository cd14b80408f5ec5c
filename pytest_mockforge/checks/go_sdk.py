"""MF118: what MockForge's adapters make of a module that was built with the published Go SDK."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.registry import check
from pytest_mockforge.runtimes.wasm.go_sdk import host_mismatches


@check("MF118", "the module is not built as the published Go SDK has it", need="module")
def go_sdk(bench: ModuleBench) -> Iterator[Finding]:
    """MockForge publishes a Go SDK whose exports none of its hosts calls; each difference is a finding of its own.

    Source: contract 5.1 and 4.2. `plugin_auth_authenticate` takes four arguments, `plugin_template_execute` six, and
    each gives a bare pointer to JSON without a length, errors included. Such a module is tested all the same, under
    the `sdk` dialect; MF103, MF105 and MF106 say what stops it in MockForge.

    Mend: export authenticate and its like as (i32, i32) -> i64, pointer in the high half, register in init, and let
    python -m pytest_mockforge adapt give them two results; fixtures/reference/tinygo shows it.
    """
    # Not asked of the compiled module, as one that cannot be linked has none.
    info = bench.subject.info
    for mismatch in host_mismatches(info, bench.subject.border) if info is not None else ():
        yield Finding(
            code="MF118",
            # The rules that the host stops at are errors of their own.
            severity="note" if bench.host == "any" else "warning",
            detail=mismatch.detail,
            message=mismatch.message,
            hint=mismatch.mend,
        )
