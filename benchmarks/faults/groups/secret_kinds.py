"""Kinds of secrets: how a scenario comes to know one, how it writes it, and the characters that must appear nowhere."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from urllib.parse import quote, quote_plus

_WORD = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Secret:
    """One secret. ``text`` is written by the scenario; ``hidden`` must appear in no output, in no form."""

    text: str
    hidden: str
    environment: Mapping[str, str] = field(default_factory=dict)


def needles(hidden: str) -> set[str]:
    """Return the forms of a secret that are searched for: as it is, line by line, escaped, percent-encoded, in base64."""
    parts = [hidden, *(line for line in hidden.splitlines() if len(line) >= 16)]
    found: set[str] = set()
    for part in parts:
        found |= {part, repr(part)[1:-1], quote(part, safe=""), quote(part), quote_plus(part)}
        data = part.encode()
        found.add(data.hex())
        for offset in range(3):
            for encoded in (base64.b64encode, base64.urlsafe_b64encode):
                text = encoded(b"x" * offset + data).decode().rstrip("=")
                core = text[(0, 2, 3)[offset] : len(text) - bool((offset + len(data)) % 3)]
                if len(core) >= 12:
                    found.add(core)
    return found


def _word(random: Random, length: int, alphabet: str = _WORD) -> str:
    end = random.choice("abc") + random.choice("XYZ") + random.choice("123")
    return "".join(random.choices(alphabet, k=length - 3)) + end


def _base64(random: Random, size: int) -> str:
    return base64.b64encode(random.randbytes(size)).decode()


def _url64(random: Random, size: int) -> str:
    return base64.urlsafe_b64encode(random.randbytes(size)).decode().rstrip("=")


def _variable(name: str, value: Callable[[Random], str], text: Callable[[str], str] = str) -> Callable[[Random], Secret]:
    """Return a maker of the value of a variable; ``text`` changes it as the scenario writes it."""

    def make(random: Random) -> Secret:
        hidden = value(random)
        return Secret(text(hidden), hidden, {name: hidden})

    return make


def _inside(name: str, value: str, hidden_text: str = "{}") -> Callable[[Random], Secret]:
    """Return a maker of a part of a variable's value, which the scenario writes alone."""

    def make(random: Random) -> Secret:
        hidden = _word(random, 24)
        return Secret(hidden_text.format(hidden), hidden, {name: value.format(quote(hidden))})

    return make


def _form(value: Callable[[Random], str], text: str = "{}") -> Callable[[Random], Secret]:
    """Return a maker of a secret that no variable has: only its form, or the words around it, show that it is one."""

    def make(random: Random) -> Secret:
        hidden = value(random)
        return Secret(text.format(hidden), hidden)

    return make


def _to_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _aws_key(random: Random) -> str:
    return "AKIA" + "".join(random.choices(string.ascii_uppercase + string.digits, k=16))


def _several_lines(random: Random) -> str:
    lines = [_base64(random, 48) for _ in range(4)]
    return "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""])


