"""Hypothesis strategies for MockForge's requests and replies: `from pytest_mockforge import strategies`.

    @given(request=strategies.requests("authenticate"))
    def test_it_answers(mockforge_plugin, request):
        mockforge_plugin.authenticate(request)

Importing this imports Hypothesis, which `pip install 'pytest-mockforge[fuzz]'` brings. All that is drawn keeps to the
contract; each strategy shrinks towards what `RequestBuilder` makes by default.
"""

from __future__ import annotations

from pytest_mockforge.fuzz.answers import (
    auth_responses,
    columns,
    data_results,
    identities,
    replies,
    responses,
    rows,
)
from pytest_mockforge.fuzz.schema import config, template_arguments
from pytest_mockforge.fuzz.strategies import (
    auth_requests,
    credentials,
    data_queries,
    plugin_contexts,
    query_types,
    request_metadata,
    requests,
    resolution_contexts,
    response_requests,
    template_calls,
    versions,
)
from pytest_mockforge.fuzz.values import (
    bodies,
    client_addresses,
    floats,
    header_names,
    header_values,
    integers,
    json_objects,
    json_values,
    methods,
    names,
    paths,
    queries,
    scalars,
    texts,
    timestamps,
    tokens,
    user_agents,
)

__all__ = [
    "auth_requests",
    "auth_responses",
    "bodies",
    "client_addresses",
    "columns",
    "config",
    "credentials",
    "data_queries",
    "data_results",
    "floats",
    "header_names",
    "header_values",
    "identities",
    "integers",
    "json_objects",
    "json_values",
    "methods",
    "names",
    "paths",
    "plugin_contexts",
    "queries",
    "query_types",
    "replies",
    "request_metadata",
    "requests",
    "resolution_contexts",
    "response_requests",
    "responses",
    "rows",
    "scalars",
    "template_arguments",
    "template_calls",
    "texts",
    "timestamps",
    "tokens",
    "user_agents",
    "versions",
]
