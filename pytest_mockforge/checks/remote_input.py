"""MF6, continued: does a service say no to what is no request, and does it say no more than that?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

from pytest_mockforge.checks.leaks import Leak, leaks_in
from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.registry import check
from pytest_mockforge.checks.remote_load import differences, is_gone, is_lost, outcome_of
from pytest_mockforge.checks.road import Outcome, Said, Shot, Volley, lenient
from pytest_mockforge.checks.service_bench import ServiceBench
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import realistic_requests
from pytest_mockforge.contract.requests import Request, RequestBuilder
from pytest_mockforge.contract.violations import Severity
from pytest_mockforge.errors import RemoteFailure, RequestError

_TOKEN = "mockforge-canary-5f1d0c7e"
"""The token of a request whose error must not repeat it; nobody's."""
_ONE_LESS = "one-field-less"
_SAY: Mapping[Outcome, tuple[Severity, str, str]] = {
    "yes": ("error", "accepted", "was answered as if it were a good request"),
    "empty": ("warning", "no-rows", "was answered with a table without rows, as if it were a good query"),
    "unreadable": ("warning", "unreadable", "got a status that says all is well, over a body that is no reply"),
    "broken": ("warning", "server-error", "was answered as a fault of the service's own"),
    "lost": ("error", "", "got no whole answer"),
}
_WORDS = {
    "empty": "an empty body",
    "not-json": "text that is no JSON",
    "not-protobuf": "bytes that are no message",
    "truncated": "a request that ends midway",
    "not-utf8": "a request with bytes that are not UTF-8",
    "oversize": "a body of 16 MiB",
    "no-fields": "a request without any field",
    _ONE_LESS: "a request that lacks one field",
    "wrong-method": "a method that is none of the operation's",
    "wrong-path": "a path where nothing is",
}


@check("MF604", "a wrong method or path is answered with an error status", need="raw")
def astray(bench: ServiceBench) -> Iterator[Finding]:
    """MockForge sends POST to four paths (over gRPC: calls four methods). Whatever else is asked gets a status that
    says so: 405 and 404, over gRPC UNIMPLEMENTED. A 2xx there hides a wrong URL from MockForge's user until much later.

    Source: contract 4.1. GET and PUT are tried on each operation's path, and POST on two paths where nothing is.

    Mend: register each path for POST alone, and let the framework's own 404 and 405 stand: no catch-all route.
    """
    expected = "UNIMPLEMENTED (12)" if bench.subject.protocol == "grpc" else "404 or 405"
    yield from _judged(bench, "MF604", _volley(bench, "MF604"), expected=expected)


@check("MF605", "what is no request is answered with an error", need="raw")
def garbage(bench: ServiceBench) -> Iterator[Finding]:
    """An empty body, text that is no JSON, a request cut in half, and bytes that are not UTF-8; over gRPC also bytes
    that are no message. Each gets an error, be it a 4xx, authenticated=false or a status_code of 4xx inside a reply.

    Source: contract 1.1 and 4.1. Whoever can reach the port can send this. An answer that admits, or gives a value or
    rows, is an error; so is silence, or a closed connection. A 5xx is a warning: the service took it for its own fault.

    Mend: parse the body in one place, strictly as UTF-8, and answer 400 or 422 where that fails.
    """
    yield from _judged(bench, "MF605", _volley(bench, "MF605"), expected="an error, such as 400 or 422")


@check("MF606", "what is too deep or too large is answered with an error", need="raw")
def extremes(bench: ServiceBench) -> Iterator[Finding]:
    """JSON of 1,000 and of 100,000 levels, over gRPC as many groups, and 16 MiB: no request of MockForge's is such.

    Source: contract 1.1: the host itself stops at 127 levels. A parser that calls itself for each level ends the whole
    process when its stack is used up, and a body that is read without a limit takes all memory. An error status, also
    413, is what is wanted; a connection closed over 16 MiB is a warning, as some servers answer only by that.

    Mend: limit the size of bodies (a few MiB will do) and use a JSON parser with a limit of depth.
    """
    yield from _judged(bench, "MF606", _volley(bench, "MF606"), expected="an error, such as 400, 413 or 422")


