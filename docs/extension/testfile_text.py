"""`plugin.test.yaml` as Markdown: what each key means, held against the keys that its reader takes."""

from __future__ import annotations

from markdown_text import Drift, table

_TESTFILE: dict[str, dict[str, str]] = {
    "": {
        "version": "`1`; may be left out",
        "stateful": "`true` where an answer may depend on earlier calls, so that checks compare none (`false`)",
        "volatile": "list of fields that may differ from call to call: a JSON pointer, or a mapping as below",
        "growth": "the worst power by which cost may grow with size, from 1.5 to 5; without it, below quadratic",
        "samples": "list of requests that mean something to the plugin: the workload of every measurement",
        "accept": "list of findings that are known: they become xfail",
        "differences": "list of fields that may differ from the plugin that this one is compared with",
        "start": "how a run starts the service; read with `--mockforge-allow-commands` alone",
        "remote": "where the service runs already; not together with `start`",
        "budgets": "list of budgets: an expression, or a mapping of a scope to one",
    },
    "samples": {
        "name": "unique in the file; names the sample in findings",
        "operation": "`authenticate`, `template_function`, `generate_response` or `query_datasource`",
        "request": "mapping: the keywords of `mockforge_request`",
        "expect": "what is expected of the answer; without it, that it is accepted",
    },
    "samples: expect": {
        "outcome": "`accepted` (default) or `refused`",
        "reply": "any JSON value; an object names the keys that are compared, others are free",
    },
    "volatile": {
        "pointer": "JSON pointer into the reply; `*` stands for one segment",
        "operation": "the operation that is meant; without it, all",
    },
    "accept": {
        "code": "the check's code",
        "detail": "the finding's detail; `*` stands for any text; without it, any detail",
        "reason": "why it is accepted; shown with the xfail",
        "expires": "the last day on which it holds, `YYYY-MM-DD`",
    },
    "differences": {
        "pointer": 'JSON pointer into the reply; `*` stands for one segment, `""` for the whole reply',
        "operation": "the operation that is meant; without it, all",
        "reason": "why it is meant; shown with the result",
        "expires": "the last day on which it holds, `YYYY-MM-DD`",
    },
    "start": {
        "command": "list of words, read by no shell; `{port}` is a free port, `{python}` the interpreter of the run",
        "cwd": "folder that the command runs in (the file's own)",
        "env": "mapping of variables for the command; `{port}` and `{python}` stand for the same",
        "protocol": "`http` (default) or `grpc`",
        "ready": "path that answers once it is ready (`/health`); for gRPC a service's name for its health check",
        "ready_timeout": "how long that may take (`30s`)",
        "prefix": "what stands before `/plugin` in its paths",
    },
    "remote": {
        "url": "`http://`, `https://`, `grpc://` or `grpcs://`, with host and port",
        "auth": "what is sent with each call",
        "ca": "file of certificates to trust instead of the machine's own",
    },
    "remote: auth": {
        "type": "`bearer` or `api-key`",
        "env": "name of the environment variable that holds the secret",
    },
}


def testfile() -> str:
    """A table for each mapping of `plugin.test.yaml`, held against the keys that its reader takes."""
    parts = []
    for place, keys in _TESTFILE.items():
        taken = set(_keys_of_readers()[place])
        if taken != set(keys):
            raise Drift(f"plugin.test.yaml, {place or 'top'}: told {sorted(keys)}, read {sorted(taken)}")
        heading = f"## `{place}`" if place else "## The top of the file"
        rows = [(f"`{key}`", text) for key, text in keys.items()]
        parts.append(f"{heading}\n\n{table(('key', 'meaning'), rows)}")
    return "\n\n".join(parts)


def _keys_of_readers() -> dict[str, tuple[str, ...]]:
    from pytest_mockforge.documents import accepted, start, testfile

    return {
        "": testfile._TOP_KEYS,
        "samples": testfile._SAMPLE_KEYS,
        "samples: expect": testfile._EXPECT_KEYS,
        "volatile": testfile._VOLATILE_KEYS,
        "differences": testfile._DIFFERENCE_KEYS,
        "accept": accepted._KEYS,
        "start": start._START_KEYS,
        "remote": start._REMOTE_KEYS,
        "remote: auth": start._AUTH_KEYS,
    }
