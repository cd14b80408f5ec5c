"""Test code that calls a plugin with httpx, without a plugin and without a socket: `mockforge_mock_http`, on respx."""

import httpx
import pytest

from pytest_mockforge import AuthResponse, RequestBuilder, UserIdentity
from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.mocks import faults

ADMITTED = AuthResponse(
    authenticated=True,
    identity=UserIdentity(user_id="u-alice", roles=("admin",), groups=(), attributes={}),
    claims={},
    metadata={},
)
DENIED = AuthResponse(authenticated=False, claims={}, metadata={})


class Gate:
    """The code under test: asks the plugin, and a second time where it is busy."""

    def __init__(self, url):
        self.url = url

    def user_of(self, token):
        body = HostDialect().encode(RequestBuilder().auth(query={"token": token}))
        for _ in range(2):
            reply = httpx.post(f"{self.url}/plugin/authenticate", content=body, timeout=0.5)
            if reply.status_code != 503:
                break
        reply.raise_for_status()
        return (reply.json()["identity"] or {}).get("user_id")


def test_the_plugin_decides_who_it_is(mockforge_mock_http):
    # The first that fits answers, so the special stands before the general.
    mockforge_mock_http.on.authenticate(query={"token": "alpha"}).reply(ADMITTED)
    others = mockforge_mock_http.on.authenticate().reply(DENIED)
    gate = Gate(mockforge_mock_http.url)

    assert gate.user_of("alpha") == "u-alice"
    assert gate.user_of("beta") is None
    assert others.last.request.query_params == {"token": "beta"}


def test_a_busy_plugin_is_asked_again(mockforge_mock_http):
    # Exactly two calls: one more, or one less, would fail the test and say what came.
    mockforge_mock_http.on.authenticate(times=2).reply(ADMITTED).fault(faults.status(503), times=1)

    assert Gate(mockforge_mock_http.url).user_of("alpha") == "u-alice"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.latency(60), httpx.ReadTimeout),  # waits no longer than the client's own timeout
        (faults.reset(), httpx.ReadError),
        (faults.early_close(after=10), httpx.RemoteProtocolError),
        (faults.truncated_json(), ValueError),
    ],
)
def test_a_plugin_that_fails_lets_nobody_in(mockforge_mock_http, fault, error):
    mockforge_mock_http.on.authenticate().reply(ADMITTED).fault(fault)

    with pytest.raises(error):
        Gate(mockforge_mock_http.url).user_of("alpha")
