"""Whether Ctrl-C was pressed, also while the main thread is inside of a guest, where Python cannot act on it.

Python's own handler runs once the guest has ended, and does what it always does. Must not know engines or guests.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading


class CtrlC:
    """Counts how often SIGINT arrived since the main thread first asked to be told. POSIX only: elsewhere it is 0."""

    def __init__(self) -> None:
        self._count = 0
        self._pipe: tuple[int, int] | None = None

    def listen(self) -> None:
        """Have Python write down each signal from now on; only the main thread can, others change nothing.

        Whoever already has this place keeps it, and trio, which warns of others, gets it.
        """
        if os.name != "posix" or "trio" in sys.modules or threading.current_thread() is not threading.main_thread():
            return
        if self._pipe is None:
            self._pipe = os.pipe()
            for end in self._pipe:
                os.set_blocking(end, False)
            # A child has the pipe too, and would tell its parent of its own signals.
            os.register_at_fork(after_in_child=self._leave)
        _, told = self._pipe
        other = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        if other not in (-1, told):
            signal.set_wakeup_fd(other)
        self.count()

    def count(self) -> int:
        """Give how often it was pressed so far; any thread may ask."""
        if self._pipe is not None:
            with contextlib.suppress(BlockingIOError):
                self._count += os.read(self._pipe[0], 4096).count(signal.SIGINT)
        return self._count

    def _leave(self) -> None:
        with contextlib.suppress(ValueError):
            signal.set_wakeup_fd(-1)
        self._pipe = None


CTRL_C = CtrlC()
"""The one of this process, as there is one place for it in a process."""
