"""Let Hypothesis look for a counterexample. Each example begins with a fresh instance of the plugin."""

import pytest

pytest.importorskip("hypothesis", reason="pip install 'pytest-mockforge[fuzz]'")

from hypothesis import given, settings
from hypothesis import strategies as st

# The first example compiles the module, so a deadline would measure that.
quick = settings(max_examples=50, deadline=None)


@quick
@given(text=st.text())
def test_reversing_twice_gives_the_text_back(mockforge_plugin, text):
    once = mockforge_plugin.template_function("reverse", text)
    assert mockforge_plugin.template_function("reverse", once) == text


@quick
@given(text=st.text())
def test_length_counts_code_points_and_bytes(mockforge_plugin, text):
    length = mockforge_plugin.template_function("length", text)
    assert length == {"chars": len(text), "bytes": len(text.encode())}


@quick
@given(token=st.text(min_size=1).filter(lambda text: text not in ("alpha", "beta", "ключ-δ-🔑")))
def test_no_other_token_is_admitted(mockforge_plugin, mockforge_request, token):
    assert not mockforge_plugin.authenticate(mockforge_request.auth(query={"token": token})).authenticated
