"""A plugin behind gRPC: our own `plugin.proto`, its messages, and what they are in JSON. Pure data, no I/O."""
