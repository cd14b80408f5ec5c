"""How Sphinx builds these pages: `python -m sphinx -W -b html docs build`, with the extra `docs`.

Nothing is fetched: neither while building nor by who reads the result.
"""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extension"))

project = "pytest-mockforge"
release = version = version_of("pytest-mockforge")
extensions = ["myst_parser", "generated_pages"]
exclude_patterns = ["extension", "looks"]
nitpicky = True
# `--option` is no dash.
smartquotes = False

# Anchors as GitHub makes them, so that links hold in both places.
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_block"]

html_theme = "furo"
html_title = "pytest-mockforge"
templates_path = ["looks/templates"]
html_static_path = ["looks/static"]
html_css_files = ["tables.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "monokai"
