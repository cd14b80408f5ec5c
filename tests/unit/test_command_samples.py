"""`python -m pytest_mockforge samples import`: what is printed, what is added to a file, what is left out and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_mockforge.__main__ import main
from pytest_mockforge.documents.testfile import read_testfile

HEADER = '{"format":"mockforge-recording","version":1}\n'
Result = tuple[int, str, str]
Import = Callable[..., Result]


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Import:
    """Import some lines in an empty folder; give status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def imported(lines: str, *words: str) -> Result:
        Path("traffic.jsonl").write_text(HEADER + lines)
        status = main(["samples", "import", "traffic.jsonl", *words])
        return status, *capsys.readouterr()

    return imported


def call(
    request: str = '{"function_name":"upper","args":["abc"]}',
    reply: str | None = '"ABC"',
    *,
    operation: str = "template_function",
    accepted: str = "true",
    outcome: str = "reply",
    plugin: str = "rust",
    test: str = "test_it.py::test_upper_case[rust]",
) -> str:
    answer = f',"reply":{{"json":{reply}}}' if reply is not None else ""
    return (
        f'{{"test":"{test}","plugin":"{plugin}","operation":"{operation}","dialect":"host","request":{request},'
        f'"outcome":"{outcome}","accepted":{accepted}{answer}}}\n'
    )


def test_samples_are_printed_ready_to_be_pasted(imported: Import) -> None:
    refused = call('{"function_name":"x"}', None, accepted="false", outcome="refused", test="")
    assert imported(call() + refused + call()) == (
        0,
        "samples:\n"
        "  - name: upper case\n"
        "    operation: template_function\n"
        "    request: {function_name: upper, args: [abc]}\n"
        "    expect: {outcome: accepted, reply: ABC}\n"
        "  - name: template_function as recorded\n"
        "    operation: template_function\n"
        "    request: {function_name: x}\n"
        "    expect: {outcome: refused}\n",
        "",
    )


def test_samples_are_added_to_a_file_once(imported: Import) -> None:
    Path("plugin.test.yaml").write_text("# mine\nstateful: true # yes\n")
    lines = call() + call('{"function_name":"upper","args":["x"]}', '"X"')
    assert imported(lines, "--into=plugin.test.yaml") == (0, "plugin.test.yaml: 2 samples added\n", "")
    text = Path("plugin.test.yaml").read_text()
    assert text.startswith("# mine\nstateful: true # yes\nsamples:\n  - name: upper case\n")
    assert [one.name for one in read_testfile(Path("plugin.test.yaml")).samples] == ["upper case", "upper case (2)"]
    again = imported(lines, "--into=plugin.test.yaml")
    assert again == (0, "plugin.test.yaml: 0 samples added, 2 there already\n", "")
    assert Path("plugin.test.yaml").read_text() == text


def test_a_request_with_a_masked_secret_is_left_out_with_a_word(imported: Import) -> None:
    masked = call('{"query":{"token":"~secret.1~"}}', None, operation="authenticate")
    status, out, err = imported(masked + call(), "--into=plugin.test.yaml")
    assert (status, out) == (1, "plugin.test.yaml: 1 sample added, 1 left out\n")
    assert err == (
        "traffic.jsonl:2: a secret was masked in its request: write this sample by hand, with a secret for tests\n"
    )


def test_a_secret_that_a_sample_of_the_file_has_comes_back(imported: Import) -> None:
    Path("plugin.test.yaml").write_text(
        "samples:\n  - name: known\n    operation: authenticate\n    request: {query: {token: alpha-of-tests}}\n"
    )
    masked = call('{"uri":"/x","query":{"token":"~secret.known.token~"}}', "null", operation="authenticate")
    assert imported(masked, "--into=plugin.test.yaml")[0] == 0
    assert read_testfile(Path("plugin.test.yaml")).samples[1].request == {
        "uri": "/x",
        "query": {"token": "alpha-of-tests"},
    }


