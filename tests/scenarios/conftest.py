"""Provide real services to tests: one PostgreSQL and one model server per session, more model servers on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from scenarios.agents import telemetry
from scenarios.services.launch import EmbeddedServices

ROOT = Path(__file__).parent.parent.parent
SERVICE_VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "DATABASE_URL",
    "MEMEVAL_MODEL",
    *("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE", "PGUSER"),
)


@pytest.fixture(autouse=True)
def embedded_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of services, so that tests do not use services of this machine."""
    for name in SERVICE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def services() -> Iterator[EmbeddedServices]:
    """Start a model server and a PostgreSQL that all tests share."""
    running = asyncio.run(EmbeddedServices.start(model_server=True, database=True))
    try:
        yield running
    finally:
        asyncio.run(running.stop())


@pytest.fixture(scope="session")
def model_url(services: EmbeddedServices) -> str:
    """Return the base URL of the shared model server."""
    assert services.model_url is not None
    return services.model_url


@pytest.fixture(scope="session")
def dsn(services: EmbeddedServices) -> str:
    """Return the connection string of the shared PostgreSQL."""
    assert services.dsn is not None
    return services.dsn


@contextlib.contextmanager
def _run_model_server(*options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "scenarios.model_server", "--until-stdin-closes", *options]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()
            server.wait(timeout=5)


@pytest.fixture(scope="session")
def run_model_server() -> Callable[..., AbstractContextManager[str]]:
    """Return a context manager that starts a model server with command-line options and yields its base URL."""
    return _run_model_server


@pytest.fixture(scope="session")
def model_requests() -> Callable[[str], dict[str, int]]:
    """Return a function from a base URL to the number of answered requests by status, with their sum under ``all``."""

    def count(base_url: str) -> dict[str, int]:
        with urllib.request.urlopen(base_url.removesuffix("/v1") + "/stats") as answer:
            stats = json.load(answer)
        return {"all": stats["requests"], **stats["by_status"]}

    return count


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Collect the finished spans of a test with a real SDK."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_TRACER", provider.get_tracer("tests"))
    return exporter
