"""From `package.module:app` to an ASGI app: imports what a user names, and says what is wrong with it.

Knows no event loop: an app is a thing to call, and is not called here (but for a factory that is written as a call).
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import sysconfig
import traceback
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TypeAlias, cast

from pytest_mockforge.documents.wording import did_you_mean, quoted
from pytest_mockforge.errors import LoadFailure

Message: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

_TARGET = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)(?P<call>\(\))?")
_PLACE = re.compile(r'File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<name>\S+)')
_FORM = "'package.module:app', or 'package.module:create_app()' for a factory"


def imported(target: str, search: Sequence[Path]) -> App:
    """Import an app from the folders of `search`, which go to the front of `sys.path` and stay there.

    Raises LoadFailure with step `start`.
    """
    match = _TARGET.fullmatch(target)
    if match is None:
        raise failure(target, "it names no app", expected=_FORM, got=quoted(target))
    for folder in (str(path) for path in reversed(search)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    found: object = _module(target, match["module"], search)
    for name in match["name"].split("."):
        if not hasattr(found, name):
            raise _no_attribute(target, found, name)
        found = getattr(found, name)
    if match["call"]:
        found = _made(target, found)
    return _checked(target, found)


def failure(
    target: str, cause: str, *, expected: str | None = None, got: str | None = None, hint: str | None = None
) -> LoadFailure:
    """Build the failure of an app that does not start."""
    return LoadFailure(f"asgi:{target} did not start: {cause}", step="start", expected=expected, got=got, hint=hint)


def blamed(error: BaseException) -> str:
    """Write an exception in one line with the innermost line of the user's own files."""
    text = traceback.format_exception_only(error)[-1].strip()
    place = innermost(error.__traceback__)
    return f"{text!r}, raised at {place}" if place else repr(text)


def innermost(trace: TracebackType | None) -> str | None:
    """Name the innermost frame that is neither ours, the standard library's nor an installed package's."""
    frames = traceback.extract_tb(trace)
    own = [frame for frame in frames if is_users(frame.filename)]
    return f"{own[-1].filename}:{own[-1].lineno} in {own[-1].name}" if own else None


def place_in(text: str) -> str | None:
    """Find the innermost line of the user's own files in a traceback that was written out."""
    places = [match for match in _PLACE.finditer(text) if is_users(match["file"])]
    return f"{places[-1]['file']}:{places[-1]['line']} in {places[-1]['name']}" if places else None


def is_users(filename: str) -> bool:
    """Tell whether a file belongs to whoever wrote the app."""
    return not filename.startswith("<") and not any(filename.startswith(folder) for folder in _INSTALLED)


_INSTALLED = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).parents[2]),
)


def _module(target: str, name: str, search: Sequence[Path]) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            places = ", ".join(repr(str(path)) for path in search) or "sys.path"
            raise failure(
                target,
                f"there is no module {error.name!r}",
                expected=f"a module {name!r} in one of {places}, or installed",
                got=f"{error}",
                hint="run from the folder that holds it, or name that folder in the ini key pythonpath",
            ) from error
        raise _import_failed(target, name, error) from error
    except (SystemExit, Exception) as error:
        raise _import_failed(target, name, error) from error


def _import_failed(target: str, name: str, error: BaseException) -> LoadFailure:
    place = f" ({error.filename}:{error.lineno})" if isinstance(error, SyntaxError) else ""
    return failure(
        target,
        f"importing {name!r} failed",
        got=f"{blamed(error)}{place}",
        hint=f"try it alone: python -c 'import {name}'",
    )


def _no_attribute(target: str, holder: object, name: str) -> LoadFailure:
    where = getattr(holder, "__file__", None) or getattr(holder, "__name__", type(holder).__name__)
    public = [each for each in dir(holder) if not each.startswith("_")]
    return failure(
        target,
        f"there is no {name!r} in {where}",
        expected=f"an ASGI app under the name {name!r}",
        hint=did_you_mean(name, public) if len(public) <= 20 else f"{_FORM}: name what the module really holds",
    )


def _made(target: str, factory: object) -> object:
    if not callable(factory):
        raise failure(
            target, "the factory cannot be called", got=f"a {type(factory).__name__}", hint="leave out the ()"
        )
    try:
        return cast(object, factory())
    except (SystemExit, Exception) as error:
        raise failure(target, "its factory failed", got=blamed(error)) from error


def _checked(target: str, app: object) -> App:
    if inspect.ismodule(app) or not callable(app):
        raise failure(
            target,
            "what it names is no app",
            expected="an ASGI app: something to call with scope, receive and send",
            got=f"a {type(app).__name__}",
        )
    takes = [count for count in (3, 0, 2, 1) if _accepts(app, count)]
    if not takes or takes[0] == 3:
        return cast(App, app)
    cause, hint = {
        0: ("what it names is a factory", f"write asgi:{target}() to have it called"),
        2: ("what it names looks like a WSGI app", "wrap it: asgiref.wsgi.WsgiToAsgi(app), or run it behind a server"),
        1: ("what it names looks like an ASGI 2 app", "wrap it: asgiref.compatibility.guarantee_single_callable(app)"),
    }[takes[0]]
    raise failure(
        target,
        cause,
        expected="an ASGI 3 app, which is called with scope, receive and send",
        got=f"something to call with {takes[0]} arguments",
        hint=hint,
    )


def _accepts(app: Callable[..., object], count: int) -> bool:
    try:
        inspect.signature(app).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        # No signature to be had, as of some compiled callables: let the call show it.
        return count == 3
    return True
