"""Test clients and servicers of `plugin.proto` without a socket: `mockforge_mock_grpc`, on grpcio-testing."""

from typing import Any

import pytest

from pytest_mockforge import Refusal
from pytest_mockforge.mocks import faults

grpc = pytest.importorskip("grpc", reason="pip install 'pytest-mockforge[grpc]'")

# What protoc makes of plugin.proto does as well: plugin_pb2.TemplateFunctionRequest, plugin_pb2_grpc.PluginServiceStub.
from pytest_mockforge.proto.messages import message_class  # noqa: E402 - protobuf comes with grpc

Request: Any = message_class("TemplateFunctionRequest")
Reply: Any = message_class("TemplateFunctionResponse")


class Renderer:
    """The code under test of the first tests: a client that is given a channel."""

    def __init__(self, channel):
        self.execute = channel.unary_unary(
            "/mockforge.plugin.v1.PluginService/ExecuteTemplateFunction",
            request_serializer=Request.SerializeToString,
            response_deserializer=Reply.FromString,
        )

    def render(self, name):
        try:
            return self.execute(Request(function_name=name, args_json=b'["abc"]'), timeout=0.2).result_json.decode()
        except grpc.RpcError as error:
            return f"<{error.code().name}>"


def test_a_client_renders_what_the_plugin_answers(mockforge_mock_grpc):
    call = mockforge_mock_grpc.on.template_function(name="upper", args=["abc"]).reply("ABC")

    assert Renderer(mockforge_mock_grpc.channel).render("upper") == '"ABC"'
    assert call.last.request.function_name == "upper"


def test_a_client_gives_up_on_a_late_answer(mockforge_mock_grpc):
    mockforge_mock_grpc.on.template_function().reply("ABC").fault(faults.latency(60))

    assert Renderer(mockforge_mock_grpc.channel).render("upper") == "<DEADLINE_EXCEEDED>"


class Servicer:
    """The code under test of the last test: with protoc, a subclass of plugin_pb2_grpc.PluginServiceServicer."""

    def ExecuteTemplateFunction(self, request, context):  # noqa: N802 - gRPC's name
        if request.function_name != "echo":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no function {request.function_name}")
        return Reply(success=True, result_json=request.args_json)


def test_a_servicer_is_a_plugin_like_any_other(mockforge_mock_grpc):
    plugin = mockforge_mock_grpc.plugin(Servicer())

    assert plugin.template_function("echo", 1, "a", None) == [1, "a", None]
    with pytest.raises(Refusal, match="no function shout"):
        plugin.template_function("shout")
