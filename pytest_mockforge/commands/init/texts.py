"""The text of each file that `init` writes: what was found and tried in, lines out. Looks at files, writes none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from pytest_mockforge.commands.init.folder import Found
from pytest_mockforge.commands.init.tried import FuelBudget, Kept, Tried
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.expectation import MISSING
from pytest_mockforge.documents.start import READY_PATH, StartCommand
from pytest_mockforge.documents.yaml_text import flow
from pytest_mockforge.fuzz.python_text import Node, call, expression, statement
from pytest_mockforge.fuzz.request_source import RequestSource

_LONGEST_NAME = 40
_WHAT = {
    Operation.AUTHENTICATE: "admits",
    Operation.TEMPLATE_FUNCTION: "gives",
    Operation.GENERATE_RESPONSE: "answers",
    Operation.QUERY_DATASOURCE: "finds",
}
_EXAMPLES = {
    Operation.AUTHENTICATE: "{query: {token: YOUR-TOKEN}, uri: /api/users}",
    Operation.TEMPLATE_FUNCTION: "{function_name: YOUR-FUNCTION, args: [abc]}",
    Operation.GENERATE_RESPONSE: "{method: GET, path: /YOUR-PATH}",
    Operation.QUERY_DATASOURCE: "{query: SELECT * FROM YOUR_TABLE}",
}


def plugin_test_yaml(found: Found, tried: Tried) -> str:
    """Write `plugin.test.yaml`."""
    return "\n".join(_testfile(found, tried)) + "\n"


def _testfile(found: Found, tried: Tried) -> Iterator[str]:
    yield "# What a test of this plugin needs to know. Written by python -m pytest_mockforge init; yours now."
    yield "version: 1"
    yield "# true where an answer may depend on earlier calls."
    yield "stateful: false"
    if found.start is not None:
        yield from _start(found.start)
    if tried.volatile:
        yield ""
        yield "# Fields of replies that differed between equal calls, and are left out of comparisons."
        yield "volatile:"
        for operation, pointer in tried.volatile:
            yield f"  - {{operation: {operation}, pointer: {flow(pointer)}}}"
    yield ""
    yield "# Requests that mean something to this plugin. All below were tried, and answered as it says. They feed"
    yield "# every check and measurement, so put your own in their place: a real token, a real path, a real table."
    yield "samples:" if tried.kept else "samples: []"
    yield from sample_lines(tried.kept)
    lacking = [operation for operation, (accepted, _) in tried.counts.items() if not accepted]
    for operation in lacking:
        yield f"  # {operation} accepted none of our requests, so that its figures say little. Write one that it does:"
        yield f"  # - name: {operation} {_WHAT[operation]} what it should"
        yield f"  #   operation: {operation}"
        yield f"  #   request: {_EXAMPLES[operation]}"
    yield ""
    yield from _budgets(found, tried.budgets)


def _start(start: StartCommand) -> Iterator[str]:
    yield ""
    yield "# How the service is started: {port} is a free port, which PORT holds too, and {python} runs the tests."
    yield "# No run does that unasked: --mockforge-allow-commands, or the key of that name in pytest's configuration."
    yield "start:"
    yield f"  command: {flow(start.command)}"
    if start.env:
        yield f"  env: {flow(dict(start.env))}"
    if start.protocol != "http":
        yield f"  protocol: {start.protocol}"
    if start.prefix:
        yield f"  prefix: {flow(start.prefix)}"
    if start.protocol == "http":
        yield f"  ready: {flow(start.ready or READY_PATH)}  # answers with a 2xx once the service is up"
    if start.ready_timeout != 30.0:
        yield f"  ready_timeout: {start.ready_timeout:g}s"


def sample_lines(kept: Sequence[Kept]) -> Iterator[str]:
    """Write what stands under `samples:`."""
    for one in kept:
        verb, outcome = ("accepts", "accepted") if one.accepted else ("refuses", "refused")
        reply = "" if one.reply is MISSING else f", reply: {flow(one.reply)}"
        name = one.name.replace("-", " ")
        yield f"  - name: {flow(f'{one.operation} {verb} {name}')}"
        yield f"    operation: {one.operation}"
        yield f"    request: {flow(one.form)}"
        yield f"    expect: {{outcome: {outcome}{reply}}}"


def _budgets(found: Found, budgets: Sequence[FuelBudget]) -> Iterator[str]:
    if budgets:
        yield "# What a call may cost: a quarter above the costliest sample, measured when this was written. Fuel is"
        yield "# exact and the same on every machine, but differs between versions of wasmtime."
        yield "budgets:"
        for budget in budgets:
            yield f"  - {budget.text}  # measured: {budget.measured:,}"
    elif found.runs == "module":
        yield "# What a call may cost; nothing could be measured, as no request was accepted."
        yield "# budgets: [fuel<200k]"
    else:
        yield "# What a call may cost; of a service only time can be measured, which differs between machines."
        yield "# budgets: [p95<50ms]"


def python_tests(tried: Tried) -> str:
    """Write the test file: one test for each operation, with the first request that was accepted, else refused."""
    source = RequestSource()
    body: list[str] = []
    for operation in tried.counts:
        mine = [one for one in tried.kept if one.operation is operation]
        if mine:
            body += ["", "", *_test(mine[0], source)]
    head = [
        '"""Tests of this plugin. `pytest` runs them and, beside them, the checks of pytest-mockforge.',
        "",
        "Written by `python -m pytest_mockforge init`; yours now. `mockforge_plugin` is the",
        "plugin, with a fresh instance for each test, and `mockforge_request` builds requests.",
        "What the last call came to is in `mockforge_plugin.last`: its reply, fuel and memory.",
        '"""',
    ]
    imports = source.imports.lines()
    return "\n".join((*head, *(("", *imports) if imports else ()), *body)) + "\n"


