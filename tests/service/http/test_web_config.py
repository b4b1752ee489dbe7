"""The web configuration file of Prometheus' exporters, and its passwords."""

from __future__ import annotations

import base64
import contextlib

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.errors import UsageError
from otel_memeval.service.http.access import Passwords
from otel_memeval.service.http.web_config import WebConfig, parse_web_config

HASH = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"
TLS = "tls_server_config: {cert_file: a.crt, key_file: a.key"
SANS = "client_auth_type: VerifyClientCertIfGiven, client_ca_file: c, client_allowed_sans: [a]"

WRONG = {
    "not YAML": ("tls_server_config: [", "this is not YAML in line 1"),
    "not a mapping": ("- a\n", "Expected `object`"),
    "an unknown key": ("tls_config: {}\n", "unknown field `tls_config`"),
    "an unknown key within": (f"{TLS}, cipher_suites: [A]}}", "unknown field `cipher_suites`"),
    "HTTP/2": ("http_server_config: {http2: true}", "http2"),
    "a header that is its own": ("http_server_config: {headers: {Content-Length: '1'}}", "'Content-Length' cannot be set"),
    "a header that ends the line": (
        'http_server_config: {headers: {X-Frame-Options: "a\\r\\nb"}}',
        "a character that headers must not have",
    ),
    "no certificate": ("tls_server_config: {key_file: a.key}", "cert_file"),
    "an old TLS": (f"{TLS}, min_version: TLS10}}", "TLS10"),
    "versions the wrong way round": (f"{TLS}, min_version: TLS13, max_version: TLS12}}", "min_version is above max_version"),
    "clients without an authority": (f"{TLS}, client_auth_type: RequireAndVerifyClientCert}}", "without client_ca_file"),
    "an authority without clients": (f"{TLS}, client_ca_file: ca.pem}}", "client_ca_file without client_auth_type"),
    "unverified clients": (f"{TLS}, client_auth_type: RequireAnyClientCert}}", "RequireAnyClientCert"),
    "names of clients that need none": (f"{TLS}, {SANS}}}", "client_allowed_sans, although"),
    "a password in the clear": ("basic_auth_users: {alice: hidden-word-1}", "the password of 'alice' is not a bcrypt hash"),
    "a number as a password": ("basic_auth_users: {alice: 12345678}", "basic_auth_users"),
}


@pytest.mark.parametrize("case", WRONG)
def test_unsupported_configuration_is_an_error(case: str) -> None:
    """The error names the file and the setting in one line, without passwords."""
    text, problem = WRONG[case]
    with pytest.raises(UsageError) as error:
        parse_web_config(text.encode(), "web.yml")
    assert "--web-config web.yml: " in str(error.value)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)
    assert "hidden-word-1" not in str(error.value)
    assert "12345678" not in str(error.value)


def test_usual_configuration_is_read() -> None:
    """It has TLS with client certificates, headers and users; an empty file sets nothing."""
    clients = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: [a, b]"
    text = (
        f"{TLS}, {clients}, min_version: TLS13}}\n"
        "http_server_config: {http2: false, headers: {Strict-Transport-Security: max-age=31536000}}\n"
        f"basic_auth_users: {{alice: {HASH}}}\n"
    )
    config = parse_web_config(text.encode(), "web.yml")
    assert config.tls_server_config is not None
    assert config.tls_server_config.client_allowed_sans == ["a", "b"]
    assert config.basic_auth_users == {"alice": HASH}
    assert parse_web_config(b"", "web.yml").tls_server_config is None


@pytest.mark.parametrize("text", ["[" * 100_000, "!!bool x", "!!timestamp x", "!!int ''", "a: &a [*a]"])
def test_damaged_value_is_a_usage_error(text: str) -> None:
    """Deep nesting and values for which the YAML parser raises errors of its own make no traceback."""
    with pytest.raises(UsageError, match=r"--web-config web\.yml: "):
        parse_web_config(text.encode(), "web.yml")


def test_rest_of_a_long_password_is_ignored() -> None:
    """Bcrypt hashes 72 bytes: a longer password is admitted by its beginning, with every version of bcrypt."""
    passwords = Passwords({"alice": bcrypt.hashpw(b"p" * 72, bcrypt.gensalt(4)).decode()})
    for password, is_right in (("p" * 72, True), ("p" * 90, True), ("p" * 71, False), ("p" * 71 + "q" * 9, False)):
        assert passwords.admit(authorization(f"alice:{password}")) is is_right


@given(st.binary(max_size=200))
def test_any_bytes_give_a_configuration_or_a_usage_error(data: bytes) -> None:
    """No other exception is raised."""
    with contextlib.suppress(UsageError):
        assert parse_web_config(data, "web.yml") == WebConfig()


def authorization(text: str) -> str:
    """Return the ``Authorization`` header of a user and a password."""
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_password_admits_only_its_user() -> None:
    """Wrong passwords, unknown users, passwords too long for bcrypt and other headers are refused, also the second time."""
    users = {name: bcrypt.hashpw(name.encode() * 2, bcrypt.gensalt(4)).decode() for name in ("alice", "bob")}
    passwords = Passwords(users)
    for _ in range(2):
        assert passwords.admit(authorization("alice:alicealice"))
        assert passwords.admit(authorization("alice:alicealice").replace("Basic", "basic"))
        for wrong in (
            "alice:bobbob",
            "carol:alicealice",
            "alice:",
            "alice",
            ":",
            "",
            "alice:" + "a" * 100,
            "alice:alicealice" + "a" * 100,
            "alice:alicealice\0",
        ):
            assert not passwords.admit(authorization(wrong)), wrong
        for header in (None, "", "Basic", "Basic ?", "Bearer abc", "Basic " + "A" * 10_001):
            assert not passwords.admit(header), header
    assert Passwords({}).admit(None)


def test_number_of_remembered_passwords_is_limited() -> None:
    """Guessing fills no memory, and does not displace the right password."""
    passwords = Passwords({"alice": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()})
    assert passwords.recall(authorization("alice:right")) is None
    assert passwords.admit(authorization("alice:right"))
    for number in range(150):
        assert not passwords.admit(authorization(f"alice:{number}"))
    assert len(passwords._remembered) == 100
    assert passwords.recall(authorization("alice:right"))
    assert passwords.admit(authorization("alice:right"))
