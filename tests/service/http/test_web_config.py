"""The web configuration file, in the form that Prometheus' exporters share: what is taken, and what is refused in a line."""

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
    "no YAML": ("tls_server_config: [", "no YAML in line 1"),
    "no mapping": ("- a\n", "Expected `object`"),
    "an unknown key": ("tls_config: {}\n", "unknown field `tls_config`"),
    "an unknown key within": (f"{TLS}, cipher_suites: [A]}}", "unknown field `cipher_suites`"),
    "HTTP/2": ("http_server_config: {http2: true}", "http2"),
    "a header that is its own": ("http_server_config: {headers: {Content-Length: '1'}}", "'Content-Length' cannot be set"),
    "a header that ends the line": (
        'http_server_config: {headers: {X-Frame-Options: "a\\r\\nb"}}',
        "a character that no header",
    ),
    "no certificate": ("tls_server_config: {key_file: a.key}", "cert_file"),
    "an old TLS": (f"{TLS}, min_version: TLS10}}", "TLS10"),
    "versions the wrong way round": (f"{TLS}, min_version: TLS13, max_version: TLS12}}", "min_version is above max_version"),
    "clients without an authority": (f"{TLS}, client_auth_type: RequireAndVerifyClientCert}}", "without client_ca_file"),
    "an authority without clients": (f"{TLS}, client_ca_file: ca.pem}}", "client_ca_file without client_auth_type"),
    "unverified clients": (f"{TLS}, client_auth_type: RequireAnyClientCert}}", "RequireAnyClientCert"),
    "names of clients that need none": (f"{TLS}, {SANS}}}", "client_allowed_sans"),
    "a password in the clear": ("basic_auth_users: {alice: hidden-word-1}", "the password of 'alice' is no bcrypt hash"),
    "a number as a password": ("basic_auth_users: {alice: 12345678}", "basic_auth_users"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_cannot_be_followed_is_an_error(case: str) -> None:
    """One line with the file and what is wrong with it, and no word of a password."""
    text, said = WRONG[case]
    with pytest.raises(UsageError) as error:
        parse_web_config(text.encode(), "web.yml")
    assert "--web-config web.yml: " in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert "hidden-word-1" not in str(error.value)
    assert "12345678" not in str(error.value)


def test_the_customary_file_is_taken() -> None:
    """TLS with clients' certificates, headers and users; an empty file changes nothing."""
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


@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_an_error(data: bytes) -> None:
    """Nothing else comes out."""
    with contextlib.suppress(UsageError):
        assert parse_web_config(data, "web.yml") == WebConfig()


def authorization(text: str) -> str:
    """The header of a user with a password."""
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_a_password_admits_its_user_only() -> None:
    """Wrong, somebody else's, of nobody, too long for bcrypt, no Basic, no header: not admitted, also when asked again."""
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
            "alice:alicealice\0",
        ):
            assert not passwords.admit(authorization(wrong)), wrong
        for header in (None, "", "Basic", "Basic ?", "Bearer abc", "Basic " + "A" * 10_001):
            assert not passwords.admit(header), header
    assert Passwords({}).admit(None)


def test_what_is_remembered_of_passwords_is_bounded() -> None:
    """Guessing on fills no memory, and the right one is right afterwards."""
    passwords = Passwords({"alice": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()})
    assert passwords.admit(authorization("alice:right"))
    for number in range(150):
        assert not passwords.admit(authorization(f"alice:{number}"))
    assert len(passwords._remembered) == 100
    assert passwords.admit(authorization("alice:right"))
