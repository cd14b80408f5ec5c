"""Progress lines and questions on a terminal. Knows nothing of plugins."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pytest_mockforge.report.colours import Colour, palette_for
from pytest_mockforge.report.text import harmless


class Screen:
    """What the user sees, and is asked."""

    def __init__(self, *, yes: bool) -> None:
        self.yes = yes
        self._paint = palette_for(sys.stdout)

    @property
    def answers(self) -> bool:
        """True when somebody can be asked."""
        return not self.yes and sys.stdin.isatty() and sys.stdout.isatty()

    def step(self, text: str) -> None:
        """Say what is being done now."""
        self._say("·", None, text)

    def done(self, text: str) -> None:
        """Say what was done."""
        self._say("✓", "green", text)

    def kept(self, text: str) -> None:
        """Say what was left alone, or is left to the user."""
        self._say("!", "yellow", text)

    def failed(self, text: str) -> None:
        """Say what did not come out well."""
        self._say("✗", "red", text)

    def lines(self, *texts: str) -> None:
        """Print lines that belong to the one before."""
        sys.stdout.write("".join(f"    {harmless(text)}\n" for text in texts))
        sys.stdout.flush()

    def confirm(self, question: str, *, default: bool) -> bool:
        """Ask a question; no answer at all is a no."""
        answer = self._ask(f"? {harmless(question)} [{'Y/n' if default else 'y/N'}] ")
        if answer is None:
            return False
        return default if not answer else answer.lower() in ("y", "yes")

    def choose(self, question: str, names: Sequence[str]) -> str | None:
        """Ask which one; None where nobody answers, or with none of them."""
        if not self.answers:
            return None
        self._say("?", None, question)
        self.lines(*(f"{number}  {name}" for number, name in enumerate(names, start=1)))
        answer = self._ask(f"  1 to {len(names)}: ") or ""
        return names[int(answer) - 1] if answer.isdigit() and 1 <= int(answer) <= len(names) else None

    def _ask(self, prompt: str) -> str | None:
        sys.stdout.write(prompt)
        sys.stdout.flush()
        line = sys.stdin.readline()
        return line.strip() if line else None

    def _say(self, mark: str, colour: Colour | None, text: str) -> None:
        sys.stdout.write(f"{self._paint(mark, colour)} {harmless(text)}\n")
        sys.stdout.flush()
