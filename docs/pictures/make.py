#!/usr/bin/env python3
"""Makes the pictures of these pages anew: the summary on a terminal, and the HTML report. Needs the extra `docs`.

    python docs/pictures/make.py

The report is drawn by a Chromium, and left as it is where there is none. No picture holds an address or a font.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PLUGINS = {
    "rust": "fixtures/reference/rust",
    "tickets": "example_tests/tickets/plugin.wat",
}
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
COLUMNS, LARGEST = 100, 300_000
SIZE = "1100,1500"


def main() -> int:
    """Make both pictures, and give the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.html"
        (HERE / "terminal.svg").write_text(drawn(run_pytest(report)), "utf-8")
        made = [HERE / "terminal.svg", *photographed(report, HERE / "report.png", Path(folder))]
    for picture in made:
        size = picture.stat().st_size
        sys.stdout.write(f"wrote {picture.relative_to(ROOT)}, {size:,} bytes\n")
        if size > LARGEST:
            sys.stderr.write(f"error: {picture.name} has more than {LARGEST:,} bytes\n")
            return 1
    return 0


def run_pytest(report: Path) -> str:
    """Give what a run over two plugins, one of which is broken, prints as its summary, in colours."""
    given = [f"--mockforge-plugin={label}={ROOT / path}" for label, path in PLUGINS.items()]
    budgets = ["--mockforge-budget=authenticate: fuel<400k", "--mockforge-budget=p95<5ms"]
    command = [sys.executable, "-m", "pytest", "--color=yes", *given, *budgets, f"--mockforge-report={report}"]
    outside = ("PYTEST_", "GITHUB_", "CI", "NO_COLOR")
    words = {key: value for key, value in os.environ.items() if not key.startswith(outside)}
    words |= {"COLUMNS": str(COLUMNS), "PYTHONPATH": str(ROOT)}
    # In the folder of the report, where neither tests nor settings lie.
    done = subprocess.run(command, cwd=report.parent, env=words, capture_output=True, text=True, check=False)
    if done.returncode != 1:
        raise SystemExit(f"pytest ended with {done.returncode}, and one plugin is broken:\n{done.stdout}{done.stderr}")
    lines = done.stdout.splitlines()
    start = next(index for index, line in enumerate(lines) if re.search(r"=+ mockforge =+", line))
    # What follows names a folder that is gone by then.
    end = next(index for index, line in enumerate(lines) if line.startswith("mockforge report:"))
    return "\n".join(lines[start:end])


def drawn(text: str) -> str:
    """Draw a terminal."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(Text.from_ansi(text))
    svg = console.export_svg(title="pytest", font_aspect_ratio=0.61)
    # The fonts are addresses of somebody else's host; any font of one width does.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"<!-- .*? -->\s*", "", svg.replace("Fira Code, monospace", "monospace"))


def photographed(report: Path, picture: Path, folder: Path) -> list[Path]:
    """Have a browser draw the report."""
    browser = next((found for name in CHROMIUMS if (found := shutil.which(name))), None)
    if browser is None:
        sys.stderr.write(f"no Chromium is here, {picture.name} stays as it is\n")
        return []
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={SIZE}"]
    command += [f"--user-data-dir={folder / 'profile'}", f"--screenshot={picture}", report.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return [picture]


if __name__ == "__main__":
    sys.exit(main())
