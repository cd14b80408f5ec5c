"""Requests from `pytest_mockforge.strategies`: everyday and border values mixed, always what MockForge could send."""

import pytest

pytest.importorskip("hypothesis", reason="pip install 'pytest-mockforge[fuzz]'")

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mockforge import AuthRequest, strategies

# The first example compiles the module, so a deadline would measure that.
quick = settings(max_examples=50, deadline=None)


@quick
@given(request=strategies.requests("generate_response"))
def test_any_request_gets_a_response(mockforge_plugin, request):
    assert 100 <= mockforge_plugin.generate_response(request).status_code < 600


@quick
@given(call=strategies.template_calls("add", arguments=[{"type": "integer", "minimum": -1000, "maximum": 1000}] * 2))
def test_the_order_of_summands_does_not_matter(mockforge_plugin, call):
    forwards = mockforge_plugin.template_function("add", *call.args)
    assert forwards == mockforge_plugin.template_function("add", *reversed(call.args))


@quick
@given(
    request=st.builds(
        AuthRequest,
        query_params=st.fixed_dictionaries({"token": strategies.tokens()}),
        client_ip=strategies.client_addresses(),
    )
)
def test_a_token_is_answered_the_same_from_any_address(mockforge_plugin, mockforge_request, request):
    plain = mockforge_request.auth(query=request.query_params)
    assert mockforge_plugin.authenticate(request) == mockforge_plugin.authenticate(plain)
