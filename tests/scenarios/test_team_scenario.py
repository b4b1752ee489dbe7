"""Set up, run and tear down the team scenario and the leaky team as the tool does."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from otel_memeval import PerformanceEval
from scenarios import leaky_team, team
from scenarios.services.errors import ServiceError
from tests.scenarios.team_memory import buggy_line, iterate

ROOT = Path(__file__).parent.parent.parent
SECRET = "s3cr3t"


@pytest.fixture
def named_services(monkeypatch: pytest.MonkeyPatch, model_url: str, dsn: str) -> str:
    """Name the shared services in the environment, with secrets; return the connection string of the database."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_BASE_URL", model_url)
    monkeypatch.setenv("DATABASE_URL", make_conninfo(dsn, password=SECRET))
    return dsn


def test_evals_have_their_settings_and_start_nothing_on_import() -> None:
    """Both evals have the documented settings, and importing them starts nothing."""
    healthy, leaky = team.team_response_with_memory_impact, leaky_team.leaky_team
    assert isinstance(healthy, PerformanceEval)
    assert (healthy.name, healthy.num_iterations, healthy.warmup_runs) == ("Team Memory Impact", 5, 0)
    assert (healthy.model_id, healthy.model_provider, healthy.team_id) == ("gpt-5.2", "openai", "weather-team")
    assert healthy.memory_growth_tracking
    assert not healthy.measure_runtime
    assert (leaky.name, leaky.num_iterations) == ("Leaky Team", 5)
    assert team.TEAM is None
    assert team.describe() == "not set up"


def test_team_uses_embedded_services_by_default(model_requests: Callable[[str], dict[str, int]]) -> None:
    """Without variables both services are embedded, an iteration makes 8 model requests, and teardown stops all."""

    async def main() -> None:
        await team.setup()
        try:
            assert team._workplace is not None
            services = team._workplace.services
            assert services is not None
            assert services.model_url is not None
            address = services.model_url.removeprefix("http://").removesuffix("/v1")
            assert team.describe().startswith(f"model gpt-5.2 (local server, {address}) · PostgreSQL 18.")
            assert team.describe().endswith(" (embedded)")
            await team.run_team()
            assert model_requests(services.model_url) == {"all": 8, "200": 8}
            family = psutil.Process(services.process.pid).children(recursive=True)
        finally:
            await team.teardown()
        assert services.process.poll() == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []

    asyncio.run(main())


@pytest.mark.usefixtures("named_services")
def test_question_causes_eighteen_events_and_an_answer() -> None:
    """A question causes eighteen events, and the last one names the city and its weather."""

    async def main() -> None:
        await team.setup()
        try:
            events = [event async for event in team.ask_team("Lima", "session")]
            assert len(events) == 18
            assert "In Lima it is sunny" in getattr(events[-1], "content", "")
        finally:
            await team.teardown()

    asyncio.run(main())


def test_named_services_are_used_and_cleaned_up(
    named_services: str, model_url: str, model_requests: Callable[[str], dict[str, int]]
) -> None:
    """Named services are used and described without secrets; afterwards exactly the rows of the run are deleted."""
    before = model_requests(model_url)["all"]
    rows = []
    descriptions = set()

    def count() -> list[int]:
        with psycopg.connect(named_services, autocommit=True) as connection:
            tables = ("sessions", "runs", "user_memories")
            found = [connection.execute(f"SELECT count(*) FROM memeval_team.{table}").fetchone() for table in tables]
        return [row[0] for row in found if row is not None]

    def between() -> None:
        rows.append(count())
        descriptions.add(team.describe())

    iterate(team.run_team, lambda: None, 1)
    empty = count()
    iterate(team.run_team, between, 2)
    assert [[now - then for now, then in zip(row, empty, strict=True)] for row in rows] == [[2, 2, 1], [2, 4, 1]]
    assert count() == empty
    assert model_requests(model_url)["all"] - before == 3 * 8
    (description,) = descriptions
    host = model_url.removeprefix("http://").removesuffix("/v1")
    assert description.startswith(f"model gpt-5.2 ({host}) · PostgreSQL 18.")
    assert description.endswith(":5432/postgres)")
    assert SECRET not in description
    assert "postgres:" not in description
    assert SECRET not in repr(team._workplace)


