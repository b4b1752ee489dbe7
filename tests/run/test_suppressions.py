"""Rules for ignored growth: patterns, reasons, and where they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_memeval.analysis.suppression import SuppressedGrowth
from otel_memeval.config import for_measuring
from otel_memeval.errors import UsageError
from otel_memeval.records import Suppressed
from otel_memeval.run.suppressions import IgnoreRule, Suppressions, ignore_rules, suppressed_records

SITE = ("/src/app/cache.py", 31)


def suppressions(*rules: IgnoreRule) -> Suppressions:
    """Return the rules of a project below ``/src`` in which every line is in the function ``Cache.put``."""
    return Suppressions(rules, lambda file: file.removeprefix("/src/"), lambda _: "Cache.put")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("app/cache.py:31", True),
        ("app/cache.py:3", False),
        ("app/cache.py:310", False),
        ("app/cache.py:*", True),
        ("app/cache.py:Cache.put", True),
        ("app/cache.py:Cache.get", False),
        ("app/*:*", True),
        ("*.py:3?", True),
        ("*.py:3??", False),
        ("cache.py:31", False),
        ("app/cache.py", False),
        ("app/[a-z]ache.py:31", False),
    ],
)
def test_site_pattern_matches_line_or_function(pattern: str, matches: bool) -> None:
    """A pattern is compared with the whole text FILE:LINE or FILE:FUNCTION; only * and ? are wildcards."""
    rules = suppressions(IgnoreRule(site=pattern, reason="known"))
    assert bool(rules.ignored_sites([SITE], {})) == matches


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("app.CACHE", True),
        ("app.CACHE[*]", False),
        ("app.*", True),
        ("app", False),
        ("*", True),
    ],
)
def test_holder_pattern_matches_the_path(pattern: str, matches: bool) -> None:
    """A pattern is compared with the whole path of the container; a container without a path matches none."""
    rules = suppressions(IgnoreRule(holder=pattern, reason="known"))
    assert rules.holder_reason("app.CACHE") == ("known" if matches else None)
    assert rules.holder_reason("") is None


def test_brackets_of_a_path_are_not_wildcards() -> None:
    """The path of a container inside another one has brackets, which a pattern repeats."""
    rules = suppressions(IgnoreRule(holder="app.BY_USER[*]", reason="known"))
    assert rules.holder_reason("app.BY_USER[*]") == "known"
    assert rules.holder_reason("app.BY_USER*") is None


def test_site_of_a_library_is_ignored_with_all_of_its_callers() -> None:
    """A library's site is ignored if every caller is; with one caller that is not, it is judged."""
    library, other = ("/lib/json/decoder.py", 353), ("/src/app/other.py", 1)
    rules = suppressions(IgnoreRule(site="app/cache.py:31", reason="known"))
    ignored = rules.ignored_sites([library], {library: [SITE]})
    assert [(site.site, site.reason) for site in ignored.values()] == [(SITE, "known")]
    assert rules.ignored_sites([library], {library: [SITE, other]}) == {}


def test_first_matching_rule_gives_the_reason() -> None:
    """Rules are compared in order."""
    rules = suppressions(IgnoreRule(site="app/*:*", reason="first"), IgnoreRule(site="app/cache.py:31", reason="second"))
    assert rules.ignored_sites([SITE], {})[SITE].reason == "first"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"site": "a.py:1"}, "reason"),
        ({"reason": "known"}, "an entry is not complete"),
        ({"site": "a.py:1", "holder": "a.B", "reason": "known"}, "a.py:1 is not complete"),
        ({"site": "a.py:1", "reason": " "}, "a.py:1 is not complete"),
        ({"sites": "a.py:1", "reason": "known"}, "sites"),
        ("a.py:1", "Expected `object`"),
    ],
)
def test_incomplete_rule_is_an_error(entry: object, words: str) -> None:
    """A rule needs a reason and either a site or a holder; the error says where the rule stands."""
    with pytest.raises(UsageError, match=r"pyproject\.toml: ") as raised:
        ignore_rules([entry], "pyproject.toml")
    assert words in str(raised.value)


def test_records_name_site_or_path() -> None:
    """The result has the site as FILE:LINE, or the path of the container."""
    growth = [
        SuppressedGrowth(site=SITE, bytes_per_iteration=8.0, reason="known"),
        SuppressedGrowth(path="app.CACHE", bytes_per_iteration=9.0, reason="too"),
    ]
    assert suppressed_records(growth, lambda file: file.removeprefix("/src/")) == [
        Suppressed(site="app/cache.py:31", bytes_per_iteration=8.0, reason="known"),
        Suppressed(path="app.CACHE", bytes_per_iteration=9.0, reason="too"),
    ]


def test_nearest_pyproject_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules come from the nearest pyproject.toml from the current folder upwards, also if its table is missing."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    rule = '[tool.otel-memeval]\nignore = [{ holder = "m.X", reason = "known" }]\n'
    (tmp_path / "pyproject.toml").write_text(rule, encoding="utf-8")
    monkeypatch.chdir(inner)
    assert for_measuring().project.ignore == [{"holder": "m.X", "reason": "known"}]
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    assert for_measuring().project.ignore == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.otel-memeval]\nignore = 3\n", "Expected `array`"),
        ("[tool.otel-memeval]\nignores = []\n", "unknown field `ignores`"),
        ("[tool.otel-memeval\n", "line 1"),
    ],
)
def test_unusable_pyproject_is_an_error(text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the table ends the run before anything is measured, with the file and the place."""
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"pyproject\.toml") as raised:
        for_measuring()
    assert words in str(raised.value)
