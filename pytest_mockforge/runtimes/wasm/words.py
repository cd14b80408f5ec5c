"""Where words stand in a module by which its language is told; of a large one the cache of compiled modules knows it.

What is kept there goes by the digest of the module's bytes. Knows neither the words nor what they say.
"""

from __future__ import annotations

import json

from pytest_mockforge.runtimes.wasm.cache import WORTH_NOTING, CompileCache


class Words:
    """The first places of words in one module; each is looked for at most once."""

    def __init__(self, data: bytes, cache: CompileCache | None) -> None:
        self._data = data
        self._cache = cache if len(data) >= WORTH_NOTING else None
        self._places = {} if self._cache is None else _read(self._cache.recall(data), data)
        self._known = len(self._places)

    def find(self, word: bytes) -> int:
        """Give the first place of `word` in the module, or -1, as `bytes.find` does."""
        place = self._places.get(word)
        if place is None:
            place = self._places[word] = self._data.find(word)
        return place

    def keep(self) -> None:
        """Remember what had to be looked for."""
        if self._cache is not None and len(self._places) > self._known:
            self._cache.remember(self._data, _written(self._places))
            self._known = len(self._places)


def _written(places: dict[bytes, int]) -> bytes:
    return json.dumps({word.hex(): place for word, place in places.items()}).encode()


def _read(content: bytes | None, data: bytes) -> dict[bytes, int]:
    """Read what `_written` gave; nothing where it cannot be of this module."""
    try:
        told = {bytes.fromhex(word): int(place) for word, place in json.loads(content or b"{}").items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {word: place for word, place in told.items() if place == -1 or data.startswith(word, max(place, 0))}
