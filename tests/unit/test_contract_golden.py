"""What the real serde_json 1.0.150 said of 634 texts, read as any JSON and as the types of contract 1.3, 1.5 and 1.6.

`contract_serde_golden.json` was written by a Rust program that parses each text as contract 1.1 describes and prints
the canonical text or the message of contract 2.5. Left out: floats from 1e16 up, whose exponent serde_json 1.0.150
signs (`1e+16`) and the contract does not, and floats that its quick float reader misses by the last bit.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_mockforge.contract.decode import decode_reply
from pytest_mockforge.contract.json_text import dump
from pytest_mockforge.contract.operations import Operation

_CASES = json.loads(Path(__file__).with_name("contract_serde_golden.json").read_bytes())


@pytest.mark.parametrize("kind", ["value", "authenticate", "generate_response", "query_datasource"])
def test_every_text_is_judged_as_serde_judged_it(kind: str) -> None:
    operation = Operation.TEMPLATE_FUNCTION if kind == "value" else Operation(kind)
    cases = [case for case in _CASES if case["as"] == kind]
    assert len(cases) > 80
    for case in cases:
        payload = bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()
        decoded = decode_reply(operation, payload)
        message = None if decoded.host_message == "Invalid status code" else decoded.host_message
        assert message == case.get("error"), payload
        if message is None:
            assert dump(decoded.value).decode() == case["ok"], payload
