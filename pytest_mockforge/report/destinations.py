"""Where reports go: paths judged before a run, files written after it. Knows the forms by their endings; not pytest."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mockforge.errors import SettingsError

if TYPE_CHECKING:
    from pytest_mockforge.report.model import Report

ENDINGS = (".json", ".md", ".html")


def destinations(texts: Iterable[tuple[str, Path]]) -> tuple[Path, ...]:
    """Read paths, each with the folder that it counts from if it is relative.

    Raises SettingsError for what could not be written after the run: an ending that names no form, a folder that does
    not exist or takes no file, a file that may not be changed, two reports on one path.
    """
    taken: dict[str, str] = {}
    paths = []
    for text, base in texts:
        path = _judged(text, base)
        real = os.path.normcase(os.path.realpath(path))
        if real in taken:
            raise SettingsError(
                f"two reports are on one path: {taken[real]!r} and {text!r}", hint="give each a file of its own"
            )
        taken[real] = text
        paths.append(path)
    return tuple(paths)


def write_reports(paths: Sequence[Path], report: Report) -> dict[Path, str]:
    """Write each report; give the line that says why for each that could not be written. None keeps another back."""
    problems = {}
    for path in paths:
        try:
            write_whole(path, _form(path)(report))
        except OSError as error:
            problems[path] = f"the report {str(path)!r} could not be written: {error.strerror or error}"
    return problems


def append(path: Path, text: str) -> str:
    """Add text to a file that others write too; give the line that says why not, empty when it was added."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        return f"the summary {str(path)!r} could not be written: {error.strerror or error}"
    return ""


def _judged(text: str, base: Path) -> Path:
    if "\0" in text:
        raise SettingsError(f"the report {text!r} holds a NUL character", hint="name a file")
    path = base / text
    if path.suffix.lower() not in ENDINGS:
        said = f"the ending {path.suffix!r}" if path.suffix else "no ending"
        raise SettingsError(
            f"the report {text!r} has {said}, which names no form of report", hint=f"end it in {', '.join(ENDINGS)}"
        )
    try:
        problem = problem_with(path)
    except OSError as error:
        problem = f"{error.filename or path}: {error.strerror or error}"
    if problem:
        raise SettingsError(f"the report {text!r} cannot be written: {problem}", hint="name another file or folder")
    return path


def problem_with(path: Path) -> str:
    """Say why a file cannot be written; empty when it can. Raises OSError, which says it too."""
    folder = path.parent
    if not folder.is_dir():
        return f"{folder} {'is no folder' if folder.exists() else 'does not exist'}"
    # Asking for permissions does not tell of a file system that is read-only, or full.
    with tempfile.TemporaryFile(dir=folder):
        pass
    if path.exists() and not path.is_file():
        return "it is no file"
    return "it is read-only" if path.exists() and not os.access(path, os.W_OK) else ""


def write_whole(path: Path, text: str) -> None:
    """Write beside and move there, so that a file is there as a whole or not at all. Raises OSError."""
    # Not a name made of the file's own, which may be as long as a name can be.
    beside = path.with_name(f".mockforge-{os.getpid()}.tmp")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _form(path: Path) -> Callable[[Report], str]:
    match path.suffix.lower():
        case ".json":
            from pytest_mockforge.report.json_report import to_json

            return to_json
        case ".md":
            from pytest_mockforge.report.markdown import to_markdown

            return to_markdown
        case _:
            from pytest_mockforge.report.html import to_html

            return to_html
