"""MF119: can a component be called at all? No MockForge host loads one, which is what MF116 says."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.checks.model import Finding, from_failure
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.registry import check
from pytest_mockforge.errors import LoadFailure


@check("MF119", "a component exports operations of our own WIT world", need="binary")
def component_world(bench: ModuleBench) -> Iterator[Finding]:
    """MockForge has no WIT world, so components are called through one of ours, for what their authors want to know.

    Source: contract 6, whose sketch no code of MockForge's follows. The world is `mockforge:plugin` in
    pytest_mockforge/runtimes/component/plugin.wit: each operation takes the host's JSON as bytes and gives bytes, or an
    error in words. WASI 0.2 is there and denies everything; other imports are not.

    Mend: export `authenticate: func(request: list<u8>) -> result<list<u8>, string>` and its like from the world.
    """
    component = bench.subject.component
    if isinstance(component, LoadFailure):
        yield from_failure("MF119", f"cannot-{component.step}", component)
    elif component is not None:
        for operation, given in component.faults.items():
            yield Finding(
                code="MF119",
                severity="error",
                detail=f"wrong-type:{operation}",
                message=f"the component exports {operation} with another type than our world's",
                expected="func(request: list<u8>) -> result<list<u8>, string>",
                got=given,
            )
        if not component.operations and not component.faults:
            yield Finding(
                code="MF119",
                severity="error",
                detail="no-operation",
                message="the component exports none of the four operations",
                expected="authenticate, template-function, generate-response or query-datasource",
            )
