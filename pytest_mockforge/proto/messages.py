"""The messages of `plugin.proto` as plain dictionaries, and as classes for who speaks gRPC in Python.

Nothing here was generated for one version of protobuf: the classes are made at run time from `plugin.binpb`, which is
the .proto files compiled, in a pool of their own. So protobuf 5.26 to 7 all do, and a `plugin_pb2` that somebody
compiled for himself stands beside them in one process. The only module that imports protobuf; knows no JSON, no gRPC.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from importlib.resources import files
from typing import Final, Literal, Protocol, TypeAlias, cast

import msgspec

from pytest_mockforge.contract.operations import Operation

PACKAGE: Final = "mockforge.plugin.v1"
SERVICE: Final = f"{PACKAGE}.PluginService"
METHODS: Final = {
    Operation.AUTHENTICATE: "Authenticate",
    Operation.TEMPLATE_FUNCTION: "ExecuteTemplateFunction",
    Operation.GENERATE_RESPONSE: "GenerateResponse",
    Operation.QUERY_DATASOURCE: "QueryDataSource",
}
HEALTH: Final = "grpc.health.v1.Health"

Fields: TypeAlias = dict[str, object]
"""One message: a value for each field that is set, dictionaries for messages and maps, lists for what is repeated."""

FieldKind = Literal["text", "bytes", "bool", "number", "message", "map"]


class WireError(ValueError):
    """Bytes that are not the message they should be, or values that the message cannot hold."""


class Message(Protocol):
    """What all message classes have in common; the fields are attributes."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802 # protobuf's names
    def HasField(self, name: str) -> bool: ...  # noqa: N802


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field, as the .proto writes it."""

    name: str
    kind: FieldKind
    repeated: bool = False
    optional: bool = False
    """True where a field that is not set differs from an empty one; of messages always."""
    message: str = ""
    """The full name of the message that it holds."""
    bits: int = 0
    """Of a number: 32 or 64. All numbers of `plugin.proto` are unsigned."""


def method_path(operation: Operation) -> str:
    """Give the path that gRPC calls: `/mockforge.plugin.v1.PluginService/Authenticate`."""
    return f"/{SERVICE}/{METHODS[operation]}"


def request_name(operation: Operation) -> str:
    """Give the name of the request's message."""
    return _method(operation)[0]


def reply_name(operation: Operation) -> str:
    """Give the name of the reply's message."""
    return _method(operation)[1]


def proto_text() -> str:
    """Give `plugin.proto`, to be compiled for any language."""
    return files(__package__).joinpath("plugin.proto").read_text("utf-8")


def message_class(name: str) -> type[Message]:
    """Give the class of a message, by its name (`AuthRequest`), or by its full name for another package's.

    An object of it is built with keywords, and works with whatever takes objects of protobuf.
    """
    return _load().classes[name if "." in name else f"{PACKAGE}.{name}"]


def descriptor_pool() -> object:
    """Give the pool that holds `plugin.proto`, as grpcio-testing and grpcio-reflection ask for."""
    return _load().pool


def fields_of(name: str) -> tuple[Field, ...]:
    """Give the fields of a message, in the order of their numbers."""
    return _load().fields[name if "." in name else f"{PACKAGE}.{name}"]


def encode(name: str, fields: Fields) -> bytes:
    """Write a message. Raises WireError for a value that it cannot hold."""
    build = cast("_Buildable", message_class(name))
    try:
        return build(**fields).SerializeToString()
    except (TypeError, ValueError) as error:
        raise WireError(f"{name}: {error}") from None


def decode(name: str, data: bytes) -> Fields:
    """Read a message; an `optional` field or a message that is not set is left out. Raises WireError."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # protobuf has no types

    try:
        message = cast("_Readable", message_class(name)).FromString(data)
    except (DecodeError, ValueError) as error:
        raise WireError(str(error) or "no protobuf message") from None
    return as_fields(name, message)


def as_fields(name: str, message: object) -> Fields:
    """Give an object of a message's class as a dictionary."""
    found: Fields = {}
    for field in fields_of(name):
        if field.optional and not cast("Message", message).HasField(field.name):
            continue
        value: object = getattr(message, field.name)
        if field.kind == "map":
            found[field.name] = dict(cast("dict[str, str]", value))
        elif field.kind == "message":
            inner = value if field.repeated else [value]
            listed = [as_fields(field.message, one) for one in cast("list[object]", inner)]
            found[field.name] = listed if field.repeated else listed[0]
        else:
            found[field.name] = list(cast("list[object]", value)) if field.repeated else value
    return found


def methods_in(files: Sequence[bytes], service: str) -> tuple[str, ...]:
    """Name the methods of a service that serialized FileDescriptorProtos declare; what is none is passed over."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto  # type: ignore[import-untyped]
    from google.protobuf.message import DecodeError

    found: list[str] = []
    for data in files:
        try:
            file = FileDescriptorProto.FromString(data)
        except DecodeError:
            continue
        for one in file.service:
            if service == f"{file.package}.{one.name}":
                found += [method.name for method in one.method]
    return tuple(found)


class _Buildable(Protocol):
    def __call__(self, **fields: object) -> Message: ...


class _Readable(Protocol):
    def FromString(self, data: bytes) -> Message: ...  # noqa: N802 # protobuf's name


class _Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What `plugin.binpb` holds, by full names."""

    pool: object
    classes: dict[str, type[Message]]
    fields: dict[str, tuple[Field, ...]]
    methods: dict[str, tuple[str, str]]


def _method(operation: Operation) -> tuple[str, str]:
    return _load().methods[METHODS[operation]]


@cache
def _load() -> _Loaded:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]

    described = descriptor_pb2.FileDescriptorSet.FromString(files(__package__).joinpath("plugin.binpb").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in described.file:
        pool.AddSerializedFile(file.SerializeToString())
    types = {f"{file.package}.{one.name}": one for file in described.file for one in file.message_type}
    return _Loaded(
        pool=pool,
        classes={name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in types},
        fields={
            name: tuple(_field(one, [entry.name for entry in declared.nested_type]) for one in declared.field)
            for name, declared in types.items()
        },
        methods={
            method.name: (method.input_type.rpartition(".")[2], method.output_type.rpartition(".")[2])
            for file in described.file
            for service in file.service
            if f"{file.package}.{service.name}" == SERVICE
            for method in service.method
        },
    )


class _Declared(Protocol):
    """A FieldDescriptorProto; its numbers stand in descriptor.proto and never change."""

    name: str
    label: int
    type: int
    type_name: str

    def HasField(self, name: str) -> bool: ...  # noqa: N802 # protobuf's name


_REPEATED = 3
_BITS = {3: 64, 4: 64, 5: 32, 13: 32, 14: 32}
_KINDS: dict[int, FieldKind] = {8: "bool", 9: "text", 11: "message", 12: "bytes", **dict.fromkeys(_BITS, "number")}


def _field(declared: _Declared, entries: Collection[str]) -> Field:
    """Read a field; `entries` names the messages that protoc made for the maps beside it."""
    # Not from the descriptors of the pool: what they call a label is another thing in each major version.
    repeated = declared.label == _REPEATED
    message = declared.type_name.removeprefix(".")
    kind: FieldKind = "map" if message.rpartition(".")[2] in entries else _KINDS[declared.type]
    return Field(
        name=declared.name,
        kind=kind,
        repeated=repeated,
        optional=not repeated and (kind == "message" or declared.HasField("oneof_index")),
        message=message,
        bits=_BITS.get(declared.type, 0),
    )
