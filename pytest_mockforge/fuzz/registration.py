"""Tells Hypothesis how to make our models, so that `st.from_type(AuthRequest)` and annotations do.

Hypothesis loads this through its entry point while it is itself imported: nothing but the models is loaded here, and
the strategies when the first of them is asked for.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def register() -> None:
    """Register a strategy for each model of a request and of a reply."""
    from hypothesis import strategies as st

    from pytest_mockforge.contract import replies, request_models

    for source, names in ((request_models, _REQUESTS), (replies, _REPLIES)):
        for model, name in names.items():
            st.register_type_strategy(getattr(source, model), partial(_strategy, name))


def _strategy(name: str, _model: type) -> SearchStrategy[object]:
    from pytest_mockforge import strategies

    strategy: SearchStrategy[object] = getattr(strategies, name)()
    return strategy


_REQUESTS = {
    "AuthRequest": "auth_requests",
    "TemplateCall": "template_calls",
    "ResponseRequest": "response_requests",
    "DataQuery": "data_queries",
    "PluginContext": "plugin_contexts",
    "Version": "versions",
    "ResolutionContext": "resolution_contexts",
    "RequestMetadata": "request_metadata",
    "Credentials": "credentials",
}
_REPLIES = {
    "AuthResponse": "auth_responses",
    "UserIdentity": "identities",
    "ResponseData": "responses",
    "DataResult": "data_results",
    "DataRow": "rows",
    "ColumnInfo": "columns",
}