def _test(one: Kept, source: RequestSource) -> Iterator[str]:
    node = _call(one, source)
    fixtures = ["mockforge_plugin"] + (
        ["mockforge_request"] if one.operation is not Operation.TEMPLATE_FUNCTION else []
    )
    word = _WHAT[one.operation] if one.accepted else "refuses"
    # An author's sample may have any name.
    rest = re.sub(r"[^a-z0-9]+", "_", one.name.lower())[:_LONGEST_NAME].strip("_") or "a_request"
    yield f"def test_{one.operation}_{word}_{rest}({', '.join(fixtures)}):"
    if one.refuses:
        source.imports.add("pytest")
        source.imports.add("pytest_mockforge", "Refusal")
        yield "    with pytest.raises(Refusal):"
        yield from statement(node, indent=8)
        return
    yield from statement(node, indent=4, before="reply = ")
    yield from _asserts(one)


def _call(one: Kept, source: RequestSource) -> Node:
    if one.operation is Operation.TEMPLATE_FUNCTION:
        parts = source.parts(one.request)
        assert parts is not None
        return call("mockforge_plugin.template_function", *parts[0], **parts[1])
    request = source.request(one.request)
    assert request is not None
    return call(f"mockforge_plugin.{one.operation}", request)


def _asserts(one: Kept) -> Iterator[str]:
    reply = one.reply if isinstance(one.reply, dict) else {}
    match one.operation:
        case Operation.AUTHENTICATE:
            yield f"    assert {'' if one.accepted else 'not '}reply.authenticated"
            identity = reply.get("identity")
            if isinstance(identity, dict) and "user_id" in identity:
                yield from statement(
                    expression(identity["user_id"]), indent=4, before="assert reply.identity.user_id == "
                )
        case Operation.TEMPLATE_FUNCTION:
            yield from _value_assert(one.reply)
        case Operation.GENERATE_RESPONSE:
            status = reply.get("status_code")
            yield f"    assert reply.status_code == {status}" if status is not None else "    assert reply.status_code"
        case Operation.QUERY_DATASOURCE:
            yield f"    assert {'' if one.accepted else 'not '}reply.rows"


def _value_assert(value: object) -> Iterator[str]:
    if value is MISSING:
        yield "    # It differs from call to call, or is long: say here what has to hold."
        yield "    assert mockforge_plugin.last.failure is None"
    elif value is None or isinstance(value, bool):
        yield f"    assert reply is {value}"
    else:
        yield from statement(expression(value), indent=4, before="assert reply == ")


def workflow(found: Found, *, folder: str, path: str, package: str, wasmtime: str, extras: Sequence[str]) -> str:
    """Write the CI job. `folder` is the plugin's, from the repository's root; `path` the workflow's own."""
    return "\n".join(_workflow(found, folder, path, package, wasmtime, extras)) + "\n"


def _workflow(
    found: Found, folder: str, path: str, package: str, wasmtime: str, extras: Sequence[str]
) -> Iterator[str]:
    name = f"pytest-mockforge[{','.join(extras)}]" if extras else "pytest-mockforge"
    yield "# Tests the plugin at every push. Written by python -m pytest_mockforge init: yours now."
    yield "name: plugin tests"
    yield "on: [push, pull_request]"
    yield "permissions: {contents: read}"
    yield "jobs:"
    yield "  mockforge:"
    yield "    runs-on: ubuntu-latest"
    yield "    timeout-minutes: 15"
    if folder != ".":
        yield "    defaults:"
        yield f"      run: {{working-directory: {json.dumps(folder)}}}"
    yield "    steps:"
    yield "      - uses: actions/checkout@v4"
    yield "      - uses: actions/setup-python@v5"
    yield "        with:"
    yield '          python-version: "3.13"'
    yield "          # Packages alone. Compiled modules are never cached: they are native code that runs unchecked."
    yield "          cache: pip"
    yield f"          cache-dependency-path: {json.dumps(path)}"
    if wasmtime:
        yield "      # The version of wasmtime is that of the budgets: fuel compares within one."
    yield f'      - run: pip install "{name}{package}"' + (f' "wasmtime=={wasmtime}"' if wasmtime else "")
    yield from _preparation(found)
    yield "      # The gate: a budget that is broken, or that nothing could be said of, fails the job."
    yield "      - run: pytest --mockforge-strict-budgets --mockforge-report=mockforge.html --junitxml=junit.xml"
    yield "      - uses: actions/upload-artifact@v4"
    yield "        if: always()"
    yield "        with:"
    yield "          name: plugin-tests"
    where = "" if folder == "." else f"{folder}/"
    yield "          path: |"
    yield f"            {where}mockforge.html"
    yield f"            {where}junit.xml"


def _preparation(found: Found) -> Iterator[str]:
    match found.runs:
        case "module":
            yield "      # Build the module here, unless it is committed as it is shipped."
        case "python" if (found.folder / "requirements.txt").is_file():
            yield "      - run: pip install -r requirements.txt"
        case "python":
            yield "      # Install here what the service needs."
        case "node":
            yield "      - uses: actions/setup-node@v4"
            yield '        with: {node-version: "22"}'
            locked = (found.folder / "package-lock.json").is_file()
            yield f"      - run: {'npm ci' if locked else 'npm install'}"
        case "elsewhere":
            yield "      # Start the service here: the tests expect it at the address that plugin.yaml names."
