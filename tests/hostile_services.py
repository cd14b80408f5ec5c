"""Serves the cases of `fixtures/hostile/services.yaml` on loopback, each by a server of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from fixtures.hostile.make import Service, expanded, services
from pytest_mockforge.contract.operations import Operation
from tests import servers
from tests.faulty_services import ANSWERS, FAULTS, Reply, good, speaking
from tests.servers import Handler, Seen, Talk, serving, unused_port

_WHOLE: dict[str, Handler] = {
    "silent": servers.silent,
    "dripping-body": servers.dripping_body,
    "closing": servers.closing,
    "resetting": servers.resetting,
    "two-gigabytes": servers.two_gigabytes,
    "endless": servers.endless,
    "without-tls": lambda talk: talk.send(servers.reply(b"", "400 Bad Request")),
    "endless-head": servers.endless_head,
    "http-0.9": servers.http_09,
    "redirect-loop": servers.redirecting("/again"),
    "redirect-elsewhere": servers.redirecting("http://service.invalid/x"),
}
_PATHS = {operation.value: path for operation, path in zip(Operation, ANSWERS, strict=True)}
_TESTFILE = "remote: {{url: {url}}}\n"


@contextlib.contextmanager
def serving_cases(folder: Path) -> Iterator[dict[str, str]]:
    """Serve all cases until the block ends; gives the SPEC of each by its name. What needs files gets them here."""
    with contextlib.ExitStack() as stack:
        yield {row.name: _spec(row, stack.enter_context(_served(row)), folder) for row in services().values()}


@contextlib.contextmanager
def _served(row: Service) -> Iterator[str]:
    if row.server == "nobody":
        yield f"http://127.0.0.1:{unused_port()}"
        return
    with serving(_handler(row)) as server:
        yield f"https://127.0.0.1:{server.port}" if row.server == "without-tls" else server.url


def _spec(row: Service, url: str, folder: Path) -> str:
    if not row.patience:
        return f"{row.name}={url}"
    place = folder / row.name
    place.mkdir()
    place.joinpath("plugin.yaml").write_text(f"id: a\nruntime: {{execution_timeout: {row.patience}}}\n", "utf-8")
    place.joinpath("plugin.test.yaml").write_text(_TESTFILE.format(url=url), "utf-8")
    return f"{row.name}={place}"


def _handler(row: Service) -> Handler:
    if row.server == "gzip-bomb":
        return servers.gzip_bomb(200 << 20)
    if row.server:
        return _WHOLE[row.server]
    if row.fault:
        return speaking(FAULTS[row.fault]())
    return _instead({_PATHS[name]: said for name, said in row.answers.items()})


def _instead(answers: Mapping[str, Mapping[str, str | int | bool]]) -> Handler:
    bodies = {path: expanded(str(said.get("body", ""))) for path, said in answers.items()}

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        said = answers.get(seen.target)
        if said is None:
            return good(seen)
        if said.get("close"):
            return None
        return int(said.get("status", 200)), bodies[seen.target]

    return speaking(answer)
