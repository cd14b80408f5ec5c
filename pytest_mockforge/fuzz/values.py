"""Border values mixed with everyday ones: text, tokens, headers, numbers, JSON. Knows nothing of requests.

Most values cost one draw, an index into a table, since drawing costs more than anything else here. Tables begin with
their simplest value, which is where shrinking ends; sizes are drawn as numbers, so they shrink to the exact border.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

from hypothesis import strategies as st

from pytest_mockforge.contract.json_reader import DEEPEST, I64_MIN, U64_MAX
from pytest_mockforge.fuzz import tables

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from pytest_mockforge.contract.json_text import Json

Drawn = TypeVar("Drawn")

U32_MAX = 2**32 - 1
LONGEST = tables.LONGEST


class Pool(Generic[Drawn]):
    """A table and what goes beyond it: for each hundred values of the table some hundred times `beyond` others."""

    def __init__(self, table: Iterable[Drawn], ways: Sequence[SearchStrategy[Drawn]], beyond: float) -> None:
        self._table = tuple(table)
        self._ways = tuple(ways)
        self.size = len(self._table) + (max(len(self._ways), round(len(self._table) * beyond)) if self._ways else 0)

    def at(self, index: int, draw: DrawFn) -> Drawn:
        """Give the value at an index below `size`, drawing what is not in the table."""
        if index < len(self._table):
            return self._table[index]
        return draw(self._ways[(index - len(self._table)) % len(self._ways)])

    def __repr__(self) -> str:
        # Hypothesis prints strategies, and warns of those that take more than 100 kB.
        return f"<{len(self._table)} values and {len(self._ways)} strategies>"


_POOLS: WeakKeyDictionary[object, Pool[object]] = WeakKeyDictionary()


@st.composite
def _drawn(draw: DrawFn, pool: Pool[Drawn], indices: SearchStrategy[int]) -> Drawn:
    return pool.at(draw(indices), draw)


def pick(table: Iterable[Drawn], *ways: SearchStrategy[Drawn], beyond: float = 0.4) -> SearchStrategy[Drawn]:
    """Draw from a table, and for each hundred times that, about a hundred times `beyond` from one of `ways`."""
    pool = Pool(table, ways, beyond)
    strategy = _drawn(pool, st.integers(0, pool.size - 1))
    _POOLS[strategy] = cast("Pool[object]", pool)
    return strategy


def pool_of(strategy: SearchStrategy[object]) -> Pool[object]:
    """Give what `pick` made a strategy of, so that several can share one index; of another, a pool of it alone."""
    return _POOLS.get(strategy) or Pool((), (strategy,), 1)


# --- text -------------------------------------------------------------------------------------------------------------


def plain_text(alphabet: str | None = None, *, min_size: int = 0, max_size: int) -> SearchStrategy[str]:
    """Text by Hypothesis alone, ready to be drawn.

    Where Hypothesis never ran before, it makes a table of Unicode first. That takes seconds, which it counts as slow
    drawing, by its own health check, unless they are over by then.
    """
    strategy = st.text(
        st.characters(codec="utf-8") if alphabet is None else alphabet, min_size=min_size, max_size=max_size
    )
    strategy.validate()
    return strategy


@cache
def texts(*, longest: int = LONGEST) -> SearchStrategy[str]:
    """Text as people and attackers write it, the empty one first: up to `longest` characters, no lone surrogate."""
    short = plain_text(max_size=min(longest, 24))
    # Long text is dear to all who read it, so it is one text in twenty.
    ways = [short] * 5 + [_repeated(longest)] if longest > 24 else [short]
    return pick([text for text in tables.TEXTS if len(text) <= longest], *ways)


def _repeated(longest: int) -> SearchStrategy[str]:
    """One unit many times, up to a length that shrinks to the one that matters."""
    lengths = sizes(min(longest, LONGEST), tables.LENGTHS)
    return st.builds(lambda unit, length: (unit * length)[:length], pick(tables.UNITS), lengths)


def sizes(largest: int, likely: Iterable[int]) -> SearchStrategy[int]:
    """Give sizes up to `largest`, most of them `likely` ones; all shrink to the exact size that matters."""
    return _around(0, largest, likely)


def _around(minimum: int, maximum: int, borders: Iterable[int]) -> SearchStrategy[int]:
    # Each branch draws an integer, which the first one takes over in shrinking: a table would end at its own entries.
    anywhere = st.integers(minimum, maximum)
    ranges = [(max(minimum, border - 1), min(maximum, border)) for border in borders]
    return st.one_of([anywhere, anywhere, *(st.integers(low, high) for low, high in ranges if low <= high)])


@cache
def tokens() -> SearchStrategy[str]:
    """Bearer tokens and API keys: plausible, broken, JWT-like, and any text."""
    return pick(tables.TOKENS, plain_text(max_size=32), texts())


@cache
def names() -> SearchStrategy[str]:
    """Keys of objects and names of variables."""
    return pick(tables.NAMES, plain_text(max_size=8))


@cache
def header_values() -> SearchStrategy[str]:
    """Values of HTTP headers as a host can hold them: visible ASCII, blanks and tabs."""
    return pick(tables.HEADER_VALUES, plain_text(_VISIBLE, max_size=24).map(str.strip))


@cache
def header_names() -> SearchStrategy[str]:
    """Names of HTTP headers in lower case, in which a host writes them."""
    return pick(tables.HEADER_NAMES, plain_text(_TOKEN, min_size=1, max_size=12))


_VISIBLE = string.ascii_letters + string.digits + string.punctuation + " \t"
_TOKEN = string.ascii_lowercase + string.digits + "-_.!~"


@cache
def methods() -> SearchStrategy[str]:
    """HTTP methods, extension methods among them."""
    return pick(tables.METHODS)


@cache
def paths() -> SearchStrategy[str]:
    """Paths as text, not yet percent-encoded; each begins with a slash or is `*`."""
    return pick(tables.PATHS, texts().map(lambda text: "/" + text.replace("?", "")))


@cache
def client_addresses() -> SearchStrategy[str | None]:
    """Values of `client_ip`: none, addresses, proxy chains, and what else a client may put into such a header."""
    return pick((None, *tables.ADDRESSES), header_values())


@cache
def user_agents() -> SearchStrategy[str | None]:
    """Values of `user_agent`."""
    return pick((None, *tables.AGENTS), header_values())


@cache
def queries() -> SearchStrategy[str]:
    """Statements in SQL, good, broken and hostile, and other text."""
    return pick(tables.QUERIES, texts())


@cache
def timestamps() -> SearchStrategy[str]:
    """Moments as the host writes them: UTC, `Z`, a fraction of 0, 3, 6 or 9 digits (contract 1.2)."""
    return pick(tables.TIMESTAMPS)


@cache
def bodies() -> SearchStrategy[bytes]:
    """Bodies of requests and responses."""
    return pick(tables.BODIES, st.binary(max_size=48))


# --- numbers ----------------------------------------------------------------------------------------------------------


@cache
def integers(minimum: int = I64_MIN, maximum: int = U64_MAX) -> SearchStrategy[int]:
    """Integers that JSON carries exactly; those just below and at the borders of 8 to 64 bits are likely."""
    return _around(minimum, maximum, tables.BORDERS)


@cache
def floats() -> SearchStrategy[float]:
    """Finite floats; minus zero, denormals and the largest are likely."""
    return pick(tables.FLOATS, st.floats(allow_nan=False, allow_infinity=False))


# --- JSON -------------------------------------------------------------------------------------------------------------


@cache
def scalars() -> SearchStrategy[Json]:
    """What JSON holds outside arrays and objects; null first."""
    return pick(_SCALARS, integers(), floats(), texts(), beyond=0.4)


_SCALARS: tuple[Json, ...] = (
    *(None, False, True, 0, 1, -1, 0.0, -0.0, 1.5, 1e308, 2**31, 2**32, 2**53, 2**53 + 1, 2**63, U64_MAX, I64_MIN),
    *("", "a", "0", "null", "🎸", "\0", "e\u0301", "שלום", "2026-01-02T03:04:05Z"),
)


@cache
def json_values(*, deepest: int = DEEPEST) -> SearchStrategy[Json]:
    """Any JSON: scalars, small structures, wide ones, and up to `deepest` levels of nesting; null first."""
    if deepest < 4:
        return scalars()
    leaf = scalars()
    small = st.builds(lambda shape, one, other: shape(one, other), pick(_SHAPES), leaf, leaf)
    lists = st.lists(leaf, max_size=3)
    large = st.builds(lambda shape, width: shape(width), pick(_WIDE), sizes(1025, (255, 256, 1000, 1024, 1025)))
    structures = (small, small, small, lists, st.dictionaries(names(), leaf, max_size=2), _deep(deepest), large)
    return pick(_SCALARS, integers(), floats(), texts(), texts(), *structures, beyond=1)


@cache
def json_objects(*, deepest: int = DEEPEST) -> SearchStrategy[dict[str, Json]]:
    """JSON objects of up to three keys, which nest up to `deepest` levels, themselves included."""
    return st.dictionaries(names(), json_values(deepest=deepest - 1), max_size=3)


#: A shape costs one draw, where a recursive strategy costs several for each of its brackets.
_SHAPES: tuple[Callable[[Json, Json], Json], ...] = (
    lambda _one, _other: [],
    lambda _one, _other: {},
    lambda one, _other: [one],
    lambda one, other: [one, other],
    lambda one, _other: {"a": one},
    lambda one, other: {"a": one, "b": other},
    lambda one, other: {"id": one, "name": other, "tags": []},
    lambda one, other: [one, [other, []], {}],
    lambda one, other: {"a": {"b": [one, {"c": other}]}},
    lambda one, other: [{"id": one}, {"id": other}],
    lambda one, other: [one] * 3 + [other],
    lambda one, other: {"": one, "\0": other, "__proto__": {}},
    lambda one, other: [None, one, "", other, [None]],
    lambda one, other: {"A": one, "a": other, "é": None, "e\u0301": None},
)


def _deep(deepest: int) -> SearchStrategy[Json]:
    ways = (_nested_arrays, _nested_objects, _nested_both)
    depths = sizes(deepest, (1, 2, 64, deepest - 1, deepest)).map(lambda depth: max(1, depth))
    return st.builds(lambda way, depth: way(depth), pick(ways), depths)


def _nested_arrays(depth: int) -> Json:
    value: Json = []
    for _ in range(depth - 1):
        value = [value]
    return value


def _nested_objects(depth: int) -> Json:
    value: Json = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def _nested_both(depth: int) -> Json:
    value: Json = []
    for level in range(depth - 1):
        value = {"": value} if level % 2 else [value]
    return value


def _wide_array(width: int) -> Json:
    return list(range(width))


def _wide_object(width: int) -> Json:
    return {f"k{index}": index for index in range(width)}


def _wide_rows(width: int) -> Json:
    return [{"a": index} for index in range(width // 4)]


_WIDE = (_wide_array, _wide_object, _wide_rows)
