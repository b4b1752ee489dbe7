"""Masking of secrets and of control characters. Keys are put together here, so that this file holds none."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from random import Random
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.faults.groups.secret_kinds import KINDS, needles
from otel_memeval.redact import MASK, Masker, names_a_secret, redact, secrets_in, shortened, visible

BODY = "Ab3" * 14


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://me:hunter2@db/x", f"postgresql://me:{MASK}@db/x"),
        ("redis://:hunter2@db", f"redis://:{MASK}@db"),
        ("postgresql://me:p@ss@db/x", f"postgresql://me:{MASK}@db/x"),
        ("a://b:cc@d,e://f:gg@h", f"a://b:{MASK}@d,e://f:{MASK}@h"),
        ("host=db password=hunter2 user=me", f"host=db password={MASK} user=me"),
        ("Password: hunter2", f"Password: {MASK}"),
        ("PGPASSWORD=hunter2", f"PGPASSWORD={MASK}"),
        ("access_token=abc&x=1", f"access_token={MASK}"),
        ("client-secret: abc", f"client-secret: {MASK}"),
        ("api_key=abc, next", f"api_key={MASK}, next"),
        ("apikey = 'two words', next", f"apikey = {MASK}, next"),
        ('{"api-key": "two words", "n": 1}', '{"api-key": ' + MASK + ', "n": 1}'),
        ("{'private_key': 'it\\'s me', 'n': 1}", "{'private_key': " + MASK + ", 'n': 1}"),
        ('"{\\"token\\": \\"abc\\"}"', '"{\\"token\\": ' + MASK + '"}"'),
        ("password='not closed", f"password={MASK} closed"),
        ("pwd=x; passwd=y", f"pwd={MASK}; passwd={MASK}"),
        ("Authorization: Token abc", f"Authorization: Token {MASK}"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "{'Authorization': 'Basic " + MASK + "'}"),
        ("bearer abc123.def", f"bearer {MASK}"),
        ("Bearer " + "abcdefgh" * 2, f"Bearer {MASK}"),
        ("Basic dXNlcjpwYXNz1=", f"Basic {MASK}"),
        ("key sk-" + BODY + " was refused", f"key {MASK} was refused"),
        ("provided: sk-proj-********wxyz.", f"provided: {MASK}."),
        ("sk_live_" + BODY, MASK),
        ("ghp_" + BODY, MASK),
        ("github_pat_" + BODY, MASK),
        ("glpat-" + BODY, MASK),
        ("xoxb-" + BODY, MASK),
        ("hf_" + BODY, MASK),
        ("AKIA" + "A1" * 8, MASK),
        ("AIza" + "a1-_x" * 7, MASK),
    ],
)
def test_text_that_looks_like_a_secret_is_masked(text: str, expected: str) -> None:
    """Each form of key, password and header is masked to its end, and the text around it stays."""
    assert redact(text, ()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "connection to server at \"127.0.0.1\", port 5432 failed: Connection refused",
        'violates unique constraint "pk_sessions_2"',
        "a risk-averse task-oriented desk-research-paper, sk-learn and sk_buff_head",
        "a basic understanding of Bearer authentication, basic authorization",
        "the token limit is 4096; 12 tokens: fine",
        "see https://example.org:8080/path?x=1 and mail me@example.org",
        "http://host:8080/a/me@example.org",
        "Incorrect password for user me",
        "KeyError: 'city'",
        "keyboard: us, monkey=2, passport=3",
        "grew by 1.00 MiB at scenarios/team.py:42",
        "ssh://git@host.example.org/a.git, redis://localhost:6379/0, a%20b+c%2Fd",
        "4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 at /usr/lib/python3.11/site-packages/openai/_base_client.py:1061",
        "npm_config_registry, hf_hub_download, eyJ, tests did pass: fine",
    ],
)  # fmt: skip
def test_harmless_text_stays(text: str) -> None:
    """Ordinary messages, identifiers and addresses are not touched."""
    assert redact(text, ()) == text


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "github_token", "CLIENT_SECRET", "PGPASSWORD", "DB_PASS", "MYSQL_PWD", "KEY_PASSPHRASE",
     "AWS_CREDENTIALS", "PROXY_AUTHORIZATION", "BASIC_AUTH", "SESSION_COOKIE"],
)  # fmt: skip
def test_variable_name_says_that_its_value_is_a_secret(name: str) -> None:
    """Names with key, token, password and the like, in any case."""
    found = secrets_in({name: "abcdef", "HOME": "ghijkl"})
    assert "abcdef" in found
    assert "ghijkl" not in found


@pytest.mark.parametrize(
    "name",
    ["GIT_AUTHOR_NAME", "XAUTHORITY", "SSH_AUTH_SOCK", "TOKENIZERS_PARALLELISM", "MAX_TOKENS", "KEYBOARD", "PWD", "OLDPWD",
     "COMPASS", "PATH"],
)  # fmt: skip
def test_variable_name_only_sounds_secret(name: str) -> None:
    """Authors, sockets, limits and the current folder are no secrets: masking them would spoil reports."""
    assert secrets_in({name: "abcdefghij"}) == ()


@pytest.mark.parametrize(
    "name",
    ["http.request.header.authorization", "x-api-key", "db.password", "db.pwd", "pwd", "set-cookie", "session.token",
     "gen_ai.request.api_key", "aws.credentials"],
)  # fmt: skip
def test_attribute_name_says_that_its_value_is_a_secret(name: str) -> None:
    """The same rule as for variables; a bare ``pwd`` is a password here."""
    assert names_a_secret(name)


@pytest.mark.parametrize(
    "name",
    ["gen_ai.token.type", "gen_ai.usage.token_type", "llm.token_count.prompt", "gen_ai.usage.input_tokens",
     "gen_ai.request.max_tokens", "code.author", "http.route", "oldpwd"],
)  # fmt: skip
def test_attribute_name_only_sounds_secret(name: str) -> None:
    """Counted tokens and authors are no secrets."""
    assert not names_a_secret(name)


def test_secret_has_six_characters_or_more() -> None:
    """Five characters are too few to be masked everywhere."""
    assert secrets_in({"A_KEY": "abcde"}) == ()
    assert "abcdef" in secrets_in({"A_KEY": "abcdef"})


def test_password_in_a_url_is_masked_in_both_forms() -> None:
    """The password is masked as it is written and as it is decoded, also outside the URL."""
    secrets = secrets_in({"DATABASE_URL": "postgresql://me:p%40ssword@db/x", "OTHER": "http://host:8080/a"})
    assert {"p%40ssword", "p@ssword"} <= set(secrets)
    assert redact("role me, p@ssword or p%40ssword", secrets) == f"role me, {MASK} or {MASK}"


def test_secret_of_several_lines_is_masked_in_every_form() -> None:
    """A private key is found complete, line by line, and with escaped line ends."""
    lines = ["-----BEGIN A KEY-----", "line one of the key", "-----END A KEY-----"]
    secrets = secrets_in({"TLS_KEY": "\n".join(lines) + "\n"})
    key = "\n".join(lines)
    for text in (key, repr(key), *lines):
        assert not any(line in redact(f"<{text}>", secrets) for line in lines)


def test_longest_secret_is_masked_first() -> None:
    """A secret that begins like another leaves no rest."""
    secrets = secrets_in({"A_KEY": "abcdef", "B_KEY": "abcdefghi"})
    assert redact("abcdefghi abcdef", secrets) == f"{MASK} {MASK}"


@given(
    st.lists(st.text("ab*=: @/\"'\\", min_size=6, max_size=10) | st.text(min_size=6), min_size=1, max_size=3),
    st.lists(st.text("ab*=: @/\"'\\", max_size=5) | st.sampled_from(["password=", "://", "Bearer ", "sk-"]), max_size=5),
    st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=300)
def test_no_secret_is_left_in_any_text(values: list[str], around: list[str], random: object) -> None:
    """Secrets may overlap, repeat, or be completed by a mask."""
    secrets = secrets_in({f"KEY_{number}": value for number, value in enumerate(values)})
    pieces = [*values, *values, *around]
    random.shuffle(pieces)  # type: ignore[attr-defined]
    masked = redact("".join(pieces), secrets)
    assert [secret for secret in secrets if secret in masked] == []


@pytest.mark.parametrize(
    "piece",
    ["eyJ", "a+", "npm_", "a", "://a:", "password", "password ", "password='", "Bearer ", "sk-", "basic ", "x@", "\\"],
)
def test_long_output_is_masked_in_linear_time(piece: str) -> None:
    """64 KiB of any text take no time that grows with its square (the timeout is the proof)."""
    redact(piece * (65536 // len(piece)), ("secret-value",))


AROUND: dict[str, Callable[[str], str]] = {
    "alone": str,
    "in words": lambda text: f"the key ({text}) of 'x'",
    "in a name": lambda text: f"module.Error_{text}",
    "in a path": lambda text: f"/srv/{text}/app.py",
    "in a line of several": lambda text: f"first\n{text}\nlast",
    "in JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "in a repr": lambda text: repr({"a": text, "b": "'\""}),
    "in the repr of bytes": lambda text: repr(text.encode()),
    "in HTML": lambda text: f"<p>{html.escape(text)}</p>",
    "in a path of a URL": lambda text: f"http://h/{quote(text, safe='')}",
    "in a query": lambda text: f"http://h/?q={quote_plus(text)}&b=1",
    "percent-encoded words": lambda text: f"open {quote(text, safe=' ')}",
    "in base64": lambda text: f"data: {base64.b64encode(text.encode()).decode()}",
    "in base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "in base64 with lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "in hexadecimal": lambda text: text.encode().hex(),
    "cut": lambda text: f"x {text}"[:-3],
}


@pytest.mark.parametrize("kind", KINDS)
def test_secret_is_masked_whatever_is_around_it(kind: str) -> None:
    """No form of the secret is left in words, names, paths, JSON, HTML, URLs and encodings."""
    secret = KINDS[kind](Random(kind))
    masker = Masker(secrets_in(secret.environment))
    for around, write in AROUND.items():
        masked = masker.text(write(secret.text))
        left = [needle for needle in {*needles(secret.hidden), secret.hidden[:-3]} if needle in masked]
        assert not left, f"{around}: {masked}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ü 木 👩‍👩‍👧", "plain ü 木 👩👩👧"),
        ("ends with a joiner\u200d", "ends with a joiner"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[", "\\x1b["),
        ("\x9b2J", "\\x9b2J"),
        ("a\nb\r\x00\x7f", "a\\nb\\r\\x00\\x7f"),
        ("a\tb\u00a0c\u3000d", "a       b c d"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\u2028\udc80\u200b", "\\u2028\\udc80\\u200b"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_visible_text_has_no_control_characters(text: str, expected: str) -> None:
    """Colours and titles are removed, control characters and marks of direction written out."""
    assert visible(text) == expected


@given(st.text())
@settings(deadline=None, max_examples=200)
def test_any_text_becomes_visible(text: str) -> None:
    """Only printable characters and the non-joiner are left, and a second call changes nothing."""
    shown = visible(text)
    assert all(character.isprintable() or character == "\u200c" for character in shown)
    shown.encode("utf-8")
    assert visible(shown) == shown


def test_text_is_shortened_above_the_limit_only() -> None:
    """At the limit it is complete; above, it ends in an ellipsis and has the length of the limit."""
    assert shortened("abcde", 5) == "abcde"
    assert shortened("abcdef", 5) == "abcd…"
