"""A difference as a pytest function that an author pastes: it fails as long as the two plugins differ there."""

from __future__ import annotations

import re

from pytest_mockforge.differential.model import Difference
from pytest_mockforge.fuzz.python_text import WIDTH, Group, call, expression, statement
from pytest_mockforge.fuzz.request_source import RequestSource

_LONGEST_NAME = 60


def pasteable(difference: Difference, specs: tuple[str, str]) -> str:
    """Write a test module with one function; `specs` name the reference and the plugin."""
    source = RequestSource()
    request = source.request(difference.request)
    assert request is not None
    asked = Group(opening="[", parts=(("", request),), closing="]")
    compared = call("mockforge_differential", *map(expression, specs), requests=asked, samples="False")
    fixtures = ["mockforge_differential", *(["mockforge_request"] if source.builds else [])]
    words = re.sub(r"[^a-z0-9]+", "_", difference.detail.lower()).strip("_")
    head = statement(call(f"def test_{words[:_LONGEST_NAME].strip('_')}", *fixtures), indent=0, after=":")
    summary = f"The two agree in {difference.detail.replace(chr(92), '/')}".encode("ascii", "replace").decode()
    body = [f'    """{summary.replace(chr(34), chr(39))[: WIDTH - 11]}."""', *statement(compared, indent=4)]
    imports = source.imports.lines()
    return "\n".join((*imports, *(("", "") if imports else ()), *head, *body))
