"""A connection to a Ray cluster; the only module that imports Ray."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Literal
from urllib.parse import urlsplit

from otel_memeval.errors import MemevalError, UsageError
from otel_memeval.fleet.demands import Demands

CONNECT_SECONDS = 7.0
"""Longest time for the connection to an address: Ray itself waits for two minutes, and then ends the process."""

_NODES_SECONDS = 10.0
"""Time for which the resources of the nodes are remembered."""

Call = Literal["measure", "find_evals"]


class Lost(Exception):
    """A task was lost with its node or its process; the text says how."""


class Cluster:
    """A Ray cluster as the driver of one command uses it; a context manager."""

    def __init__(self, address: str, folder: str) -> None:
        """Connect to ``address``: ``local`` starts a cluster here, ``auto`` finds one, else ``HOST:PORT`` or ``ray://...``.

        ``folder`` is copied to the nodes unless they are this machine. Raises ``UsageError`` if there is no such cluster.
        """
        self._ray = _import_ray()
        self._address = address
        self.copies_folder = address != "local"
        _check_address(address)
        environment = {"working_dir": folder} if self.copies_folder else {}
        self._connect(environment)
        self._totals: list[dict[str, float]] = []
        self._totals_until = 0.0
        self._functions: dict[tuple[Call, Demands], Callable[[bytes], object]] = {}

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def _connect(self, environment: dict[str, str]) -> None:
        """Connect, or start a cluster here: its processes end with the thread that started them, so not in another one."""
        errors: list[BaseException] = []

        def connect() -> None:
            try:
                self._ray.init(
                    address=self._address,
                    runtime_env=environment,
                    include_dashboard=False if self._address == "local" else None,
                    log_to_driver=False,
                    logging_level="ERROR",
                )
            except BaseException as error:  # noqa: BLE001 - Ray ends the process with SystemExit
                errors.append(error)

        if self._address == "local":
            connect()
        else:
            thread = threading.Thread(target=connect, name="memeval-ray", daemon=True)
            thread.start()
            thread.join(CONNECT_SECONDS)
            if thread.is_alive():
                raise _no_cluster(self._address, f"no answer within {CONNECT_SECONDS:.0f} s")
        if errors:
            raise _no_cluster(self._address, " ".join(str(errors[0]).split())[:300] or type(errors[0]).__name__)

    def nodes(self) -> int:
        """Return the number of nodes that live."""
        return sum(bool(node["Alive"]) for node in self._ray.nodes())

    def missing(self, demands: Demands) -> list[str]:
        """Return the resources that no node of the cluster has enough of; the nodes are asked for every ten seconds."""
        now = time.monotonic()
        if now >= self._totals_until:
            self._totals = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            self._totals_until = now + _NODES_SECONDS
        totals = self._totals
        wanted = {
            "CPU": demands.cpus,
            "GPU": demands.gpus,
            "memory": float(demands.memory_bytes or 0),
            **dict(demands.labels),
        }
        return [name for name, number in wanted.items() if number and all(total.get(name, 0) < number for total in totals)]

    def submit(self, call: Call, data: bytes, demands: Demands) -> object:
        """Begin a task, and return its key."""
        key = (call, demands)
        if key not in self._functions:
            from otel_memeval.fleet import node

            options = self._ray.remote(
                num_cpus=demands.cpus,
                num_gpus=demands.gpus,
                memory=demands.memory_bytes,
                resources=dict(demands.labels),
                max_retries=0,
            )
            self._functions[key] = options(getattr(node, call)).remote
        return self._functions[key](data)

    def ended(self, keys: Sequence[object], seconds: float) -> Sequence[object]:
        """Wait until a task has ended, at most for this time, and return the keys of those that have."""
        done, _ = self._ray.wait(list(keys), num_returns=min(len(keys), 100), timeout=0)
        if not done:
            done, _ = self._ray.wait(list(keys), num_returns=1, timeout=seconds)
        return list(done)

    def answer(self, key: object) -> bytes:
        """Return the answer of a task that has ended.

        Raises ``Lost`` if its node or its process was lost, and ``MemevalError`` if the node cannot measure at all.
        """
        errors = self._ray.exceptions
        try:
            return bytes(self._ray.get(key))
        except errors.RayTaskError as error:
            cause = " ".join(str(error.cause or error).split())
            raise _cannot_measure(cause) from None
        except errors.RuntimeEnvSetupError as error:
            raise _cannot_measure(" ".join(str(error).split())) from None
        except errors.RayError as error:
            raise Lost(type(error).__name__.removesuffix("Error")) from None

    def cancel(self, keys: Sequence[object]) -> None:
        """End tasks; their workers end with them."""
        for key in keys:
            with contextlib.suppress(Exception):
                self._ray.cancel(key, force=True)


def _import_ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anyone because of this tool
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise UsageError("--ray: Ray is not installed", "pip install 'otel-memeval[fleet]'") from None


def _check_address(address: str) -> None:
    """Raise ``UsageError`` unless the address is a word that Ray knows, or accepts a connection."""
    if address in ("local", "auto"):
        return
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme not in ("", "ray") or not host or not port:
        raise UsageError(f"--ray {address}: not an address", "use local, auto, HOST:PORT or ray://HOST:PORT")
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error)) from None


def _no_cluster(address: str, problem: str) -> MemevalError:
    return UsageError(f"--ray {address}: there is no cluster to use: {problem}", "start one, or use --ray local")


def _cannot_measure(cause: str) -> MemevalError:
    return UsageError(f"--ray: a node cannot measure: {cause[:300]}", "install otel-memeval, in this version, on all nodes")
