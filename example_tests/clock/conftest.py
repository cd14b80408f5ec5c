"""Functions of yours that plugins import: here `clock::now`, for every plugin of the run.

A package does the same for all its users: the hook in a module that its entry points name under `pytest11`.
"""

from pytest_mockforge import ImportedFunction


def now(_memory):
    # What comes first reaches the plugin's memory, to follow its pointers: read(pointer, length), write(pointer, data).
    return 1_700_000_000


def pytest_mockforge_host_functions():
    return [ImportedFunction(module="clock", name="now", function=now, results=["i64"])]
