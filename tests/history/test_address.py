"""Addresses of a database: malformed, shown without the password, and completed by the environment."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from otel_memeval.errors import UsageError
from otel_memeval.history.store import RunQuery
from tests.history.conftest import open_database


@pytest.mark.parametrize(
    "rest",
    [
        "u:hid/den@host/db",
        "u:hid@den@host/db",
        "u:hid:den/x@h",
        "h:99x/hidden",
        "h/db?hidden=1",
        "u:hidden%zz@h/db",
        "h:1/hid@den",
    ],
)
def test_malformed_address_is_refused_without_its_text(rest: str, tmp_path: Path) -> None:
    """Any part could be of a password."""
    with pytest.raises(UsageError) as raised:
        open_database(f"postgresql://{rest}", tmp_path, [])
    assert "hid" not in str(raised.value)
    assert "den" not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:s3cret@host:5433/db?application_name=x", "postgresql://me@host:5433/db"),
        ("postgres://host", "postgresql://host/"),
        ("postgresql:///db?host=/run/pg&port=5433", "postgresql://:5433/db?host=/run/pg"),
        ("postgresql://[::1]:5432/db?password=s3cret", "postgresql://[::1]:5432/db"),
    ],
)
def test_address_is_shown_without_password(address: str, shown: str, tmp_path: Path) -> None:
    """User, host, port and database; the folder of a socket as a parameter."""
    assert open_database(address, tmp_path, []).address == shown


def test_environment_names_the_server(server: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGHOST and the other variables of libpq work; another server has another folder of waiting runs."""
    parameters = psycopg.conninfo.conninfo_to_dict(database)
    folders = []
    for host in (str(parameters["host"]), "elsewhere"):
        monkeypatch.setenv("PGHOST", host)
        monkeypatch.setenv("PGPORT", str(parameters["port"]))
        monkeypatch.setenv("PGUSER", "postgres")
        history = open_database(f"postgresql:///{parameters['dbname']}", tmp_path, [])
        folders.append(history._waiting.folder)
        if host != "elsewhere":
            assert history.runs(RunQuery(), 1) == []
    assert len(set(folders)) == 2
