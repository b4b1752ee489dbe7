"""Scenarios that fill caches and buffers with a bound, most of them not within the run."""

from __future__ import annotations

import fnmatch
import functools
import logging
import logging.handlers
import queue
import re
import sqlite3
import tempfile
import urllib.parse
import weakref
from collections import OrderedDict, deque
from pathlib import Path

from benchmarks.corpus.ground import bounded, seeded

RING: deque[object] = deque(maxlen=500)
SHORT_RING: deque[bytes] = deque(maxlen=8)
_random = seeded()
_calls = 0


def _number() -> int:
    global _calls
    _calls += 1
    return _calls


@functools.lru_cache(maxsize=4)
def _four(number: int) -> bytes:
    return bytes(4_096 + number * 0)


@functools.lru_cache(maxsize=16)
def _sixteen(number: int) -> bytes:
    return bytes(4_096 + number * 0)


@functools.lru_cache(maxsize=64)
def _sixty_four(number: int) -> bytes:
    return bytes(4_096 + number * 0)


@functools.lru_cache
def _default(number: int) -> bytes:
    return bytes(1_024 + number * 0)


@bounded("_four")
def lru_cache_of_4() -> None:
    """Add to an ``lru_cache`` that is full after the first measured iteration."""
    _four(_number())


@bounded("_sixteen")
def lru_cache_of_16() -> None:
    """Add to an ``lru_cache`` that is full after thirteen measured iterations."""
    _sixteen(_number())


@bounded("_sixty_four")
def lru_cache_of_64() -> None:
    """Add to an ``lru_cache`` that is not full within the run."""
    _sixty_four(_number())


@bounded("_default")
def lru_cache_of_128() -> None:
    """Add two entries per iteration to an ``lru_cache`` of the default size."""
    _default(_number())
    _default(-_calls)


class Client:
    """A client with a bounded cache on a method."""

    @functools.lru_cache(maxsize=256)  # noqa: B019 - bounded, if not pretty
    def embed(self, text: str) -> bytes:
        """Return a vector."""
        return text.encode() * 100


CLIENT = Client()


@bounded("Client.embed")
def lru_cache_of_method() -> None:
    """Fill a bounded cache behind a class."""
    CLIENT.embed(f"text {_number()}")


@bounded("RING")
def ring_of_500() -> None:
    """Append to a ring buffer that is not full within the run."""
    RING.append(bytes(2_048))


@bounded("SHORT_RING")
def ring_of_8() -> None:
    """Append to a ring buffer that is soon full."""
    SHORT_RING.append(bytes(2_048))


@bounded("RING")
def ring_of_objects() -> None:
    """Append containers to a ring buffer."""
    RING.append({"role": "user", "content": [bytes(512)], "number": _number()})


LRU: OrderedDict[int, bytes] = OrderedDict()


@bounded("LRU")
def hand_written_lru_of_12() -> None:
    """Fill a cache with a bound that only the code has; full after nine measured iterations."""
    LRU[_number()] = bytes(2_048)
    if len(LRU) > 12:
        LRU.popitem(last=False)


class BoundedCache(OrderedDict[int, bytes]):
    """A cache with its bound in an attribute, as most caches have."""

    def __init__(self, maxsize: int) -> None:
        super().__init__()
        self.maxsize = maxsize

    def put(self, key: int, value: bytes) -> None:
        """Add an entry and drop the oldest beyond ``maxsize``."""
        self[key] = value
        if len(self) > self.maxsize:
            self.popitem(last=False)


CACHE = BoundedCache(100)


@bounded("CACHE")
def cache_with_maxsize() -> None:
    """Fill a subclass of ``dict`` with an attribute ``maxsize``."""
    CACHE.put(_number(), bytes(2_048))


class Session:
    """A session with a cache and its bound in attributes."""

    def __init__(self) -> None:
        self.max_entries = 50
        self.entries: dict[int, bytes] = {}

    def remember(self, number: int) -> None:
        """Add an entry and drop the oldest beyond ``max_entries``."""
        self.entries[number] = bytes(2_048)
        while len(self.entries) > self.max_entries:
            del self.entries[next(iter(self.entries))]


SESSION = Session()


@bounded("SESSION")
def cache_beside_max_entries() -> None:
    """Fill a cache with its bound in an attribute of the object that holds it."""
    SESSION.remember(_number())


INBOX: queue.Queue[bytes] = queue.Queue(maxsize=50)


@bounded("INBOX")
def queue_with_maxsize() -> None:
    """Put items into a queue that refuses more than fifty."""
    if not INBOX.full():
        INBOX.put(bytes(1_024))


@bounded("re._cache")
def compiled_patterns() -> None:
    """Compile new patterns: ``re`` keeps at most 512."""
    re.compile(f"turn {_number()}: .*").match("turn 1: x")


@bounded()
def file_name_patterns() -> None:
    """Match new patterns: ``fnmatch`` keeps them in an ``lru_cache``, and ``re`` in its own cache."""
    fnmatch.fnmatch("a.txt", f"*{_number()}.txt")


@bounded()
def split_addresses() -> None:
    """Split new addresses: ``urllib.parse`` caches a limited number."""
    urllib.parse.urlsplit(f"http://host-{_number()}/path")


class Item:
    """An object that allows weak references."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload


BY_NUMBER: weakref.WeakValueDictionary[int, Item] = weakref.WeakValueDictionary()


@bounded("RING")
def weak_values_of_a_ring() -> None:
    """Fill a weak dictionary with the items of a bounded ring buffer: both fill."""
    item = Item(bytes(1_024))
    BY_NUMBER[_number()] = item
    RING.append(item)


class _Last(logging.Handler):
    """A handler that keeps the last two hundred records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=200)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record."""
        self.records.append(record)


LOG = logging.getLogger("bounded")


def _record_logs() -> None:
    LOG.propagate = False
    LOG.setLevel(logging.INFO)
    LOG.addHandler(_Last())


@bounded("LOG", setup=_record_logs)
def last_log_records() -> None:
    """Log into a ring buffer: the standard library makes the records, the scenario keeps them."""
    LOG.info("turn %s", _number())


@functools.lru_cache(maxsize=100)
def _rare(number: int) -> bytes:
    return bytes(8_192 + number * 0)


@bounded("_rare")
def lru_cache_at_random() -> None:
    """Request a new or an old key at random."""
    _rare(_random.randrange(100_000) if _random.random() < 0.6 else 1)


MESSAGES: list[sqlite3.Connection] = []


def _fill_file() -> None:
    MESSAGES.append(sqlite3.connect(Path(tempfile.mkdtemp(), "messages.db")))
    MESSAGES[0].execute("create table messages (session integer primary key, body blob)")


@bounded(setup=_fill_file)
def sqlite_page_cache() -> None:
    """Add a page to a database: its cache fills up to ``PRAGMA cache_size`` (leak: ``leaks_native.sqlite_connections``)."""
    MESSAGES[0].execute("insert into messages (body) values (?)", (b"x" * 3600,))
    MESSAGES[0].commit()
