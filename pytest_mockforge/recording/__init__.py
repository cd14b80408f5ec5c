"""The calls of a run as JSON lines: written down, read again, replayed, made into samples. Knows nothing of pytest."""