@check("MF607", "unknown fields change nothing", need="raw")
def unknown_fields(bench: ServiceBench) -> Iterator[Finding]:
    """A request with one more key gets the same answer; over gRPC, one with a field of a number nobody knows.

    Source: contract 4.2. The next MockForge may send more than this one. The published SDK refuses keys that it does
    not know, so under `sdk` a refusal is only noted. Volatile fields are left out of the comparison.

    Mend: ignore what you do not know: no constructor that takes the request's keys as its arguments, no `extra=forbid`.
    """
    severity: Severity = "note" if bench.plugin.dialect == "sdk" else "error"
    for operation in bench.operations:
        replied = bench.replied(operation)
        if not replied:
            yield _nothing_to_compare("MF607", operation)
            continue
        good = bench.road.written(replied[0])
        plain = bench.road.observe(operation, good)
        for shot in bench.road.extended(operation, good):
            seen = bench.road.observe(operation, shot.data or b"")
            differs = differences(bench, plain, seen)
            if not differs:
                continue
            yield Finding(
                code="MF607",
                severity="error" if is_lost(seen) else severity,
                detail=f"{operation}:{shot.name}",
                message=f"{operation}: a request with an {shot.name.replace('-', ' ')} was answered otherwise",
                expected=f"the answer without it: {outcome_of(plain)}",
                got=differs,
                request=shot.shown,
            )
            if is_lost(seen) and is_gone(bench, "MF607"):
                return


@check("MF608", "a request that lacks fields is answered with an error", need="raw")
def missing_fields(bench: ServiceBench) -> Iterator[Finding]:
    """A request without any field is refused; one that lacks a single field is answered somehow, and not by a fault.

    Source: contract 1.3 to 1.6, which name the fields. A field that a service does not read may be missing, so that
    each answer but a 5xx will do there. To be admitted without any field is an error. In a message of gRPC a missing
    field is an empty one, so that there only `authenticate` has to refuse one without any.

    Mend: check what you read before you use it, and answer 400 or 422 where it is missing.
    """
    volley = _volley(bench, "MF608")
    answered = ("yes", "empty", "unreadable")
    refusing = bench.operations if bench.subject.protocol != "grpc" else (Operation.AUTHENTICATE,)
    told = tuple(
        said
        for said in volley.said
        if said.outcome not in answered or (said.shot.name == "no-fields" and said.shot.operation in refusing)
    )
    yield from _judged(bench, "MF608", replace(volley, said=told), expected="an error, such as 400 or 422")


@check("MF612", "errors tell no stack trace, path or secret", need="raw")
def leaks(bench: ServiceBench) -> Iterator[Finding]:
    """What a service says no with is read by whoever asked: the traces of six languages, paths of the machine, our
    credentials, the token of the request and texts that look like secrets are searched for in every error of this run.

    MockForge drops the body of an error (contract 4.1), so that nobody would notice. A stack trace, our credentials or
    a secret is an error; a path, or a request's own token repeated, a warning. Debug mode is what mostly does it.

    Mend: turn debug mode off (NODE_ENV=production, debug=False) and answer with words of your own; log the rest.
    """
    seen: dict[tuple[str, str], tuple[Said, Leak]] = {}
    for said in _errors(bench):
        sent = (said.shot.data or b"").decode("utf-8", "replace") + said.shot.path
        for leak in leaks_in(said.text, sent=sent, credentials=bench.road.secret, token=_TOKEN):
            seen.setdefault((leak.kind, leak.what), (said, leak))
    if bench.gone:
        words = "the service was lost, so that fewer errors than usual were read"
        yield Finding(code="MF612", severity="note", detail="left-out", message=words, hint=f"see {bench.gone}")
    for (kind, what), (said, leak) in seen.items():
        yield Finding(
            code="MF612",
            severity="warning" if kind in ("path", "token") else "error",
            detail=kind,
            message=f"an error of {said.shot.address} tells {what}, on {_named(said.shot)}",
            expected="a few words that say what was wrong with the request",
            got=leak.excerpt,
            request=said.shot.shown,
        )


def _shots(bench: ServiceBench, code: str) -> Iterator[Shot]:
    """Give what a check sends."""
    road = bench.road
    good = {operation: _good(bench, operation) for operation in _answering(bench)}
    match code:
        case "MF604":
            yield from road.astray(bench.operations, _good(bench, bench.operations[0]))
        case "MF605":
            yield from chain.from_iterable(road.garbage(*one) for one in good.items())
        case "MF606":
            yield from chain.from_iterable(road.nested(*one) for one in good.items())
            yield from (road.oversize(operation) for operation in list(good)[:1])
        case "MF608":
            yield from chain.from_iterable(road.incomplete(*one) for one in good.items())
        case _ if Operation.AUTHENTICATE in good:
            given = RequestBuilder().auth(query={"token": _TOKEN, "api_key": _TOKEN}, bearer=_TOKEN, lenient=True)
            known = road.written(given)
            yield from road.incomplete(Operation.AUTHENTICATE, known)
            yield from road.garbage(Operation.AUTHENTICATE, known)


