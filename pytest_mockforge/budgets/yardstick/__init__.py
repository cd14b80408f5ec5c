"""The yardstick: the Rust reference module, shipped so that `2x rust` holds on any machine.

It is measured on its own samples, which are those of every reference plugin. `plugin.wasm` is the very file of
`fixtures/reference/rust`; its source and how it is built stand there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mockforge.opening import Means
    from pytest_mockforge.subject import Subject

FOLDER = Path(__file__).parent
LANGUAGE = "rust"


def open_yardstick(means: Means) -> Subject:
    """Open the yardstick as any other plugin is; its label is `yardstick`. Close it after use."""
    from pytest_mockforge.opening import open_subject
    from pytest_mockforge.spec import parse_spec

    return open_subject(parse_spec(f"yardstick={FOLDER}", FOLDER), means)
