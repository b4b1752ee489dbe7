"""Keeps secrets out of everything that is reported. Pure: the secrets to look for are handed in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MASK = "***"

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH|COOKIE", re.IGNORECASE)
_SHORTEST_SECRET = 6

_PATTERNS = (
    # A password in a URL, or after a keyword.
    (re.compile(r"(\w+://[^\s:/@]*:)[^\s@/]+(@)"), rf"\1{MASK}\2"),
    (re.compile(r"(?i)\b(password|passwd|pwd|secret|token|api[_-]?key)(\s*[=:]\s*)['\"]?[^\s'\",;)]+"), rf"\1\2{MASK}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {MASK}"),
    # API keys by their form: sk-..., and what other services issue.
    (re.compile(r"\b(?:sk|pk|rk|ghp|gho|glpat|xox[abp])[-_][\w*-]{6,}"), MASK),
)


def secrets_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values of the variables whose names say that they are secret, longest first; those in URLs too."""
    found = {value for name, value in environment.items() if _SECRET_NAME.search(name)}
    for value in environment.values():
        found.update(match.group(1) for match in re.finditer(r"\w+://[^\s:/@]*:([^\s@/]+)@", value))
    return tuple(sorted((value for value in found if len(value) >= _SHORTEST_SECRET), key=len, reverse=True))


def redact(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every known secret, and everything that looks like one, masked."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    for pattern, masked in _PATTERNS:
        text = pattern.sub(masked, text)
    return text
