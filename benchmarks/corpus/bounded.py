"""Caches and buffers that end somewhere, most of them not within the run."""

from __future__ import annotations

import fnmatch
import functools
import logging
import logging.handlers
import queue
import re
import urllib.parse
import weakref
from collections import OrderedDict, deque

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
    """Full after the first measured iteration."""
    _four(_number())


@bounded("_sixteen")
def lru_cache_of_16() -> None:
    """Full after thirteen measured iterations."""
    _sixteen(_number())


@bounded("_sixty_four")
def lru_cache_of_64() -> None:
    """Not full within the run."""
    _sixty_four(_number())


@bounded("_default")
def lru_cache_of_128() -> None:
    """The default size, two entries a time."""
    _default(_number())
    _default(-_calls)


class Client:
    """A cache on a method."""

    @functools.lru_cache(maxsize=256)  # noqa: B019 - bounded, if not pretty
    def embed(self, text: str) -> bytes:
        """Make a vector."""
        return text.encode() * 100


CLIENT = Client()


@bounded("Client.embed")
def lru_cache_of_method() -> None:
    """A bounded cache behind a class."""
    CLIENT.embed(f"text {_number()}")


@bounded("RING")
def ring_of_500() -> None:
    """A ring buffer that does not fill within the run."""
    RING.append(bytes(2_048))


@bounded("SHORT_RING")
def ring_of_8() -> None:
    """A ring buffer that fills."""
    SHORT_RING.append(bytes(2_048))


@bounded("RING")
def ring_of_objects() -> None:
    """What is in the ring are containers themselves."""
    RING.append({"role": "user", "content": [bytes(512)], "number": _number()})


LRU: OrderedDict[int, bytes] = OrderedDict()


@bounded("LRU")
def hand_written_lru_of_12() -> None:
    """The bound stands in the code alone; full after nine measured iterations."""
    LRU[_number()] = bytes(2_048)
    if len(LRU) > 12:
        LRU.popitem(last=False)


class BoundedCache(OrderedDict[int, bytes]):
    """Says how long it may become, as most caches do."""

    def __init__(self, maxsize: int) -> None:
        super().__init__()
        self.maxsize = maxsize

    def put(self, key: int, value: bytes) -> None:
        """Add one, and drop the oldest beyond ``maxsize``."""
        self[key] = value
        if len(self) > self.maxsize:
            self.popitem(last=False)


CACHE = BoundedCache(100)


@bounded("CACHE")
def cache_with_maxsize() -> None:
    """A dictionary of its own kind with an attribute ``maxsize``."""
    CACHE.put(_number(), bytes(2_048))


class Session:
    """Keeps its cache in an attribute, and the bound beside it."""

    def __init__(self) -> None:
        self.max_entries = 50
        self.entries: dict[int, bytes] = {}

    def remember(self, number: int) -> None:
        """Add one, and drop the oldest beyond ``max_entries``."""
        self.entries[number] = bytes(2_048)
        while len(self.entries) > self.max_entries:
            del self.entries[next(iter(self.entries))]


SESSION = Session()


@bounded("SESSION")
def cache_beside_max_entries() -> None:
    """The bound is an attribute of the object that holds the container."""
    SESSION.remember(_number())


INBOX: queue.Queue[bytes] = queue.Queue(maxsize=50)


@bounded("INBOX")
def queue_with_maxsize() -> None:
    """A queue that refuses more than fifty."""
    if not INBOX.full():
        INBOX.put(bytes(1_024))


@bounded("re._cache")
def compiled_patterns() -> None:
    """``re`` keeps at most 512 patterns."""
    re.compile(f"turn {_number()}: .*").match("turn 1: x")


@bounded()
def file_name_patterns() -> None:
    """``fnmatch`` keeps its patterns in an ``lru_cache``, and ``re`` in its own."""
    fnmatch.fnmatch("a.txt", f"*{_number()}.txt")


@bounded()
def split_addresses() -> None:
    """``urllib.parse`` remembers what it has split."""
    urllib.parse.urlsplit(f"http://host-{_number()}/path")


class Item:
    """Can be referred to weakly."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload


BY_NUMBER: weakref.WeakValueDictionary[int, Item] = weakref.WeakValueDictionary()


@bounded("RING")
def weak_values_of_a_ring() -> None:
    """A weak dictionary over what a bounded ring keeps: both fill."""
    item = Item(bytes(1_024))
    BY_NUMBER[_number()] = item
    RING.append(item)


class _Last(logging.Handler):
    """The last two hundred records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=200)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it for a while."""
        self.records.append(record)


LOG = logging.getLogger("bounded")


def _record_logs() -> None:
    LOG.propagate = False
    LOG.setLevel(logging.INFO)
    LOG.addHandler(_Last())


@bounded("LOG", setup=_record_logs)
def last_log_records() -> None:
    """Records are made in the standard library, the ring is ours."""
    LOG.info("turn %s", _number())


@functools.lru_cache(maxsize=100)
def _rare(number: int) -> bytes:
    return bytes(8_192 + number * 0)


@bounded("_rare")
def lru_cache_at_random() -> None:
    """Sometimes a new key, sometimes an old one."""
    _rare(_random.randrange(100_000) if _random.random() < 0.6 else 1)
