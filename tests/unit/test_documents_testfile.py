"""`plugin.test.yaml` as its author writes it, and each slip that must be named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.expectation import Volatile
from pytest_mockforge.documents.testfile import EMPTY, MISSING, TestFile, read_testfile
from pytest_mockforge.errors import DocumentError

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """\
version: 1
stateful: true
growth: 2
volatile:
  - /execution_time_ms
  - operation: generate_response
    pointer: /headers/x-request-id
samples:
  - name: a known token is admitted
    operation: authenticate
    request: {query: {token: alpha}, uri: /api/users}
    expect:
      outcome: accepted
      reply: {authenticated: true, identity: {user_id: u-alice}}
  - name: null is a value
    operation: template_function
    expect: {reply: null}
  - name: a stranger is refused
    operation: authenticate
    request: {since: 2027-01-31, flag: no}
    expect: {outcome: refused}
accept:
  - code: MF403
    detail: "authenticate"
    reason: known, see ticket 12
    expires: 2027-01-31
"""


def file_of(folder: Path, text: str) -> TestFile:
    path = folder / "plugin.test.yaml"
    path.write_text(text)
    return read_testfile(path)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        file_of(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    read = file_of(tmp_path, WHOLE)
    assert read.path == tmp_path / "plugin.test.yaml"
    assert read.stateful is True
    assert read.growth == 2.0
    assert read.volatile == (
        Volatile(pointer="/execution_time_ms"),
        Volatile(pointer="/headers/x-request-id", operation=Operation.GENERATE_RESPONSE),
    )
    assert [(entry.code, entry.reason) for entry in read.accept] == [("MF403", "known, see ticket 12")]


def test_a_sample_is_read_with_its_request_as_it_stands(tmp_path: Path) -> None:
    sample = file_of(tmp_path, WHOLE).samples[0]
    assert (sample.name, sample.operation, sample.line) == ("a known token is admitted", Operation.AUTHENTICATE, 9)
    assert sample.request == {"query": {"token": "alpha"}, "uri": "/api/users"}
    assert sample.outcome == "accepted"
    assert sample.reply == {"authenticated": True, "identity": {"user_id": "u-alice"}}


def test_an_expected_null_is_a_reply(tmp_path: Path) -> None:
    sample = file_of(tmp_path, WHOLE).samples[1]
    assert sample.has_reply
    assert sample.reply is None
    assert sample.request == {}


def test_a_sample_without_a_reply_expects_any(tmp_path: Path) -> None:
    sample = file_of(tmp_path, WHOLE).samples[2]
    assert not sample.has_reply
    assert sample.reply is MISSING
    assert sample.outcome == "refused"


def test_dates_and_words_of_a_request_stay_text(tmp_path: Path) -> None:
    assert file_of(tmp_path, WHOLE).samples[2].request == {"since": "2027-01-31", "flag": "no"}


def test_a_file_that_says_nothing_gives_the_defaults(tmp_path: Path) -> None:
    read = file_of(tmp_path, "{}")
    assert (read.stateful, read.volatile, read.growth, read.samples, read.accept) == (False, (), None, (), ())


def test_no_file_is_an_empty_one_without_a_path() -> None:
    assert TestFile(path=None) == EMPTY


SAMPLE = "samples:\n  - name: x\n    operation: authenticate\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "sample: []",
            "plugin.test.yaml:1:1: unknown key 'sample' in plugin.test.yaml\n  hint: did you mean 'samples'? valid: ",
            id="top key",
        ),
        pytest.param(
            SAMPLE + "    reqest: {}\n",
            "plugin.test.yaml:4:5: unknown key 'reqest' in a sample\n  hint: did you mean 'request'? valid: ",
            id="sample key",
        ),
        pytest.param(
            SAMPLE + "    expect: {status: 1}\n",
            "plugin.test.yaml:4:14: unknown key 'status' in 'expect' of a sample\n  hint: valid: outcome, reply",
            id="expect key",
        ),
        pytest.param(
            SAMPLE + "    <<: {}\n", "unknown key '<<' in a sample\n  hint: YAML 1.2 has no merge keys", id="merge key"
        ),
        pytest.param(
            "accept:\n  - {code: MF101, reason: x, plugin: y}",
            "plugin.test.yaml:2:30: unknown key 'plugin' in an accepted finding",
            id="a label is for accept files",
        ),
        pytest.param(
            "- a",
            "plugin.test.yaml:1:1: plugin.test.yaml holds the wrong value\n  expected: a mapping\n  got: a list",
            id="top is a list",
        ),
        pytest.param(
            "version: 2",
            "1:1: 'version' of plugin.test.yaml holds the wrong value\n  expected: 1\n  got: the number 2",
            id="version",
        ),
        pytest.param("version: true", "expected: 1\n  got: true", id="version is true"),
        pytest.param("version: 1.0", "expected: 1\n  got: the number 1.0", id="version is no whole number"),
        pytest.param(
            "stateful: no",
            "expected: true or false\n  got: text 'no'\n  hint: in YAML 1.2 yes, no, on and off are text",
            id="stateful",
        ),
        pytest.param(
            "growth: quadratic",
            "'growth' of plugin.test.yaml holds the wrong value\n  expected: a power from 1.5 to 5\n"
            "  got: text 'quadratic'\n  hint: write growth: 2 for cost that may be quadratic",
            id="growth",
        ),
        pytest.param("growth: 1", "a power from 1.5 to 5\n  got: the number 1", id="linear growth"),
        pytest.param("growth: true", "a power from 1.5 to 5\n  got: true", id="growth is true"),
        pytest.param("growth: .nan", "a power from 1.5 to 5\n  got: ", id="growth is no number"),
        pytest.param("growth:", "a power from 1.5 to 5\n  got: nothing", id="growth is null"),
        pytest.param("samples:", "'samples' of plugin.test.yaml holds the wrong value\n  expected: a list", id="null"),
        pytest.param("samples: {a: b}", "expected: a list\n  got: a mapping", id="samples"),
        pytest.param(
            "samples: [a]", "a sample holds the wrong value\n  expected: a mapping\n  got: text 'a'", id="item"
        ),
        pytest.param(
            "samples:\n  - operation: authenticate", "2:5: a sample has no 'name'\n  hint: add a line", id="no name"
        ),
        pytest.param(
            "samples:\n  - {name: 7, operation: authenticate}",
            "2:6: 'name' of a sample holds the wrong value\n  expected: text\n  got: the number 7",
            id="name",
        ),
        pytest.param("samples:\n  - {name: ' '}", "'name' of a sample is empty", id="blank name"),
        pytest.param("samples: [{name: x}]", "a sample has no 'operation'", id="no operation"),
        pytest.param(
            "samples: [{name: x, operation: autenticate}]",
            "1:21: 'autenticate' is no operation\n  hint: did you mean 'authenticate'? valid: authenticate, "
            "template_function, generate_response, query_datasource",
            id="operation",
        ),
        pytest.param(
            SAMPLE + "  - name: x\n    operation: authenticate\n",
            "plugin.test.yaml:4:5: two samples are named 'x' (first on line 2)",
            id="a name twice",
        ),
        pytest.param(SAMPLE + "    request: [1]\n", "'request' of a sample holds the wrong value", id="request"),
        pytest.param(SAMPLE + "    request:\n", "expected: a mapping\n  got: nothing", id="request left out"),
        pytest.param(SAMPLE + "    expect: yes\n", "expected: a mapping\n  got: text 'yes'", id="expect"),
        pytest.param(
            SAMPLE + "    expect: {outcome: accept}\n",
            "4:14: 'accept' is no outcome\n  hint: did you mean 'accepted'? valid: accepted, refused",
            id="outcome",
        ),
        pytest.param(
            SAMPLE + "    expect: {reply: {a: [.nan]}}\n",
            "4:26: JSON cannot hold nan\n  hint: quote it to make it text",
            id="NaN in a reply",
        ),
        pytest.param(SAMPLE + "    request: {a: 1e400}\n", "4:15: JSON cannot hold inf", id="infinity"),
        pytest.param(
            "volatile: [execution_time_ms]",
            "'execution_time_ms' is no JSON pointer: a JSON pointer begins with '/'",
            id="pointer without a slash",
        ),
        pytest.param("volatile: [/a~2b]", "1:12: '/a~2b' is no JSON pointer: in a JSON pointer '~'", id="bad escape"),
        pytest.param("volatile: ['']", "the whole reply cannot be volatile", id="whole reply"),
        pytest.param(
            "volatile: [1]", "a volatile field holds the wrong value\n  expected: a JSON pointer", id="number"
        ),
        pytest.param("volatile: [{operation: authenticate}]", "a volatile field has no 'pointer'", id="no pointer"),
        pytest.param("volatile: [{pointer: /a, op: x}]", "unknown key 'op' in a volatile field", id="volatile key"),
        pytest.param("volatile: [{pointer: /a, operation: x}]", "'x' is no operation", id="volatile operation"),
        pytest.param("a: [1", "plugin.test.yaml:1:6: while parsing", id="broken YAML"),
    ],
)
def test_a_slip_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(tmp_path, text)


def test_an_unknown_key_of_a_million_letters_makes_a_short_message(tmp_path: Path) -> None:
    assert len(refusal(tmp_path, "? " + "a" * 1_000_000 + "\n: 1\n")) < 300
