"""Services as runtimes: over HTTP, over gRPC, and an ASGI app inside this process."""
