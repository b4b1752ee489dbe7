"""Find the secrets of an environment, and list the forms in which each is likely to appear."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote

from otel_memeval.redact.patterns import secret_parts

_SECRET_NAME = re.compile(
    r"KEY(?!BOARD|MAP|WORD)|TOKEN(?!IZ|S\b)|SECRET|PASSW|PASSPHRASE|(?<!COM)(?<!BY)(?<!SUR)(?<!TRES)PASS(?![A-Z])"
    r"|(?<!OLD)PWD\b|CREDENTIAL|COOKIE|AUTH(?!OR(?!I[SZ])|_SOCK)|JWT|BEARER|MNEMONIC|WEBHOOK|SIGNATURE|CONN(?:ECTION)?_?STR"
    r"|(?:^|[._-])(?:DSN|SAS|OTP|PAT|PW)(?:$|[._-])",
    re.IGNORECASE,
)
"""Excluded: AUTHOR, TOKENIZERS_PARALLELISM, MAX_TOKENS, SSH_AUTH_SOCK, COMPASS, keywords."""

_COUNTED_TOKENS = re.compile(r"(?:gen_ai|llm)\.(?:usage\.)?token[._]")
"""Names of GenAI conventions whose tokens are counted, such as ``gen_ai.token.type``."""

_SHORTEST_SECRET = 6
"""Characters; masking shorter values everywhere would spoil reports."""
_SHORTEST_LINE = 16
"""Characters of a line that is masked by itself, if a secret has several lines."""


def secrets_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of variables whose names say that they are secret, and secret parts of all values; longest first.

    Each is returned in all its likely forms: decoded, escaped, percent-encoded, in base64, line by line.
    """
    found: set[str] = set()
    for name, value in environment.items():
        parts = secret_parts(value)
        if name != "PWD" and names_a_secret(name):  # the shell's variable with the current folder
            parts.append(value)
        if name.endswith("_HEADERS"):  # key=value,key=value as in OpenTelemetry
            contents = [part.partition("=")[2] for part in value.split(",")]
            parts += [*contents, *(unquote(content).rpartition(" ")[2] for content in contents)]  # without "Bearer"
        for part in parts:
            found.update(_forms(part))
    return longest_first(value for value in found if len(value) >= _SHORTEST_SECRET)


def longest_first(values: Iterable[str]) -> tuple[str, ...]:
    """Return each value once: masking a short one first could leave a part of a longer one."""
    return tuple(sorted(set(values), key=lambda value: (-len(value), value)))


def names_a_secret(name: str) -> bool:
    """Return whether an environment variable or an attribute of this name holds a secret, such as ``db.password``."""
    return _SECRET_NAME.search(name) is not None and _COUNTED_TOKENS.match(name) is None


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret, its decoded form, and its long lines, each in all encodings."""
    lines = [line.strip() for line in secret.splitlines()]
    texts = {secret.strip(), unquote(secret).strip(), *(line for line in lines if len(line) >= _SHORTEST_LINE)}
    for text in texts:
        if len(text) >= _SHORTEST_SECRET:
            yield from (text, repr(text)[1:-1], quote(text, safe="", errors="replace"), quote_plus(text, errors="replace"))
            in_json = json.dumps(text)[1:-1]
            yield from (in_json, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(in_json)[1:-1], html.escape(text))
            yield text.replace("\\", "\\\\").replace("'", "\\'")  # in the repr of a longer text
            yield from _encoded(text.encode("utf-8", "surrogateescape" if _is_from_bytes(text) else "replace"))


def _is_from_bytes(text: str) -> bool:
    """Return whether the text can be written as the bytes that it was read from."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _encoded(data: bytes) -> Iterator[str]:
    """Yield bytes in hexadecimal, and the characters of base64 that do not depend on the bytes before and after them."""
    yield from (data.hex(), data.hex().upper())
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(before) + data).decode("ascii")
            yield text[-(before * -8 // 6) : (before + len(data)) * 8 // 6]  # 6 bits in each character
    yield from (line for line in base64.encodebytes(data).decode("ascii").splitlines() if len(line) >= _SHORTEST_LINE)
