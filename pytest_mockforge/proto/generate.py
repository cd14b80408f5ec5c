"""Compile the .proto files of this folder into `plugin.binpb`: `python -m pytest_mockforge.proto.generate`.

Needs grpcio-tools, which only who changes a .proto has. Knows nothing of what the messages are for.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCES = ("plugin.proto", "health.proto", "reflection.proto")
TARGET = FOLDER / "plugin.binpb"


def compiled() -> bytes:
    """Give the sources as one serialized FileDescriptorSet. Raises ValueError when one of them does not compile."""
    from grpc_tools import protoc  # type: ignore[import-untyped] # grpcio-tools has no types

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "set.binpb")
        words = ["protoc", f"-I{FOLDER}", f"--descriptor_set_out={target}", *SOURCES]
        if protoc.main(words) != 0:
            raise ValueError(f"protoc refused {', '.join(SOURCES)}")
        return target.read_bytes()


if __name__ == "__main__":
    TARGET.write_bytes(compiled())
