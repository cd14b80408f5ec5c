"""What was found, as a pytest function that an author pastes: it fails alone, and passes once the plugin is mended.

The typed request is written with the builder where that can say it, else the bytes are sent as they are. Knows nothing
of pytest itself, nor of how anything was found; the lines for a shell are in `shell_lines`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from pytest_mockforge.contract.dialects import may_refuse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.expectation import Volatile
from pytest_mockforge.fuzz import growth
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.places import places
from pytest_mockforge.fuzz.python_text import WIDTH, Group, Node, call, expression, statement
from pytest_mockforge.fuzz.request_source import RequestSource, asked_with, plainly_written
from pytest_mockforge.fuzz.shell_lines import curl_line, grpcurl_line
from pytest_mockforge.runtimes.base import PAGE

__all__ = ["curl_line", "grpcurl_line", "pasteable"]

_REMOTE = re.compile(r"[a-z_]+:(?:.*-)?(?:status-\d+|timeout|closed|protocol|tls|redirect|oversize)")
_RATE = re.compile(r"([0-9,]+(?:\.[0-9]+)?) bytes a call")
_POWER = re.compile(r"the power ([0-9.]+)")
_FAULTS_OF_GRPC = (2, 4, 8, 13, 14, 15)
_LONGEST_NAME = 60
_SLACK = 1_000
"""Units of fuel that a call may cost more for no reason of its size."""


def pasteable(discovery: Discovery, spec: str, *, volatile: Sequence[Volatile] = ()) -> str:
    """Write a pytest module with one function, ready to be pasted: ASCII, and laid out as formatters leave it.

    `spec` names the plugin as `mockforge_load` takes it; empty for the plugins of the run. `volatile` are the fields
    that may differ between equal calls.
    """
    draft = _Draft(discovery, spec, tuple(one for one in volatile if one.operation in (None, discovery.case.operation)))
    draft.write()
    return draft.text()


class _Draft:
    """The function while it is written."""

    def __init__(self, discovery: Discovery, spec: str, volatile: tuple[Volatile, ...]) -> None:
        self._discovery = discovery
        self._case = discovery.case
        self._spec = spec
        self._volatile = volatile
        self._source = RequestSource()
        self._body: list[str] = []

    def text(self) -> str:
        fixtures = ["mockforge_load" if self._spec else "mockforge_plugin"]
        fixtures += ["mockforge_request"] if self._source.builds else []
        head = []
        if self._discovery.dialect != "host":
            self._source.imports.add("pytest")
            head.append(f'@pytest.mark.mockforge(dialect="{self._discovery.dialect}")')
        head += statement(call(f"def {self._name()}", *fixtures), indent=0, after=":")
        opened = call("mockforge_load", expression(self._spec)) if self._spec else "mockforge_plugin"
        body = [f'    """{self._summary()}"""', *statement(opened, indent=4, before="plugin = "), *self._body]
        imports = self._source.imports.lines()
        return "\n".join((*imports, *(("", "") if imports else ()), *head, *body)) + "\n"

    def write(self) -> None:
        """Write what has to hold, by code."""
        kinds: dict[str, Callable[[], None]] = {
            "MF303": self._contract,
            "MF304": self._twice,
            "MF305": self._after_others,
            "MF306": self._leak,
            "MF307": self._after_others,
            "MF308": self._growth,
            "MF309": self._not_admitted,
            "MF310": self._not_shown,
        }
        if self._discovery.code == "MF311" and self._discovery.before:
            self._after_others()
        elif self._discovery.code == "MF311" and self._discovery.detail.endswith("-differs"):
            self._written_otherwise()
        elif self._discovery.code == "MF304" and self._discovery.detail.endswith(":flaky"):
            self._answered()
        else:
            kinds.get(self._discovery.code, self._answered)()

    # --- what has to hold ---------------------------------------------------------------------------------------------

    def _answered(self) -> None:
        """The call comes to an end with a reply, or with a refusal."""
        if _REMOTE.fullmatch(self._discovery.detail):
            self._say(self._observed(self._case), before="failure = ", after=".failure")
            self._line(f"faults = {_FAULTS_OF_GRPC}")
            self._line("# An error status that blames the request is an answer.")
            self._line("if failure is not None:")
            self._line('    assert failure.kind == "status", failure')
            self._line("    assert failure.status < 500 and failure.status not in faults, failure")
        elif self._call is not None:
            self._refusable(self._call)
        elif self._discovery.code == "MF311" or self._case.request is not None:
            self._raw_answered()
        else:
            name, payload = expression(self._case.operation.value), expression(self._case.payload)
            self._refusable(call("plugin.call_raw", name, payload))

    def _raw_answered(self) -> None:
        self._source.imports.add("pytest_mockforge", "Refusal")
        self._say(self._observed(self._case), before="failure = ", after=".failure")
        self._line("assert failure is None or isinstance(failure, Refusal), failure")

    def _contract(self) -> None:
        """The reply keeps the contract."""
        if self._discovery.severity == "error" and self._call is not None:
            self._refusable(self._call)
        elif self._discovery.severity == "error":
            self._raw_answered()
        else:
            self._say(self._observed(self._case), before="seen = ")
            place = self._discovery.detail.rpartition(":")[2].partition("*")[0]
            self._line("places = [one.pointer for one in seen.violations]")
            node = call("place.startswith", expression(place))
            self._say(node, before="assert not [place for place in places if ", after="]")

    def _twice(self) -> None:
        """The same request is answered alike, each time alone."""
        self._line("fresh = plugin.fresh()")
        self._observe_as("first", self._case, "fresh")
        self._observe_as("again", self._case, "fresh")
        self._alike("first", "again")

    def _written_otherwise(self) -> None:
        """The same request is answered alike, however it is written."""
        plain = plainly_written(self._case)
        self._line("fresh = plugin.fresh()")
        self._observe_as("plain", self._case if plain is None else plain, "fresh")
        self._observe_as("odd", self._case, "fresh")
        self._alike("plain", "odd")

    def _after_others(self) -> None:
        """The request is answered after other calls as it is alone."""
        self._line("fresh, kept = plugin.fresh(), plugin.reused()")
        self._observe_as("alone", self._case, "fresh")
        for case in self._discovery.before:
            self._say(self._observed(case, "kept"))
        self._observe_as("after", self._case, "kept")
        self._alike("alone", "after")

    def _leak(self) -> None:
        """Memory levels off: the second half of the calls grows it no more."""
        rate = _RATE.search(self._discovery.got)
        slope = float(rate[1].replace(",", "")) if rate else 0.0
        calls = min(max(int(4 * PAGE / slope) if slope else 20_000, 100), 100_000)
        self._source.imports.add("pytest_mockforge", "Operation")
        operation = f"Operation.{self._case.operation.name}"
        if (request := self._source.request(self._case.request)) is not None:
            self._say(call("plugin.encode", request), before="payload = ")
        else:
            self._say(call("bytes", expression(self._case.payload)), before="payload = ")
        self._line("kept = plugin.reused()")
        self._line("growth = []")
        self._line(f"for _ in range({2 * calls}):")
        self._line(f"    exchange = kept.invoke({operation}, payload)")
        self._line("    assert exchange.failure is None, exchange.failure")
        self._line("    growth.append(exchange.memory_grown)")
        self._line(f"assert sum(growth[{calls}:]) <= {PAGE}")

    def _growth(self) -> None:
        """Twice the input does not cost four times the fuel."""
        power = _POWER.search(self._discovery.expected)
        bound = 2 ** ((float(power[1]) if power else growth.QUADRATIC) - 2 * growth.TOLERANCE)
        name = self._discovery.detail.partition(":")[2]
        request = self._case.request
        place = next((one for one in places(request) if one.name == name), None) if request is not None else None
        if place is None:
            self._answered()
            return
        self._line("fresh = plugin.fresh()")
        for word, part in (("quarter", 4), ("half", 2), ("whole", 1)):
            case = Case(operation=self._case.operation, payload=b"", request=place.put(_cut(place.value, part)))
            self._observe_as(word, case, "fresh", after=".fuel")
        self._line(f"assert whole - half <= {bound:.2f} * (half - quarter) + {_SLACK}")

    def _not_admitted(self) -> None:
        self._say(self._observed(self._case), before="reply = ", after=".reply")
        self._line("assert reply is None or not reply.authenticated")

    def _not_shown(self) -> None:
        """A secret of the request, or of one before it, is nowhere to be seen."""
        self._source.imports.add("pytest_mockforge.fuzz.credentials", "visible")
        if self._discovery.before:
            self._line("kept = plugin.reused()")
        for case in self._discovery.before:
            self._say(self._observed(case, "kept"))
        self._observe_as("seen", self._case, "kept" if self._discovery.before else "plugin")
        for secret in asked_with(self._discovery):
            self._say(expression(secret), before="assert ", after=" not in visible(seen)")

    # --- pieces -------------------------------------------------------------------------------------------------------

    @property
    def _call(self) -> Node | None:
        """The typed call, which raises what is wrong; None where the builder cannot say it."""
        operation = self._case.operation
        if operation is Operation.TEMPLATE_FUNCTION:
            parts = self._source.parts(self._case.request)
            return None if parts is None else call("plugin.template_function", *parts[0], **parts[1])
        request = self._source.request(self._case.request)
        return None if request is None else call(f"plugin.{operation.value}", request)

    def _observed(self, case: Case, plugin: str = "plugin") -> Node:
        request = self._source.request(case.request)
        if request is not None:
            return call(f"{plugin}.observe", request)
        self._source.imports.add("pytest_mockforge", "Operation")
        named = {"wire": expression(True)} if case.family else {}
        return call(f"{plugin}.observe_bytes", f"Operation.{case.operation.name}", expression(case.payload), **named)

    def _observe_as(self, name: str, case: Case, plugin: str, after: str = "") -> None:
        self._say(self._observed(case, plugin), before=f"{name} = ", after=after)

    def _refusable(self, node: Node) -> None:
        """Make a call that may refuse, where the operation has no other way to say no (contract 1.4)."""
        if not may_refuse(self._case.operation) and self._discovery.dialect == "host":
            self._say(node)
            return
        self._source.imports.add("contextlib", "suppress")
        self._source.imports.add("pytest_mockforge", "Refusal")
        self._line("with suppress(Refusal):")
        self._body += statement(node, indent=8)

    def _alike(self, left: str, right: str) -> None:
        for name in ("alike", "difference"):
            self._source.imports.add("pytest_mockforge.fuzz.outcomes", name)
        fields: list[Node] = []
        for one in self._volatile:
            self._source.imports.add("pytest_mockforge.documents.expectation", "Volatile")
            fields.append(call("Volatile", pointer=expression(one.pointer)))
        self._say(_listed(fields), before="volatile = ")
        self._line(f"assert alike({left}, {right}, volatile), difference({left}, {right}, volatile)")

    def _say(self, node: Node, *, before: str = "", after: str = "") -> None:
        self._body += statement(node, indent=4, before=before, after=after)

    def _line(self, text: str) -> None:
        self._body.append(f"    {text}")

    def _name(self) -> str:
        words = re.sub(r"[^a-z0-9]+", "_", self._discovery.detail.lower()).strip("_")
        return f"test_{words[:_LONGEST_NAME].strip('_')}"

    def _summary(self) -> str:
        room = WIDTH - 4 - 6 - len(self._discovery.code) - 3
        words = " ".join(ascii(self._discovery.message)[1:-1].split()).replace("\\", "/").replace('"', "'")
        words = words if len(words) <= room else f"{words[: room - 3].rstrip()}..."
        return f"{self._discovery.code}: {words.rstrip('.')}."


def _cut(value: object, part: int) -> object:
    if isinstance(value, Mapping):
        return dict(list(value.items())[: len(value) // part])
    assert isinstance(value, str | list | tuple)
    return value[: len(value) // part]


def _listed(nodes: list[Node]) -> Node:
    return Group(opening="[", parts=tuple(("", node) for node in nodes), closing="]")
