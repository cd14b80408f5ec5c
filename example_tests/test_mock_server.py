"""Test code in any language that calls a plugin: `mockforge_mock_server`, expectations behind a real socket."""

import shutil
import subprocess

import pytest

from pytest_mockforge import ColumnInfo, DataResult, DataRow
from pytest_mockforge.mocks import faults

USERS = DataResult(
    columns=(ColumnInfo(name="name", data_type="Text", nullable=False, metadata={}),),
    rows=(DataRow(values=("Ada",), metadata={}), DataRow(values=("zoe",), metadata={})),
    total_count=2,
    execution_time_ms=1,
    metadata={},
)

# The code under test: it asks as the published SDK's services want to be asked, and prints the names.
CALLER = """
const body = JSON.stringify({ query: { query: "SELECT * FROM users", parameters: { active: true } } });
const answer = await fetch(process.argv[1] + "/plugin/datasource/query", { method: "POST", body })
    .then((reply) => reply.json())
    .catch((error) => ({ success: false, error: error.name }));
console.log(answer.success ? answer.result.rows.map((row) => row.name).join(" ") : `failed: ${answer.error}`);
"""


@pytest.fixture
def call():
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    words = [node, "--input-type=module", "--eval", CALLER, "--"]
    return lambda url: subprocess.run([*words, url], capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.fixture
def users(mockforge_mock_server):
    mock = mockforge_mock_server(dialect="sdk")
    return mock.on.query_datasource(query="SELECT * FROM users", parameters={"active": True}).reply(USERS)


def test_a_caller_in_another_language_is_answered(mockforge_mock_server, users, call):
    assert call(mockforge_mock_server.url) == "Ada zoe\n"
    assert users.last.header("user-agent")


@pytest.mark.parametrize(
    ("fault", "printed"),
    [
        (faults.status(500), "failed: a fault of the mock: status 500"),
        (faults.reset(), "failed: TypeError"),
        (faults.malformed_json(), "failed: SyntaxError"),
        (faults.drip(size=50, every=0.01), "Ada zoe"),
    ],
)
def test_a_caller_lives_through_what_goes_wrong(mockforge_mock_server, users, call, fault, printed):
    users.fault(fault)

    assert call(mockforge_mock_server.url) == f"{printed}\n"
