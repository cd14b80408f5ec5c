"""An extension of pytest-mockforge that uses each of its hooks: what a company with a gateway of its own might add.

Here a module that `pytest -p acme` names; a package names it in its entry points and needs no option:

    [project.entry-points.pytest11]
    acme = "acme"

Plugins behind ACME's queue are named `queue://NAME`. What travels there is MockForge's JSON in an envelope.
"""

import json

import pytest

# optionalhook: whoever lacks pytest-mockforge can use the package all the same. Imports stand inside of the hooks, so
# that a run without plugins does not pay for them.


@pytest.hookimpl(optionalhook=True)
def pytest_mockforge_runtimes():
    from pytest_mockforge import LoadFailure, Operation, RemoteFailure
    from pytest_mockforge.extending import Exchange, RuntimeScheme

    class Queue:
        """Carries bytes to one plugin. What a plugin does wrong comes back in `failure`, and is never raised."""

        operations = frozenset({Operation.TEMPLATE_FUNCTION})

        def __init__(self, request):
            self.limits = request.limits
            name = request.address.removeprefix("queue://")
            if name not in PLUGINS:
                raise LoadFailure(f"nobody answers on {request.address}", step="start")
            self._answer = PLUGINS[name]

        def invoke(self, operation, payload, _fuel=None):
            status, reply = self._answer(operation, payload)
            failure = None
            if status != 200:
                # 404 says that there is no such operation, 422 that the plugin refuses what it was asked.
                failure = RemoteFailure(f"{operation}: status {status}", kind="status", status=status, body=b"")
            return Exchange(
                operation=operation,
                request=payload,
                reply=None if failure else json.dumps(reply).encode(),
                failure=failure,
                fuel=None,
                guest_seconds=0.0,
                fresh=False,
            )

        def health(self):
            return True

        def metrics(self):
            return {}

        def renew(self):
            """Nothing is kept from one call to the next."""

        def close(self, *, for_good=False):
            """Nothing is held."""

    return [RuntimeScheme(scheme="queue", open=Queue)]


def greeter(operation, payload):
    """Stands in for a plugin somewhere else: gives a status, and a reply."""
    if operation != "template_function":
        return 404, None
    try:
        name = json.loads(payload)["request"]["args"][0]
    except (ValueError, LookupError, TypeError, RecursionError):
        return 422, None
    return 200, {"acme": 1, "reply": {"greeting": f"Hello, {name}", "ticket": "TCK-000417", "badge_number": "B-2210"}}


PLUGINS = {"greeter": greeter}


@pytest.hookimpl(optionalhook=True)
def pytest_mockforge_dialects():
    from pytest_mockforge.extending import HostDialect

    class Enveloped(HostDialect):
        """The host's JSON, as `{"acme": 1, "request": …}` and `{"acme": 1, "reply": …}`."""

        name = "acme"

        def encode(self, request):
            return b'{"acme": 1, "request": ' + super().encode(request) + b"}"

        def decode(self, operation, payload):
            try:
                payload = json.dumps(json.loads(payload)["reply"]).encode()
            except (ValueError, TypeError, KeyError):
                payload = b""
            return super().decode(operation, payload)

    return [Enveloped()]


@pytest.hookimpl(optionalhook=True)
def pytest_mockforge_languages():
    from pytest_mockforge.extending import ModuleLanguage

    mends = {"memory": 'name it in moon.pkg.json: "export-memory-name": "memory"'}
    return [ModuleLanguage(name="moonbit", producers=[("processed-by", "^moonc$")], mends=mends)]


@pytest.hookimpl(optionalhook=True)
def pytest_mockforge_hosts():
    from pytest_mockforge.extending import Objection

    class Edge:
        """ACME's gateway, which loads small modules."""

        name = "acme-edge"
        as_shipped = ""

        def not_compiled(self, _files):
            return "acme-edge: E17 bad module"

        def judge_files(self, files):
            if len(files.data) > 100_000:
                yield Objection(
                    rule="size",
                    detail="too-large",
                    message="the module is larger than the gateway takes",
                    expected="at most 100,000 bytes",
                    got=f"{len(files.data):,} bytes",
                    host_message="acme-edge: E09 module too large",
                    hint=files.mend("size"),
                )

        def judge(self, _candidate):
            return ()

    return [Edge()]


@pytest.hookimpl(optionalhook=True)
def pytest_mockforge_host_functions():
    from pytest_mockforge.extending import ImportedFunction

    def now(_memory):
        return 1_700_000_000

    return [ImportedFunction(module="acme", name="now", function=now, results=["i64"])]


@pytest.hookimpl(optionalhook=True)
def pytest_mockforge_checks():
    from pytest_mockforge.extending import Check, CheckFamily, Finding

    def short(bench):
        """Replies are kept by our gateway for a day, and it has little room.

        Mend: leave out what the client did not ask for.
        """
        for operation, trials in bench.survey.items():
            longest = max((len(trial.observation.reply_bytes or b"") for trial in trials), default=0)
            bench.figures[operation.value] = {"longest_reply": longest}
            if longest > 10_000:
                yield Finding(
                    code="ACME001",
                    severity="error",
                    detail=f"{operation}:too-long",
                    message=f"{operation}: a reply of {longest:,} bytes",
                    expected="10,000 bytes at most",
                )

    check = Check(code="ACME001", title="replies are short", run=short)
    return [CheckFamily(prefix="ACME", title="our gateway", checks=[check])]


@pytest.hookimpl(optionalhook=True)
def pytest_mockforge_redactions():
    from pytest_mockforge.extending import Redaction

    return [
        Redaction(word="ticket", pattern=r"TCK-[0-9]{6}"),
        Redaction(word="badge", names=["badge_number"], secret=True),
    ]


@pytest.hookimpl(optionalhook=True)
def pytest_mockforge_budget_defaults():
    return ["moonbit: size<64KiB"]


@pytest.hookimpl(optionalhook=True)
def pytest_mockforge_report_sections():
    from pytest_mockforge.extending import ReportSection, Section

    def lengths(report):
        rows = [
            (plugin.label, name, str(operation.figures["longest_reply"]))
            for plugin in report.plugins
            for name, operation in plugin.operations.items()
            if "longest_reply" in operation.figures
        ]
        if not rows:
            return None
        return Section(title="Longest replies, in bytes", head=("plugin", "operation", "bytes"), rows=tuple(rows))

    return [ReportSection(name="acme-replies", build=lengths)]
