"""Label values made of any text."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from otel_memeval.exporters.prometheus.labels import MOST_CHARACTERS, label_value

ANY_TEXT = st.text(st.characters(), max_size=300)  # halves of characters included


@given(ANY_TEXT)
@example("")
@example('"quoted"\\')
@example("a\nb\r\t\x00")
@example("\u202eright to left\u2066")
@example("\ud800")
@example("x" * 10_240)
@example("/" * 201)
def test_label_value_is_short_and_printable(text: str) -> None:
    """It has at most 200 printable characters, is valid UTF-8, and is its own label value."""
    label = label_value(text)
    assert len(label) <= MOST_CHARACTERS
    assert not re.search(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", label)
    assert label.encode().decode() == label
    assert label_value(label) == label


@given(ANY_TEXT, ANY_TEXT)
@example("x" * 300, "x" * 299 + "y")
@example("x" * 200, "x" * 201)
@example("\ud800" * 100, "\ud801" * 100)
def test_different_texts_have_different_label_values(first: str, second: str) -> None:
    """Shortening keeps them apart; only removed colour sequences may not."""
    if first != second and "\x1b" not in first + second and first.isprintable() and second.isprintable():
        assert label_value(first) != label_value(second)


def test_label_value_is_shortened_above_200_characters() -> None:
    """Of 201 characters the first 191 stay, followed by eight digits of a hash."""
    assert label_value("a" * 200) == "a" * 200
    assert re.fullmatch(r"a{191}~[0-9a-f]{8}", label_value("a" * 201))