def _pem(random: Random) -> Secret:
    body = "\n".join(_base64(random, 48) for _ in range(4))
    return Secret(f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----", body)


def _jwt(random: Random) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(f'{{"sub":"{_word(random, 12)}"}}'.encode()).decode().rstrip("=")
    return f"{head}.{body}.{_url64(random, 32)}"


def _symbols(random: Random) -> str:
    return f"p@{_word(random, 8)} w/%41\"'<&>\\{_word(random, 6)}"


def _with(prefix: str, length: int, alphabet: str = _WORD) -> Callable[[Random], str]:
    return lambda random: prefix + _word(random, length, alphabet)


_HEX = "0123456789abcdef"

KINDS: Mapping[str, Callable[[Random], Secret]] = {
    "value of a key's variable": _variable("OPENAI_API_KEY", lambda random: _word(random, 32)),
    "value of DBPASS": _variable("DBPASS", lambda random: _word(random, 12)),
    "value of a variable in camel case": _variable("dbPassword", lambda random: _word(random, 12)),
    "password with quotes, spaces and slashes": _variable("DB_PASSWORD", _symbols),
    "password with letters of other languages": _variable("DB_PASSWORD", lambda random: f"пароль-ü{_word(random, 8)}"),
    "percent-encoded password": _variable("DB_PASSWORD", _symbols, lambda value: quote(value, safe="")),
    "key in base64": _variable("SERVICE_KEY", lambda random: _word(random, 24), _to_base64),
    "user and password in base64": _variable(
        "DB_PASSWORD", lambda random: _word(random, 16), lambda value: _to_base64(f"me:{value}")
    ),
    "key in hexadecimal": _variable("SERVICE_KEY", lambda random: _word(random, 16), lambda v: v.encode().hex()),
    "key of several lines": _variable("TLS_KEY", _several_lines),
    "password of a URL in a variable": _inside("DATABASE_URL", "postgresql://me:{}@db/x"),
    "header of the receiver": _inside("OTEL_EXPORTER_OTLP_HEADERS", "x-token=Bearer%20{}"),
    "account key inside a variable": _inside("STORAGE", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={}"),
    "token inside JSON in a variable": _inside("APP_CONFIG", '{{"model": "m", "token": "{}"}}'),
    "user part of a DSN in a variable": _inside("SENTRY_DSN", "https://{}@o1.ingest.example.org/2"),
    "OpenAI key": _form(_with("sk-proj-", 40)),
    "Anthropic key": _form(_with("sk-ant-api03-", 40)),
    "JWT": _form(_jwt),
    "AWS access key": _form(_aws_key),
    "AWS secret key": _form(lambda random: _base64(random, 30), "aws_secret_access_key = {}"),
    "GitHub token": _form(_with("ghp_", 36)),
    "GitLab token": _form(_with("glpat-", 20)),
    "Slack token": _form(_with("xoxb-123456789012-", 24)),
    "Slack webhook": _form(_with("", 24), "https://hooks.slack.com/services/T0AB12CD3/B0AB12CD3/{}"),
    "Discord webhook": _form(_with("", 60), "https://discord.com/api/webhooks/123456789012345678/{}"),
    "Google key": _form(_with("AIza", 35)),
    "Google access token": _form(_with("ya29.a0", 60)),
    "Hugging Face token": _form(_with("hf_", 34)),
    "Stripe key": _form(_with("sk_live_", 24)),
    "SendGrid key": _form(lambda random: f"SG.{_word(random, 22)}.{_word(random, 43)}"),
    "npm token": _form(_with("npm_", 36)),
    "PyPI token": _form(_with("pypi-AgEIcHlwaS5vcmc", 60)),
    "Telegram token": _form(_with("123456789:AA", 33)),
    "URL signed for S3": _form(
        _with("", 64, _HEX), "https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature={}&X-Amz-SignedHeaders=host"
    ),
    "URL signed for Azure": _form(
        lambda random: quote(_base64(random, 32), safe=""), "https://a.blob.core.windows.net/c/b?sv=2022-11-02&sig={}&sp=r"
    ),
    "URL signed for Google": _form(_with("", 128, _HEX), "https://storage.googleapis.com/b/k?X-Goog-Signature={}"),
    "Azure account key": _form(lambda random: _base64(random, 64), "AccountKey={};EndpointSuffix=core.windows.net"),
    "Azure shared access key": _form(lambda random: _base64(random, 32), "SharedAccessKeyName=Root;SharedAccessKey={}"),
    "bearer token": _form(_with("", 32), "Authorization: Bearer {}"),
    "basic authorization": _form(lambda random: _base64(random, 18), "Basic {}"),
    "cookie": _form(_with("", 32), "Cookie: theme=dark; sid={}"),
    "header of an API key": _form(_with("", 32), "x-api-key: {}"),
    "password of a DSN": _form(_with("", 16), "postgresql://me:{}@db.example.org/x"),
    "user part of a DSN": _form(_with("", 32, _HEX), "https://{}@o4.ingest.example.org/1"),
    "password between keywords": _form(_with("", 16), "host=db user=me password={} dbname=x"),
    "password in JSON": _form(_with("", 16), '{{"user": "me", "password": "{}"}}'),
    "private key": _pem,
}  # fmt: skip
"""Makers of secrets by kind."""
