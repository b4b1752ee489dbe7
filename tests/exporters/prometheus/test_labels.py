"""Any text becomes a label value that every Prometheus program takes."""

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
def test_a_label_is_short_visible_utf8(text: str) -> None:
    """At most 200 characters, each printable, encodable; and what is a label already stays as it is."""
    label = label_value(text)
    assert len(label) <= MOST_CHARACTERS
    assert not re.search(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", label)
    assert label.encode().decode() == label
    assert label_value(label) == label


@given(ANY_TEXT, ANY_TEXT)
@example("x" * 300, "x" * 299 + "y")
@example("x" * 200, "x" * 201)
@example("\ud800" * 100, "\ud801" * 100)
def test_different_texts_stay_different(one: str, other: str) -> None:
    """Cutting does not make two labels one (colours, which are taken out, aside)."""
    if one != other and "\x1b" not in one + other and one.isprintable() and other.isprintable():
        assert label_value(one) != label_value(other)


def test_both_sides_of_the_limit() -> None:
    """200 characters stay; of 201 the first 191 do, with eight digits of a hash."""
    assert label_value("a" * 200) == "a" * 200
    assert re.fullmatch(r"a{191}~[0-9a-f]{8}", label_value("a" * 201))