@pytest.mark.usefixtures("named_services")
def test_model_is_that_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The team requests and describes the model named in MEMEVAL_MODEL."""
    monkeypatch.setenv("MEMEVAL_MODEL", "gpt-other")
    described: list[str] = []
    iterate(team.run_team, lambda: described.append(team.describe()), 1)
    assert described[0].startswith("model gpt-other (")


@pytest.mark.usefixtures("named_services")
def test_every_run_asks_about_the_same_cities() -> None:
    """Two runs ask about the same sequence of several cities."""
    runs: list[list[str]] = []

    async def draw() -> None:
        runs.append([team.random_city() for _ in range(20)])

    iterate(draw, lambda: None, 1)
    iterate(draw, lambda: None, 1)
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 5


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://me:s3cr3t@127.0.0.1:{port}/agents", "127.0.0.1:{port}/agents"),
        ("postgresql://me:s3cr3t@[127.0.0.1/agents", "DATABASE_URL cannot be read"),
        ("s3cr3t", "DATABASE_URL cannot be read"),
    ],
)
def test_unreachable_database_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, model_url: str, address: str, expected: str
) -> None:
    """An unreachable database fails the set-up with one line without the password."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening, so connections are refused
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("OPENAI_BASE_URL", model_url)
        monkeypatch.setenv("DATABASE_URL", address.replace("{port}", port))
        with pytest.raises(ServiceError) as raised:
            asyncio.run(team.setup())
    message = str(raised.value)
    assert expected.replace("{port}", port) in message
    assert len(message.splitlines()) == 1
    assert SECRET not in message
    assert raised.value.__suppress_context__
    assert team.TEAM is None


@pytest.mark.parametrize("address", [f"http://me:{SECRET}@[half", f"{SECRET}/v1", f"http://me:{SECRET}@host:port/v1"])
def test_invalid_model_address_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """An invalid base URL fails the set-up with one line that does not repeat it, before a service starts."""
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(ServiceError, match="OPENAI_BASE_URL is not a URL; set it like") as raised:
        asyncio.run(team.setup())
    assert SECRET not in str(raised.value)


def memory_of(variant: str) -> Any:
    """Run ``team_memory`` in a separate process and return its readings."""
    command = [sys.executable, "-m", "tests.scenarios.team_memory", variant]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


@pytest.mark.usefixtures("named_services")
def test_team_retains_no_memory_per_iteration() -> None:
    """Twenty iterations after the first ten retain less than 4 KiB, and less than one object each."""
    more = memory_of("flat")
    assert more["objects"] < 20
    # Python 3.10 keeps the last frame of every function, which the garbage collector does not count.
    allowed = 4096 if sys.version_info >= (3, 11) else 128 * 1024
    assert abs(more["bytes"]) < allowed


@pytest.mark.usefixtures("named_services")
def test_leaky_team_leaks_at_the_line_of_its_bug() -> None:
    """Each iteration retains 64 KiB more, and the line of the bug grows much more than any other."""
    grown = memory_of("leaky")
    assert len(grown) == 2
    for (*line, worst), (_, _, second) in grown:
        assert tuple(line) == buggy_line()
        assert 64 * 1024 <= worst <= 65 * 1024
        assert second < worst / 4  # the buffer of a socket may be in use


def test_importing_the_scenarios_starts_nothing() -> None:
    """Importing both scenarios starts no process and no thread, opens no socket and loads no OpenTelemetry SDK."""
    code = (
        "import sys, threading, psutil, scenarios.team, scenarios.leaky_team\n"
        "here = psutil.Process()\n"
        "print(len(here.children()), threading.active_count(), len(here.net_connections()),\n"
        "      'opentelemetry.sdk' in sys.modules)\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["0", "1", "0", "False"]