def _answering(bench: ServiceBench) -> tuple[Operation, ...]:
    """Give the operations that answer good requests: of the others it is known that they fail, see MF603."""
    return tuple(operation for operation in bench.operations if bench.workload(operation) is not None)


def _volley(bench: ServiceBench, code: str) -> Volley:
    """Send what a check sends, once, unless the service was lost before."""
    volley = bench.road.volley(code, () if bench.gone else _shots(bench, code))
    if volley.gone:
        bench.gone = bench.gone or code
    return volley


def _errors(bench: ServiceBench) -> Iterator[Said]:
    """Give every answer of this run that says no, and those to requests with a token of ours."""
    for code in ("MF604", "MF605", "MF606", "MF608", "MF612"):
        yield from (said for said in _volley(bench, code).said if said.outcome in ("no", "broken", "unreadable"))
    for trial in (trial for trials in bench.survey.values() for trial in trials):
        failure = trial.observation.failure
        if isinstance(failure, RemoteFailure) and failure.body:
            shot = Shot(name=trial.name, path="", data=trial.observation.request_bytes, operation=trial.operation)
            text = failure.body.decode("utf-8", "replace")
            yield Said(shot=shot, outcome="no", line=failure.message, text=text)


def _judged(bench: ServiceBench, code: str, volley: Volley, *, expected: str) -> Iterator[Finding]:
    """Make one finding of each thing sent and each kind of wrong answer, over all operations."""
    met: dict[tuple[str, str, Severity], list[Said]] = {}
    for said in volley.said:
        if said.outcome in _SAY:
            severity, word, _ = _SAY[said.outcome]
            kind = said.failure.kind if said.failure is not None else ""
            if said.shot.name == "oversize" and kind == "closed":
                severity = "warning"
            name = _ONE_LESS if said.shot.name.startswith("without-") else said.shot.name
            met.setdefault((name, word or kind, severity), []).append(said)
    for (name, word, severity), saids in met.items():
        first = saids[0]
        places = ", ".join(dict.fromkeys(_place(said.shot) for said in saids))
        yield Finding(
            code=code,
            severity=severity,
            detail=f"{name}:{word}",
            message=f"{_WORDS.get(name) or _named(first.shot)} {_SAY[first.outcome][2]}: {places}",
            expected=expected,
            got=first.line,
            hint=(first.failure.hint or "") if first.failure is not None else "",
            request=first.shot.shown,
        )
    if code != "MF604":
        for operation in bench.operations:
            if operation not in _answering(bench):
                yield _left_out(code, operation)
    if volley.gone:
        yield Finding(
            code=code,
            severity="error",
            detail="gone",
            message=f"the service answers nothing any more after {_named(volley.said[-1].shot)}",
            expected="a service that goes on, whatever it is sent",
            got=volley.said[-1].line,
            hint="its own log says how it ended; what follows is left out",
        )
    elif volley.left_out:
        yield Finding(
            code=code,
            severity="note",
            detail="left-out",
            message=f"{volley.left_out} more requests of this check were left out, since two were not answered",
        )


def _named(shot: Shot) -> str:
    name = shot.name
    if name.startswith("nested-"):
        kind = "groups" if "groups" in name else "JSON"
        return f"{kind} of {int(name.rpartition('-')[2]):,} levels"
    return _WORDS.get(name) or (f"a request {name.replace('-', ' ', 1)}" if name.startswith("without-") else repr(name))


def _place(shot: Shot) -> str:
    """Say where a shot went, and which field it lacked."""
    return f"{shot.address} {shot.name.replace('-', ' ', 1)}" if shot.name.startswith("without-") else shot.address


def _good(bench: ServiceBench, operation: Operation) -> bytes:
    """Give a request that the service says yes to as far as one is known, as it travels."""
    workload = bench.workload(operation)
    candidates: list[Request] = list(workload.requests) if workload else []
    candidates += [lenient(named.request) for named in realistic_requests(operation)]
    for request in candidates:
        try:
            return bench.road.written(request)
        except RequestError:
            continue
    raise AssertionError(f"no request of {operation} can be written")


def _left_out(code: str, operation: Operation) -> Finding:
    return Finding(
        code=code,
        severity="note",
        detail=f"{operation}:no-answer",
        message=f"{operation} answers no good request, so that bad ones tell nothing",
        hint="see MF603, and MF2 for replies that cannot be read",
    )


def _nothing_to_compare(code: str, operation: Operation) -> Finding:
    return Finding(
        code=code,
        severity="note",
        detail=f"{operation}:no-reply",
        message=f"{operation} gave no reply to any request, so that there is nothing to compare",
        hint="give a sample that is accepted: samples in plugin.test.yaml",
    )