def test_what_differs_between_equal_calls_is_masked_or_is_volatile_is_not_expected(imported: Import) -> None:
    Path("plugin.test.yaml").write_text("volatile: [/metadata/request_id]\n")
    reply = (
        '{{"authenticated":true,"claims":{{"at":{0},"sub":"u"}},"metadata":{{"request_id":1}},"secret":"~secret.1~",'
        '"identity":{{"roles":["a","~secret.2~"],"user_id":"u"}}}}'
    )
    lines = [call('{"uri":"/x"}', reply.format(at), operation="authenticate") for at in (1, 2)]
    assert imported("".join(lines), "--into=plugin.test.yaml")[0] == 0
    assert read_testfile(Path("plugin.test.yaml")).samples[0].reply == {
        "authenticated": True,
        "claims": {"sub": "u"},
        "metadata": {},
        "identity": {"user_id": "u"},
    }


def test_of_a_long_reply_the_outcome_alone_is_expected(imported: Import) -> None:
    _, out, _ = imported(call(reply='"' + "A" * 3000 + '"'))
    assert out.endswith("expect: {outcome: accepted}\n")


def test_replies_are_left_out_where_they_are_not_wanted(imported: Import) -> None:
    assert imported(call(), "--no-replies")[1].endswith("expect: {outcome: accepted}\n")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            call(outcome="unreachable", accepted="false", reply=None),
            "it came to 'unreachable', which no sample can expect",
        ),
        (call() + call(accepted="false"), "it was answered in more than one way"),
        (call('{"function_name":1}'), "request of template_function: function_name is no text"),
        (call('{"function_name":"f","args":["' + "A" * 20_000 + '"]}'), "its request is longer than 16,000 characters"),
        (call().replace('"request":', '"model":'), "its request cannot be written as a sample"),
    ],
    ids=["trap", "two-answers", "no-request", "long", "model"],
)
def test_what_can_be_no_sample_is_named_with_its_line(imported: Import, lines: str, reason: str) -> None:
    status, out, err = imported(lines)
    assert (status, out) == (1, "")
    assert err.startswith(f"traffic.jsonl:2: {reason}")


def test_lines_that_cannot_be_read_are_named_and_all_others_imported(imported: Import) -> None:
    status, out, err = imported("nonsense\x1b[31m\n" + call())
    assert status == 1
    assert "name: upper case" in out
    assert err.startswith("traffic.jsonl:2: is not JSON")
    assert "\x1b" not in err


def test_a_label_chooses_between_plugins(imported: Import) -> None:
    lines = call() + call('{"function_name":"of_go"}', plugin="go")
    assert "function_name: upper" not in imported(lines, "--label=go")[1]
    status, _, err = imported(lines, "--label=c")
    assert status == 2
    assert err == "error: traffic.jsonl: holds no call of 'c'\n  hint: its labels are go, rust\n"


def test_a_file_that_cannot_be_changed_safely_gets_its_samples_printed(imported: Import) -> None:
    Path("plugin.test.yaml").write_text("{stateful: true}\n")
    status, out, err = imported(call(), "--into=plugin.test.yaml")
    assert status == 1
    assert out.startswith("samples:\n  - name: upper case\n")
    assert err == (
        "error: plugin.test.yaml cannot be changed without a risk to what it says\n  hint: add what is printed\n"
    )
    assert Path("plugin.test.yaml").read_text() == "{stateful: true}\n"


def test_a_file_with_a_defect_is_an_error_and_stays(imported: Import) -> None:
    Path("plugin.test.yaml").write_text("samples:\n  - name: x\n    operation: nonsense\n")
    status, out, err = imported(call(), "--into=plugin.test.yaml")
    assert (status, out) == (2, "")
    assert "plugin.test.yaml:3" in err


@pytest.mark.parametrize(
    "words", [("import", "nowhere.jsonl"), ("import", "."), ("import", "t", "--into=nowhere/x.yaml")]
)
def test_a_path_that_cannot_be_used_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t").write_text(HEADER + call())
    assert main(["samples", *words]) == 2
    assert capsys.readouterr().err.startswith("error: ")
