"""Stand-ins for a plugin, for tests of code that calls one: over httpx, over gRPC and behind a real socket.

`from pytest_mockforge.mocks import faults` gives what a stand-in can do wrong on purpose.
"""
