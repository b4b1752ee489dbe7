"""Address, user, password and certificates of a Pushgateway, from options and variables."""

from __future__ import annotations

import base64
import socket
import threading
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otel_memeval.errors import UsageError
from otel_memeval.exporters.prometheus.gateway import Gateway, read_gateway
from otel_memeval.exporters.prometheus.gateway_request import group_path, request


def read(option: str | None, **variables: str) -> Gateway:
    gateway = read_gateway(option, {f"MEMEVAL_PUSHGATEWAY{name}": value for name, value in variables.items()})
    assert gateway is not None
    return gateway


@pytest.mark.parametrize(
    ("url", "means"),
    [
        ("http://host:9091", "http://host:9091"),
        ("host:9091", "http://host:9091"),
        ("host", "http://host"),
        ("https://host/prefix/", "https://host/prefix"),
        ("http://me:pass%40word@host:9091/", "http://host:9091"),
        ("http://[::1]:9091", "http://[::1]:9091"),
    ],
)
def test_an_address_is_read(url: str, means: str) -> None:
    """Without user and password, without a slash at its end; http unless said."""
    assert read(url).url == means
    assert "pass" not in read(url).shown


def test_gateway_is_none_unless_it_is_named() -> None:
    """An empty variable counts as unset, an empty option is an error."""
    assert read_gateway(None, {}) is None
    assert read_gateway(None, {"MEMEVAL_PUSHGATEWAY": ""}) is None
    with pytest.raises(UsageError, match="not the address"):
        read_gateway("", {})


NO_ADDRESSES = ["ftp://host", "http://", "http://:9091", "http://me:sesame@:1", "http://host:99999", "http://host:0"]
NO_ADDRESSES += ["http://host:x", "http://[::1", "http://host?x=1", "http://host#x"]


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_wrong_address_is_refused_without_showing_it(url: str) -> None:
    """The address may hold a password."""
    with pytest.raises(UsageError, match=r"^--pushgateway is not the address of a Pushgateway; write http://") as raised:
        read(url)
    assert "sesame" not in str(raised.value)


def test_password_is_read_from_variable_then_file_then_url(tmp_path: Path) -> None:
    """The address of the option wins over that of the variable."""
    file = tmp_path / "password"
    file.write_text("from file\nsecond line\n")
    url = "http://me:from%20url@host"
    assert (read(url).username, read(url).password) == ("me", "from url")
    assert read(url, _PASSWORD_FILE=str(file)).password == "from file"
    assert read(url, _PASSWORD_FILE=str(file), _PASSWORD="from variable").password == "from variable"
    assert read(url, _USERNAME="you").username == "you"
    assert read(None, **{"": "http://variable"}).url == "http://variable"
    assert read("http://option", **{"": "http://variable"}).url == "http://option"


def test_unusable_files_are_refused_by_their_variable(tmp_path: Path) -> None:
    """Password files and certificates are checked before anything is measured."""
    text = tmp_path / "text"
    text.write_text("no certificate")
    for variable in ("_PASSWORD_FILE", "_CA_FILE", "_CLIENT_CERTIFICATE"):
        with pytest.raises(UsageError, match=f"MEMEVAL_PUSHGATEWAY{variable}: No such file"):
            read("http://host", **{variable: str(tmp_path / "missing")})
    for variable in ("_CA_FILE", "_CLIENT_CERTIFICATE"):
        with pytest.raises(UsageError, match=f"MEMEVAL_PUSHGATEWAY{variable}: this is not a usable PEM file"):
            read("http://host", **{variable: str(text)})
    with pytest.raises(UsageError, match="_CLIENT_KEY without MEMEVAL_PUSHGATEWAY_CLIENT_CERTIFICATE"):
        read("http://host", _CLIENT_KEY=str(text))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@example("..")
@example("a/b")
@example("")
@example("a+b c%2F")
def test_group_path_holds_any_label(label: str) -> None:
    """A label is one step of the path that no proxy changes, and decodes to the same label."""
    path = group_path({"eval": label})
    assert path.isascii()
    assert path.startswith("/metrics/job/memeval/eval")
    assert path == unquote(path)
    name, value = path.removeprefix("/metrics/job/memeval/").split("/")
    bare = value.rstrip("=")
    padded = bare + "=" * (-len(bare) % 4)
    assert (base64.urlsafe_b64decode(padded).decode() if name == "eval@base64" else value) == label


def test_group_path_has_every_label() -> None:
    """A second label is a second step of the path."""
    assert group_path({"eval": "a", "part": "b"}) == "/metrics/job/memeval/eval/a/part/b"


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nx: "])
def test_request_ends_at_its_timeout(sent: bytes) -> None:
    """The server accepts and then sends nothing, or one byte at a time without end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def hold() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(sent)
                while not ended.wait(0.05):
                    if sent:
                        connection.sendall(b"x")

        server_thread = threading.Thread(target=hold)
        server_thread.start()
        began = time.monotonic()
        result = request(Gateway(url=f"http://127.0.0.1:{server.getsockname()[1]}"), "PUT", "/metrics/job/x", b"a 1\n", 0.5)
        seconds = time.monotonic() - began
        ended.set()
        server_thread.join()
    assert result.outcome == "unreachable"
    assert result.reason.startswith("no answer within")
    assert 0.4 < seconds < 5
