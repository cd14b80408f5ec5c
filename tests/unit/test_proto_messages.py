"""plugin.proto, its compiled form, and the classes that are made from it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_mockforge.contract.operations import Operation

pytest.importorskip("google.protobuf", reason="plugin.proto needs the extra 'grpc'")

from pytest_mockforge.proto.generate import TARGET, compiled
from pytest_mockforge.proto.messages import (
    METHODS,
    SERVICE,
    WireError,
    as_fields,
    decode,
    encode,
    message_class,
    method_path,
    proto_text,
    reply_name,
    request_name,
)

#: What contract 6 spells out of the documents' sketch.
SKETCH = {
    "AuthRequest": {"context": 1, "credentials": 2},
    "AuthResponse": {"success": 1, "error": 2, "result": 3},
}


def number_of(message: str, field: str) -> int:
    body = re.search(rf"^message {message} {{(.*?)^}}", proto_text(), re.DOTALL | re.MULTILINE)
    assert body is not None
    found = re.search(rf"\b{field} = (\d+);", body[1])
    assert found is not None
    return int(found[1])


def test_the_compiled_form_is_that_of_the_sources() -> None:
    pytest.importorskip("grpc_tools", reason="compiling a .proto needs grpcio-tools")
    from google.protobuf.descriptor_pb2 import FileDescriptorSet  # type: ignore[import-untyped] # no types

    shipped = FileDescriptorSet.FromString(TARGET.read_bytes())
    assert shipped == FileDescriptorSet.FromString(compiled()), "run python -m pytest_mockforge.proto.generate"


@pytest.mark.parametrize("message", SKETCH)
def test_the_numbers_of_the_documents_sketch_are_kept(message: str) -> None:
    assert {name: number_of(message, name) for name in SKETCH[message]} == SKETCH[message]


def test_each_operation_is_a_method_of_the_service() -> None:
    assert [(method_path(one), request_name(one), reply_name(one)) for one in Operation] == [
        (f"/{SERVICE}/Authenticate", "AuthRequest", "AuthResponse"),
        (f"/{SERVICE}/ExecuteTemplateFunction", "TemplateFunctionRequest", "TemplateFunctionResponse"),
        (f"/{SERVICE}/GenerateResponse", "ResponseRequest", "ResponseResponse"),
        (f"/{SERVICE}/QueryDataSource", "DataSourceRequest", "DataSourceResponse"),
    ]
    assert len(METHODS) == len(Operation)


def test_the_file_says_that_mockforge_has_no_grpc_client() -> None:
    assert "MockForge 0.3.213 has no gRPC client" in proto_text()


def test_a_class_takes_keywords_and_dictionaries() -> None:
    build = message_class("AuthResponse")
    message = build(success=True, result={"authenticated": True, "claims_json": b"{}"})  # type: ignore[call-arg] # made at run time
    assert as_fields("AuthResponse", message)["result"] == {
        "authenticated": True,
        "claims_json": b"{}",
        "metadata_json": b"",
    }


def test_an_optional_field_is_absent_until_it_is_set() -> None:
    assert "client_ip" not in decode("AuthRequest", b"")
    assert decode("AuthRequest", encode("AuthRequest", {"client_ip": ""}))["client_ip"] == ""


def test_a_field_that_we_do_not_know_is_ignored() -> None:
    assert decode("Version", b"\xfa\x3f\x01x\x08\x07") == {"major": 7, "minor": 0, "patch": 0}


@pytest.mark.parametrize(
    "fields", [{"method": 1}, {"context": {"timeout_ms": -1}}, {"nothing": 1}, {"query_params": {"a": 1}}]
)
def test_a_value_that_a_message_cannot_hold_is_an_error_that_names_the_message(fields: dict[str, object]) -> None:
    with pytest.raises(WireError, match=r"^AuthRequest: "):
        encode("AuthRequest", fields)


def test_stubs_that_somebody_compiled_for_himself_agree_and_live_in_the_same_process(tmp_path: Path) -> None:
    protoc = pytest.importorskip("grpc_tools.protoc", reason="compiling a .proto needs grpcio-tools")
    source = tmp_path / "own_plugin.proto"
    source.write_text(proto_text(), "utf-8")
    assert protoc.main(["protoc", f"-I{tmp_path}", f"--python_out={tmp_path}", str(source)]) == 0
    script = """
try:
    import own_plugin_pb2 as own
except ImportError as error:
    raise SystemExit(f"stubs of this protoc want another protobuf: {error}")
from pytest_mockforge.proto.messages import decode, encode
theirs = own.DataSourceRequest(query="q", limit=2**64 - 1, parameters_json=b"{}", context={"plugin_id": "p"})
ours = decode("DataSourceRequest", theirs.SerializeToString())
assert ours["limit"] == 2**64 - 1 and "offset" not in ours, ours
again = own.DataSourceRequest.FromString(encode("DataSourceRequest", ours))
assert again.query == "q" and again.limit == 2**64 - 1 and not again.HasField("offset")
print("agreed")
"""
    root = Path(__file__).parents[2]
    words = [sys.executable, "-W", "error", "-c", script]
    environment = {"PYTHONPATH": f"{tmp_path}:{root}", "PATH": ""}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30, check=False)
    if ended.stderr.startswith("stubs of this protoc"):
        pytest.skip(ended.stderr.strip())
    assert (ended.stdout, ended.stderr) == ("agreed\n", "")
