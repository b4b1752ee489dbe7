"""Which Pushgateway: address, user, password and certificates, from options and variables."""

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
from otel_memeval.exporters.prometheus.requesting import group_path, request


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


def test_nothing_named_is_no_gateway() -> None:
    """An empty variable is as good as none; an empty option is a mistake."""
    assert read_gateway(None, {}) is None
    assert read_gateway(None, {"MEMEVAL_PUSHGATEWAY": ""}) is None
    with pytest.raises(UsageError, match="not the address"):
        read_gateway("", {})


NO_ADDRESSES = ["ftp://host", "http://", "http://:9091", "http://me:sesame@:1", "http://host:99999", "http://host:0"]
NO_ADDRESSES += ["http://host:x", "http://[::1", "http://host?x=1", "http://host#x"]


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(UsageError, match=r"^--pushgateway: this is not the address of a Pushgateway; name it") as raised:
        read(url)
    assert "sesame" not in str(raised.value)


def test_the_password_comes_from_the_surest_place(tmp_path: Path) -> None:
    """A variable before a file, a file before the URL; the option's address before the variable's."""
    file = tmp_path / "password"
    file.write_text("from file\nsecond line\n")
    url = "http://me:from%20url@host"
    assert (read(url).username, read(url).password) == ("me", "from url")
    assert read(url, _PASSWORD_FILE=str(file)).password == "from file"
    assert read(url, _PASSWORD_FILE=str(file), _PASSWORD="from variable").password == "from variable"
    assert read(url, _USERNAME="you").username == "you"
    assert read(None, **{"": "http://variable"}).url == "http://variable"
    assert read("http://option", **{"": "http://variable"}).url == "http://option"


def test_files_are_read_before_anything_is_measured(tmp_path: Path) -> None:
    """A missing password file or certificate, or one that is none, is wrong usage and named by its variable."""
    text = tmp_path / "text"
    text.write_text("no certificate")
    for variable in ("_PASSWORD_FILE", "_CA_FILE", "_CLIENT_CERTIFICATE"):
        with pytest.raises(UsageError, match=f"MEMEVAL_PUSHGATEWAY{variable}: No such file"):
            read("http://host", **{variable: str(tmp_path / "missing")})
    for variable in ("_CA_FILE", "_CLIENT_CERTIFICATE"):
        with pytest.raises(UsageError, match=f"MEMEVAL_PUSHGATEWAY{variable}: this is no PEM file"):
            read("http://host", **{variable: str(text)})
    with pytest.raises(UsageError, match="_CLIENT_KEY without MEMEVAL_PUSHGATEWAY_CLIENT_CERTIFICATE"):
        read("http://host", _CLIENT_KEY=str(text))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@example("..")
@example("a/b")
@example("")
@example("a+b c%2F")
def test_any_label_fits_a_path(label: str) -> None:
    """Every name is one step of the path that no proxy changes, and says the label as the Pushgateway reads it."""
    path = group_path({"eval": label})
    assert path.isascii()
    assert path.startswith("/metrics/job/memeval/eval")
    assert path == unquote(path)
    name, value = path.removeprefix("/metrics/job/memeval/").split("/")
    bare = value.rstrip("=")
    padded = bare + "=" * (-len(bare) % 4)
    assert (base64.urlsafe_b64decode(padded).decode() if name == "eval@base64" else value) == label


def test_two_groups_of_an_eval_differ() -> None:
    """One more label, one more step."""
    assert group_path({"eval": "a", "part": "b"}) == "/metrics/job/memeval/eval/a/part/b"


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 200 OK\r\nx: "])
def test_a_request_is_given_up_in_time(says: bytes) -> None:
    """Of somebody who accepts and then says nothing, or a byte at a time for ever, nothing is awaited beyond the limit."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def hold() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(says)
                while not ended.wait(0.05):
                    if says:
                        connection.sendall(b"x")

        holding = threading.Thread(target=hold)
        holding.start()
        began = time.monotonic()
        answer = request(Gateway(url=f"http://127.0.0.1:{server.getsockname()[1]}"), "PUT", "/metrics/job/x", b"a 1\n", 0.5)
        seconds = time.monotonic() - began
        ended.set()
        holding.join()
    assert answer.kind == "absent"
    assert answer.reason.startswith("no answer within")
    assert 0.4 < seconds < 5
