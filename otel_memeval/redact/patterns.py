"""Forms of text that say that it is, or holds, a secret. The group ``secret`` is masked, else the complete match."""

from __future__ import annotations

import re

MASK = "***"

_START = r"(?<![A-Za-z0-9])"
"""Before a key: no letter and no digit, but an underscore is allowed, as in a name."""

_KEYWORD = (
    "password|passwd|passphrase|pwd|secret|token|signature|credential"
    "|(?:api|access|account|private|secret|signing|encryption|master)[_-]?key"
)

_SERVICE = "xapp|npm|pypi|whsec|dop_v1|gsk|nvapi|pplx|xai|tvly|lsv2_[ps]t|[sp]k-lf|sntrys|shpat|figd|ntn|r8"
"""Prefixes of keys of services; a digit distinguishes such a key from words with hyphens and underscores."""

_VALUE = r"(?P<secret>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\\?['\"]?[^\s'\",;)]+)"

PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # Parts of a URL: the password, and a user that is a key itself, as in a DSN of Sentry.
        r"://[^\s:/@]*:(?P<secret>[^\s/]+)@",
        r"://(?P<secret>(?=[^\s:/@]*\d|[^\s:/@]{20})[^\s:/@]{12,})(?::\*\*\*|:)?@",
        r"(?i)hooks\.slack\.com/\w+/(?P<secret>[\w/+-]+)",
        r"(?i)(?<=/webhooks/)(?P<secret>[\w/-]{16,})",
        r"(?i)webhook\.office\.com/(?P<secret>[^\s'\"]+)",
        # After a keyword: in a connection string, a header, a query, JSON or a dict.
        rf"(?i)(?:{_KEYWORD})\\?['\"]?\s*[=:]\s*{_VALUE}",
        rf"(?i)(?:(?<![a-z])sig|(?<!com)(?<!by)pass)['\"]?\s*=\s*{_VALUE}",
        r"(?i)\bauthorization['\"]?\s*[=:]\s*['\"]?(?:[\w-]+[ \t]+)?(?P<secret>[^\s'\",;]+)",
        r"(?i)\bcookie['\"]?\s*[=:]\s*['\"]?(?P<secret>(?:[^\s=;,'\"]+=[^\s;,'\"]*(?:;\s*)?)+|[^\s;,'\"]+)",
        r"(?i)\bbearer\s+(?P<secret>(?=[\w.~+/=-]*\d|[\w.~+/=-]{16})[\w.~+/=-]{6,})",
        r"(?i)\bbasic\s+(?P<secret>(?=[\w+/]*[\d=])[\w+/]{6,}=*)",
        # Keys by their form; services show their own with asterisks.
        rf"{_START}sk-(?=[\w-]{{0,200}}[\d*])[\w*-]{{6,}}",
        rf"{_START}(?:[spr]k_(?:live|test)|gh[oprsu]|github_pat|glpat|xox[abeprs]|hf)[-_][\w*-]{{6,}}",
        rf"{_START}(?:{_SERVICE})[-_](?=[\w-]{{0,200}}\d)[\w-]{{16,}}",
        rf"{_START}A(?:KIA|SIA|ROA)[0-9A-Z]{{16}}",
        rf"{_START}AIza[\w-]{{35}}",
        rf"{_START}(?:ya29|hvs|dp\.\w{{2}})\.[\w-]{{16,}}",
        rf"{_START}SG\.[\w-]{{16,}}\.[\w-]{{16,}}",
        rf"{_START}(?:SK|key-|dapi)[0-9a-f]{{32}}",
        rf"{_START}\d{{8,10}}:[\w-]{{35}}",
        rf"{_START}eyJ[\w-]{{8,}}(?:\.[\w-]*){{1,4}}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<secret>[^-]+)",
        r"(?m)^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+/]{60,76}={0,2}\r?$",
    )
)
"""Each takes a time that grows with the length of the text, not with its square."""


def masked_forms(text: str) -> str:
    """Return a text in which each match is masked."""
    for pattern in PATTERNS:
        text = pattern.sub(_masked, text)
    return text


def _masked(match: re.Match[str]) -> str:
    if "secret" not in match.re.groupindex:
        return MASK
    start, end = (place - match.start() for place in match.span("secret"))
    return f"{match[0][:start]}{MASK}{match[0][end:]}"


def secret_parts(text: str) -> list[str]:
    """Return the parts of a text that ``masked_forms`` would mask, without quotes around them."""
    return [
        match["secret" if "secret" in pattern.groupindex else 0].strip("'\"\\")
        for pattern in PATTERNS
        for match in pattern.finditer(text)
    ]
