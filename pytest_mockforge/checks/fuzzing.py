"""MF3: what requests does a plugin not stand that nobody thought of? One search, of which each check tells its part."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.discoveries import finding_of
from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.registry import check
from pytest_mockforge.checks.remote_load import is_gone
from pytest_mockforge.checks.service_bench import ServiceBench
from pytest_mockforge.fuzz.model import Discovery, FuzzReport


@check("MF301", "no fuzzed request makes the plugin trap", need="search")
def trap(bench: Bench) -> Iterator[Finding]:
    """Requests are made from the contract's types and changed from the samples; none may trap, or of a service end in a
    5xx or a closed connection. What is found is made as small as it gets.

    Source: contract 1.4, 2.1 and 2.5. `unreachable` in template_function and query_datasource is a refusal there, and
    so is a 4xx. The seed comes from the plugin's content, so that an unchanged plugin gives an unchanged result.

    Mend: check what the request holds before it is used: no unwrap, no index, no division without a look.
    """
    report = bench.fuzz
    yield from _about(bench, "MF301")
    if isinstance(bench, ServiceBench) and any(_is_lost(found) for found in report.discoveries):
        is_gone(bench, "MF301")
    yield from _limits_of_the_search(report)


@check("MF302", "no fuzzed request runs into a limit", need="search")
def limit(bench: Bench) -> Iterator[Finding]:
    """Fuel, time, stack and memory of a call are limited here; MockForge's adapters limit none of them, so that there
    the host's thread would hang, or memory would grow to 4 GiB. Of a service: no answer in time, or one too large.

    Source: contract 2.1.

    Mend: bound loops, recursion and buffers by the size of the request; stop where a number in it asks for too much.
    """
    yield from _about(bench, "MF302")


@check("MF303", "each reply to a fuzzed request keeps the contract", need="search")
def contract(bench: Bench) -> Iterator[Finding]:
    """Each reply is read as the host reads it: within memory, UTF-8, one JSON value, with its fields and types. Rows
    that are not as long as the columns are a warning, as the host does not compare the two.

    Source: contract 1.1 to 1.6 and 2.5.

    Mend: let a JSON library write the reply; check numbers that come from the request before they become a status.
    """
    yield from _about(bench, "MF303")


@check("MF304", "the same request gets the same answer", need="search")
def same(bench: Bench) -> Iterator[Finding]:
    """Each request is made twice, a module in two fresh instances; of a module that asks its host for nothing, one
    request in eight. Clock and random numbers of our WASI are the same in both. What failed once and not again when it
    was tried alone is reported here as flaky, by a warning.

    Fields that plugin.test.yaml calls `volatile` are left out; a note where it says `stateful`. An answer that cannot
    be told in advance can be tested by nobody, and not be cached.

    Mend: name fields that may differ under `volatile`; draw nothing else from clock or chance.
    """
    yield from _about(bench, "MF304")


@check("MF305", "a reused instance answers as a fresh one", need="search", of="module")
def state(bench: Bench) -> Iterator[Finding]:
    """Each request is made alone and in an instance that was called before, by itself, by a good request and by others;
    pairs that differ in one text alone are tried too, as a cache that is keyed too shortly mistakes one for the other.

    Source: contract 2.1: MockForge keeps one instance for all requests of all clients. A note where plugin.test.yaml
    says `stateful`.

    Mend: take what a call needs from its request; key a cache by all that the answer depends on.
    """
    yield from _about(bench, "MF305")


@check("MF306", "memory levels off under fuzzed requests", need="search", of="module")
def leak(bench: Bench) -> Iterator[Finding]:
    """Requests of the search that were answered are made over and over on one instance, as MF403 does with the samples:
    a leak is memory that still grows in the second half of the calls; a plateau is none. Where memory does not grow at
    all within half a second, nothing more is tried.

    Source: contract 2.1 and 2.3: one instance for good. Refused requests are left out, as the host never releases
    their buffer.

    Mend: release what each call allocates, on every path out of it.
    """
    yield from _about(bench, "MF306")


@check("MF307", "a good request is answered as ever after any other", need="search")
def poison(bench: Bench) -> Iterator[Finding]:
    """After each fuzzed request a sample that is accepted is made in the same instance, and has to be answered as it
    was before. So it is also after a trap.

    Source: contract 2.1: the instance is kept and used again after a trap. A note where plugin.test.yaml says
    `stateful`.

    Mend: put nothing into global state before a request is known to be good; hold no lock across what may trap.
    """
    yield from _about(bench, "MF307")


@check("MF308", "the cost of a call grows at most as it should", need="search", of="module")
def growth(bench: Bench) -> Iterator[Finding]:
    """Each text and list of the accepted samples, and of the costliest request that was found, is made longer by
    doubling, up to 64 Ki characters or 4,096 items; the fuel of each call tells its cost exactly. The exponent is the
    slope of the binary logarithms of the differences, by least squares over the last four. A finding is an exponent of
    1.8 or more (quadratic, less what the linear part takes off), or one above the worst that plugin.test.yaml declares,
    as with `growth: 2`, once a step costs 100,000 units of fuel; in the last two steps it must not fall by more than
    0.2 below that, so that a collector that runs once is none.

    One long header or query is enough to hold up a host that serves all requests one after another (contract 2.1).

    Mend: go over the input once: no search in a list for each item, no text that is built by adding to its end.
    """
    yield from _about(bench, "MF308")


@check("MF309", "authentication fails for a changed credential", need="search")
def credentials(bench: Bench) -> Iterator[Finding]:
    """Each text of an accepted sample that a wrong one in its place is turned away for is a credential. It is changed
    in some twenty ways: a NUL or a space behind it, other case, a character less, twice, look-alike letters, empty, …
    To be admitted all the same is a failure, unless another sample says that this very text is good.

    Source: contract 1.3: `authenticated` is all that MockForge looks at.

    Mend: compare the whole credential, byte by byte and with its length; take nothing off it, fold no case.
    """
    yield from _about(bench, "MF309")


@check("MF310", "no secret of a request is shown", need="search")
def secrets(bench: Bench) -> Iterator[Finding]:
    """A token that nobody has is sent for authentication; it must not come back in error_message, claims or metadata of
    the refusal, nor be printed. Nor may it, or a sample's token, be seen with any later request on the same instance.

    Source: contract 1.3 and 2.1: replies are logged and shown, and one instance serves all clients.

    Mend: name the scheme and the reason, never the credential; clear or bound buffers that are used again.
    """
    yield from _about(bench, "MF310")


@check("MF311", "bytes that are no request do no harm", need="search")
def wire(bench: Bench) -> Iterator[Finding]:
    """Written requests are cut, flipped, spliced, and made no UTF-8 or no JSON. A service answers in time, without
    closing the connection, with an error that blames the request (a 5xx is a warning), and the next good request as
    before. Of a module this is only asked where the code is named, as in `--mockforge-checks=MF3,MF311`, and gives
    notes: MockForge cannot send it such bytes.

    Source: contract 1.1 and 4.1. Whoever can reach a service's port can send this.

    Mend: parse the request in one place, strictly, and answer 400 or 422 where that fails.
    """
    yield from _about(bench, "MF311")


def _about(bench: Bench, code: str) -> Iterator[Finding]:
    # By each check, as any of them may be the only one that runs.
    _measure(bench, bench.fuzz)
    for discovery in bench.fuzz.discoveries:
        if discovery.code == code:
            yield finding_of(discovery, bench.subject)


def _is_lost(discovery: Discovery) -> bool:
    return discovery.detail.endswith((":closed", ":unreachable", ":timeout", ":protocol"))


def _measure(bench: Bench, report: FuzzReport) -> None:
    for count in report.counts:
        figures = bench.figures.setdefault(count.operation.value, {})
        figures["fuzz_examples"] = count.tried
        figures["fuzz_accepted"] = count.accepted
        figures["fuzz_calls"] = count.calls
        figures["fuzz_fuel_max"] = count.most_fuel
    bench.figures["fuzz"] = {
        "seed": report.seed,
        "examples": report.tried,
        "seconds": report.seconds,
        "share": report.our_share,
    }


def _limits_of_the_search(report: FuzzReport) -> Iterator[Finding]:
    """Say what was left out, so that no silence passes for a clean bill."""
    asked = sum(count.asked for count in report.counts)
    if report.exhausted:
        message = (
            f"the time box ended the search after {report.seconds:.1f} s and {report.tried:,} of {asked:,} examples, "
            "so that the next run may find something else"
        )
        hint = "a search that is done comes out the same each time: more with --mockforge-fuzz-time, or fewer examples"
        yield Finding(code="MF301", severity="note", detail="time", message=message, hint=hint)
    for count in report.counts:
        if count.tried and not count.accepted:
            yield Finding(
                code="MF301",
                severity="note",
                detail=f"{count.operation}:only-refusals",
                message=f"{count.operation} accepted none of {count.tried} examples, so that little of it was seen",
                hint="give samples that are accepted: samples in plugin.test.yaml",
            )
    for number, note in enumerate(report.notes, 1):
        yield Finding(code="MF301", severity="note", detail=f"note-{number}", message=note.partition("\n")[0])
