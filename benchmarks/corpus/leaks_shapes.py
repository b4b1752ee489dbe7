"""Leaks that are hard to see: rare, late, under noise, beside memory that comes and goes."""

from __future__ import annotations

import functools

from benchmarks.corpus.ground import leak, seeded

KEPT: list[object] = []
SLOTS: list[bytes] = [b""] * 50
BUFFER: list[bytes] = []
TEXT = ""
BYTES = bytearray()
_random = seeded()
_calls = 0


def _count() -> int:
    global _calls
    _calls += 1
    return _calls


@leak(1_066, "KEPT", tolerance=0.1)
def every_third() -> None:
    """Leak 3 KiB on each third iteration."""
    if _count() % 3 == 0:
        KEPT.append(bytes(3 * 1_024))  # <- leak


@leak(419, "KEPT", tolerance=0.2)
def every_fifth() -> None:
    """Leak 2 KiB on each fifth iteration."""
    if _count() % 5 == 0:
        KEPT.append(bytes(2 * 1_024))  # <- leak


@leak(None, "KEPT")
def every_other_by_chance() -> None:
    """Leak in half of the iterations, at random."""
    if _random.random() < 0.5:
        KEPT.append(bytes(1_024))  # <- leak


@leak(553, "KEPT")
def begins_late() -> None:
    """Leak from the sixth measured iteration on."""
    if _count() > 8:
        KEPT.append(bytes(512))  # <- leak


@leak(4_137, "KEPT")
def begins_in_the_middle() -> None:
    """Leak from the middle of the run on."""
    if _count() > 13:
        KEPT.append(bytes(4_096))  # <- leak


@leak(553, "KEPT")
def under_churn() -> None:
    """Leak beside fifty slots that are filled anew with up to 4 KiB each, in random order."""
    for _ in range(20):
        SLOTS[_random.randrange(50)] = bytes(_random.randint(1, 4_096))
    KEPT.append(bytes(512))  # <- leak


@leak(1_066, "KEPT")
def under_large_noise() -> None:
    """Leak beside a slot of up to 2 MiB that comes and goes."""
    SLOTS[0] = bytes(_random.randint(1, 2_097_152))
    KEPT.append(bytes(1_024))  # <- leak


@leak(299, "KEPT")
def beside_sawtooth() -> None:
    """Leak beside a buffer that is flushed on each fifth iteration."""
    BUFFER.append(bytes(20_000))
    if _count() % 5 == 0:
        BUFFER.clear()
    KEPT.append(bytes(256))  # <- leak


@leak(553, "KEPT")
def behind_warm_up() -> None:
    """Leak 512 bytes in each iteration behind 5 MiB in the first call."""
    if _count() == 1:
        SLOTS[0] = bytes(5_242_880)
    KEPT.append(bytes(512))  # <- leak


@leak(1_066, "KEPT")
def behind_long_warm_up() -> None:
    """Leak 1 KiB in each iteration beside a pool that fills until the eighth measured iteration."""
    if _count() < 12:
        SLOTS[_calls] = bytes(65_536)
    KEPT.append(bytes(1_024))  # <- leak


@leak(None)
def growing_string() -> None:
    """Extend a string by 200 characters."""
    global TEXT
    TEXT += "x" * 200  # <- leak


@leak(None)
def growing_buffer() -> None:
    """Extend a bytearray that is over-allocated: it grows in steps."""
    BYTES.extend(b"x" * 512)  # <- leak


@functools.lru_cache(maxsize=64)
def _page(number: int) -> bytes:
    return bytes(8_192 + number - number)


@leak(297, "KEPT")
def beside_bounded_cache() -> None:
    """Leak 256 bytes beside a bounded cache that still fills with entries of 8 KiB."""
    _page(_count())
    KEPT.append(bytes(256))  # <- leak


@leak(None, "KEPT")
def grows_faster() -> None:
    """Leak more in each iteration than in the one before."""
    KEPT.append(bytes(256 * _count()))  # <- leak


@leak(1_035, "KEPT", tolerance=0.2)
def with_partial_release() -> None:
    """Keep four blocks, then free three of them."""
    KEPT.append(bytes(4_096))  # <- leak
    if _count() % 4 == 0:
        del KEPT[-3:]


@leak(1_066, "KEPT")
def same_line_as_noise() -> None:
    """Leak on the line that also makes noise."""
    for place in (0, 1, 2, 3):
        block = bytes(1_024 if place == 3 else _random.randint(1, 20_000))  # <- leak
        if place == 3:
            KEPT.append(block)
        else:
            SLOTS[place] = block
