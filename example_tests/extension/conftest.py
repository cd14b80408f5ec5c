"""Leaves the tests beside it out where the extension is not in use: in this folder, `python -m pytest -p acme`."""

import sys

collect_ignore = [] if "acme" in sys.modules else ["test_acme.py"]
