"""Mask secrets in text, and remove control characters that a terminal would obey. Pure: the caller names the secrets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

MASK = "***"

_SECRET_NAME = re.compile(
    r"KEY(?!BOARD|MAP)|TOKEN(?!IZ|S\b)|SECRET|PASSW|PASSPHRASE|(?:^|_)PASS(?:_|$)|(?:^|[._-])PWD\b|CREDENTIAL|COOKIE"
    r"|AUTH(?!OR(?!I[SZ])|_SOCK)",
    re.IGNORECASE,
)
"""Excluded: AUTHOR, TOKENIZERS_PARALLELISM, MAX_TOKENS, SSH_AUTH_SOCK."""

_COUNTED_TOKENS = re.compile(r"(?:gen_ai|llm)\.(?:usage\.)?token[._]")
"""Names of GenAI conventions whose tokens are counted, such as ``gen_ai.token.type``."""

_SHORTEST_SECRET = 6
"""Characters; masking shorter values everywhere would spoil reports."""
_SHORTEST_LINE = 16
"""Characters of a line that is masked by itself, if a secret has several lines."""

_PASSWORD_IN_URL = re.compile(r"(://[^\s:/@]*:)([^\s/]+)(@)")

_PATTERNS = (
    (_PASSWORD_IN_URL, rf"\1{MASK}\3"),
    # After a keyword: in a connection string, a header, a query, JSON or a dict.
    (
        re.compile(
            r"(?i)(password|passwd|pwd|secret|token|(?:api|access|private|secret)[_-]?key)(\\?['\"]?\s*[=:]\s*)"
            r"(?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\\?['\"]?[^\s'\",;)]+)"
        ),
        rf"\1\2{MASK}",
    ),
    (re.compile(r"(?i)\b(authorization['\"]?\s*[=:]\s*['\"]?\w+\s+)[^\s'\",;]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(bearer\s+)(?=[\w.~+/=-]*\d|[\w.~+/=-]{16})[\w.~+/=-]{6,}"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(basic\s+)(?=[\w+/]*[\d=])[\w+/]{6,}=*"), rf"\1{MASK}"),
    # API keys by their form; a digit, or a service's own asterisk, distinguishes them from words with a hyphen.
    (re.compile(r"\bsk-(?=[\w-]{0,200}[\d*])[\w*-]{6,}"), MASK),
    (re.compile(r"\b(?:[spr]k_(?:live|test)|gh[opsu]|github_pat|glpat|xox[abprs]|hf)[-_][\w*-]{6,}"), MASK),
    (re.compile(r"\b(?:AKIA[0-9A-Z]{16}|AIza[\w-]{35})"), MASK),
)

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)")
"""Sequences that colour text, move the cursor or set a title (ECMA-48, 5.4 and 5.6)."""

_NON_JOINER = "\u200c"
"""Stands between letters of Persian and other languages; it is shown although it is not printable."""

_JOINER = "\u200d"
"""Joins emoji. It is left out: Rich 15 raises ``StopIteration`` for a text or a folded line that ends with it."""


def secrets_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of variables whose names say that they are secret, and passwords in URLs; longest first.

    Each value is returned in all forms in which it is likely to appear: decoded from a URL, escaped, line by line.
    """
    found: set[str] = set()
    for name, value in environment.items():
        if name != "PWD" and names_a_secret(name):  # the shell's variable with the current folder
            found.update(_forms(value))
        if name.endswith("_HEADERS"):  # key=value,key=value as in OpenTelemetry
            for part in value.split(","):
                content = part.partition("=")[2]
                found.update(_forms(content))
                found.update(_forms(unquote(content).rpartition(" ")[2]))  # without "Bearer"
        for match in _PASSWORD_IN_URL.finditer(value):
            found.update(_forms(match.group(2)))
    return tuple(
        sorted((value for value in found if len(value) >= _SHORTEST_SECRET), key=lambda value: (-len(value), value))
    )


def names_a_secret(name: str) -> bool:
    """Return whether an environment variable or an attribute of this name holds a secret, such as ``db.password``."""
    return _SECRET_NAME.search(name) is not None and _COUNTED_TOKENS.match(name) is None


def _forms(secret: str) -> Iterator[str]:
    yield secret.strip()
    yield unquote(secret).strip()
    yield repr(secret.strip())[1:-1]
    for line in secret.splitlines():
        if len(line.strip()) >= _SHORTEST_LINE:
            yield line.strip()


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text in which known secrets, if longer than the mask, and texts that look like secrets are masked."""
    known = [secret for secret in secrets if len(secret) > len(MASK)]
    text = _without(text, known)
    for pattern, masked in _PATTERNS:
        text = pattern.sub(masked, text)
    return _without(text, known)


def _without(text: str, secrets: list[str]) -> str:
    # Repeated while secrets are found: a mask may complete a secret that contains asterisks itself.
    while found := [secret for secret in secrets if secret in text]:
        for secret in found:
            text = text.replace(secret, MASK)
    return text


def visible(text: str) -> str:
    r"""Return a text as a part of one line that a terminal shows and does not obey.

    Escape sequences, such as colours, are removed; other characters that cannot be printed (control characters, line ends,
    marks that turn the direction of writing, halves of characters) are written as in Python, such as ``\x07``.
    """
    if text.isprintable():
        return text
    return "".join(map(_visible, _ESCAPE_SEQUENCE.sub("", text).expandtabs()))


def _visible(character: str) -> str:
    if character.isprintable() or character == _NON_JOINER:
        return character
    if character == _JOINER:
        return ""
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode("ascii")


def shortened(text: str, most: int) -> str:
    """Return a text, cut to ``most`` characters with an ellipsis at the end if it is longer."""
    return text if len(text) <= most else text[: most - 1] + "…"


LONGEST_LINE_CHARACTERS = 300
"""Length of an error message in a report; longer ones are cut."""


def one_line(text: str, secrets: Iterable[str]) -> str:
    """Return an error message fit for a report: masked, on one line, printable characters only, not too long."""
    return shortened(visible(" ".join(redact(text, secrets).split())), LONGEST_LINE_CHARACTERS)
