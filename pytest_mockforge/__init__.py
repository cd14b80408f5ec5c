"""Test built MockForge plugins, in any language, with pytest.

The names below are imported from where they live when they are first used, so that importing the package costs
nothing. The core works without pytest: `with pytest_mockforge.load("plugin.wasm") as plugin: …`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mockforge.contract.operations import Operation as Operation
    from pytest_mockforge.contract.replies import AuthResponse as AuthResponse
    from pytest_mockforge.contract.replies import ColumnInfo as ColumnInfo
    from pytest_mockforge.contract.replies import DataResult as DataResult
    from pytest_mockforge.contract.replies import DataRow as DataRow
    from pytest_mockforge.contract.replies import ResponseData as ResponseData
    from pytest_mockforge.contract.replies import UserIdentity as UserIdentity
    from pytest_mockforge.contract.requests import AuthRequest as AuthRequest
    from pytest_mockforge.contract.requests import DataQuery as DataQuery
    from pytest_mockforge.contract.requests import PluginContext as PluginContext
    from pytest_mockforge.contract.requests import RequestBuilder as RequestBuilder
    from pytest_mockforge.contract.requests import ResolutionContext as ResolutionContext
    from pytest_mockforge.contract.requests import ResponseRequest as ResponseRequest
    from pytest_mockforge.contract.requests import TemplateCall as TemplateCall
    from pytest_mockforge.contract.violations import Violation as Violation
    from pytest_mockforge.errors import AbiFailure as AbiFailure
    from pytest_mockforge.errors import ContractFailure as ContractFailure
    from pytest_mockforge.errors import DocumentError as DocumentError
    from pytest_mockforge.errors import EngineError as EngineError
    from pytest_mockforge.errors import ExtensionError as ExtensionError
    from pytest_mockforge.errors import ExtensionWarning as ExtensionWarning
    from pytest_mockforge.errors import GuestTrap as GuestTrap
    from pytest_mockforge.errors import LimitExceeded as LimitExceeded
    from pytest_mockforge.errors import LoadFailure as LoadFailure
    from pytest_mockforge.errors import MockforgeError as MockforgeError
    from pytest_mockforge.errors import PluginFailure as PluginFailure
    from pytest_mockforge.errors import Refusal as Refusal
    from pytest_mockforge.errors import RemoteFailure as RemoteFailure
    from pytest_mockforge.errors import RequestError as RequestError
    from pytest_mockforge.errors import SettingsError as SettingsError
    from pytest_mockforge.errors import SetupError as SetupError
    from pytest_mockforge.errors import SpecError as SpecError
    from pytest_mockforge.observation import Observation as Observation
    from pytest_mockforge.opening import load as load
    from pytest_mockforge.plugin_under_test import Plugin as Plugin
    from pytest_mockforge.runtimes.base import Limits as Limits
    from pytest_mockforge.runtimes.host_services import ImportedFunction as ImportedFunction


def _facade(module: str, homes: dict[str, str]) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Give `__all__`, `__getattr__` and `__dir__` of a module whose names live elsewhere, by the home of each."""
    home_of = {name: home for home, names in homes.items() for name in names.split()}
    own = vars(sys.modules[module])

    def find(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        from importlib import import_module

        value: object = getattr(import_module(f"pytest_mockforge.{home_of[name]}"), name)
        own[name] = value
        return value

    return sorted(home_of), find, lambda: sorted({*own, *home_of})


__all__, __getattr__, __dir__ = _facade(
    __name__,
    {
        "contract.operations": "Operation",
        "contract.replies": "AuthResponse ColumnInfo DataResult DataRow ResponseData UserIdentity",
        "contract.requests": "AuthRequest DataQuery PluginContext RequestBuilder ResolutionContext ResponseRequest "
        "TemplateCall",
        "contract.violations": "Violation",
        "errors": "AbiFailure ContractFailure DocumentError EngineError ExtensionError ExtensionWarning GuestTrap "
        "LimitExceeded LoadFailure MockforgeError PluginFailure Refusal RemoteFailure RequestError SettingsError "
        "SetupError SpecError",
        "observation": "Observation",
        "opening": "load",
        "plugin_under_test": "Plugin",
        "runtimes.base": "Limits",
        "runtimes.host_services": "ImportedFunction",
    },
)
