"""Forms of text that say that it is, or holds, a secret. The group ``secret`` is masked, else the complete match."""

from __future__ import annotations

import re
from collections.abc import Iterator

MASK = "***"

_START = r"(?<![A-Za-z0-9])"
"""Before a key: no letter and no digit, but an underscore is allowed, as in a name."""

_KEYWORD = (
    "password|passwd|passphrase|pwd|secret|token|signature|credential"
    "|(?:api|access|account|private|secret|signing|encryption|master)[_-]?key"
)

_SERVICE = "xapp|npm|pypi|whsec|dop_v1|gsk|nvapi|pplx|xai|tvly|lsv2_[ps]t|[sp]k-lf|sntrys|shpat|figd|ntn|r8"
"""Prefixes of keys of services; a digit distinguishes such a key from words with hyphens and underscores."""

_QUOTE = r"(?:\\*['\"]|&(?:quot|#39|#x27|#34);)?"
_VALUE = rf"(?P<secret>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|{_QUOTE}[^\s'\",;)]+)"

_FORMS = (
    # Parts of a URL: the password, and a user that is a key itself, as in a DSN of Sentry.
    ("://", r"://[^\s:/@]*:(?P<secret>[^\s/]+)@"),
    ("://", r"://(?P<secret>(?=[^\s:/@]*\d|[^\s:/@]{20})[^\s:/@]{12,})(?::\*\*\*|:)?@"),
    ("hooks.slack.com", r"(?i)hooks\.slack\.com/\w+/(?P<secret>[\w/+-]+)"),
    ("/webhooks/", r"(?i)(?<=/webhooks/)(?P<secret>[\w/-]{16,})"),
    ("webhook.office.com", r"(?i)webhook\.office\.com/(?P<secret>[^\s'\"]+)"),
    # After a keyword: in a connection string, a header, a query, JSON or a dict.
    ("pass pwd secret token signature credential key", rf"(?i)(?:{_KEYWORD}){_QUOTE}\s*[=:]\s*{_VALUE}"),
    ("sig pass", rf"(?i)(?:(?<![a-z])sig|(?<!com)(?<!by)pass)['\"]?\s*=\s*{_VALUE}"),
    (
        "authorization",
        r"(?i)(?<![a-z])authorization['\"]?\s*[=:]\s*['\"]?(?:[\w-]+[ \t]+)?(?P<secret>[^\s'\",;]+)",
    ),
    (
        "cookie",
        r"(?i)(?<![a-z])cookie['\"]?\s*[=:]\s*['\"]?(?P<secret>(?:[^\s=;,'\"]+=[^\s;,'\"]*(?:;\s*)?)+|[^\s;,'\"]+)",
    ),
    ("bearer", r"(?i)(?<![a-z])bearer\s+(?P<secret>(?=[\w.~+/=-]*\d|[\w.~+/=-]{16})[\w.~+/=-]{6,})"),
    ("basic", r"(?i)(?<![a-z])basic\s+(?P<secret>(?=[\w+/]*[\d=])[\w+/]{6,}=*)"),
    # Keys by their form; services show their own with asterisks.
    ("sk-", rf"{_START}sk-(?=[\w-]{{0,200}}[\d*])[\w*-]{{6,}}"),
    (
        "live test gh glpat xox",
        rf"{_START}(?:[spr]k_(?:live|test)|gh[oprsu]|github_pat|glpat|xox[abeprs])[-_][\w*-]{{6,}}",
    ),
    ("- _", rf"{_START}(?:{_SERVICE})[-_](?=[\w-]{{0,200}}\d)[\w-]{{16,}}"),
    # Longer ones are keys within a word, too, such as the name of a type.
    ("sk-", r"sk-(?:(?:proj|ant|svcacct|admin|or)-[\w-]{6,}|(?=[A-Za-z]{0,200}\d)[A-Za-z0-9]{20,})"),
    (
        "- _",
        r"(?:gh[oprsu]_|github_pat_|glpat-|xox[abeprs]-|npm_|pypi-|hf_|[spr]k_(?:live|test)_)(?=[\w-]{0,200}\d)[\w-]{16,}",
    ),
    ("akia asia aroa aiza", r"A(?:KIA|SIA|ROA)[0-9A-Z]{12,}|AIza[\w-]{30,}"),
    ("ya29 sg. hvs. dp.", rf"ya29\.[\w-]{{16,}}|SG\.[\w-]{{16,}}\.[\w-]{{16,}}|{_START}(?:hvs|dp\.\w\w)\.[\w-]{{16,}}"),
    ("sk key- dapi", rf"{_START}(?:SK|key-|dapi)[0-9a-f]{{32}}"),
    (":", rf"{_START}\d{{8,10}}:[\w-]{{30,}}"),
    ("eyj", rf"{_START}eyJ[\w-]{{8,}}(?:\.[\w-]*){{1,4}}|eyJ[\w-]{{8,500}}\.eyJ[\w-]{{4,}}(?:\.[\w-]*){{0,3}}"),
    ("-----begin", r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<secret>[^-]+)"),
)
"""Words of which a text has at least one, in lower case, and the form; a text without the words need not be searched."""

_LINE_OF_A_KEY = re.compile(r"(?m)^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+/]{60,76}={0,2}\r?$")
_SHORTEST_LINE_OF_A_KEY = 60

_COMPILED = tuple((tuple(words.split()), re.compile(form)) for words, form in _FORMS)
"""Each takes a time that grows with the length of the text, not with its square."""


def _patterns(text: str) -> Iterator[re.Pattern[str]]:
    """Yield the patterns that may match in a text."""
    lower = text.lower()
    for words, pattern in _COMPILED:
        for word in words:
            if word in lower:
                yield pattern
                break
    if len(text) >= _SHORTEST_LINE_OF_A_KEY:
        yield _LINE_OF_A_KEY


def masked_forms(text: str) -> str:
    """Return a text in which each match is masked."""
    for pattern in _patterns(text):
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
        for pattern in _patterns(text)
        for match in pattern.finditer(text)
    ]
