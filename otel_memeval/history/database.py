"""History in PostgreSQL. A run that the database does not take in time waits in a folder.

Each call connects anew and does its work in a thread that is given up after the patience: name resolution and a server that
hangs have no other end.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar, cast

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from otel_memeval.config import waiting_runs_folder
from otel_memeval.errors import HistoryError, UsageError
from otel_memeval.history.migration import migrate
from otel_memeval.history.rows import Texts
from otel_memeval.history.run_file import UnusableRunFile, read_run, started_at, valid_texts
from otel_memeval.history.sql import load_queries
from otel_memeval.history.store import RunQuery
from otel_memeval.history.waiting import WaitingRuns
from otel_memeval.records import Result
from otel_memeval.records.run_summary import RunSummary
from otel_memeval.redact import one_line, secrets_in

_AWAY_SECONDS = 30.0
"""Time after a failure in which runs wait without another attempt, so that many targets do not wait for it each."""
_LEAST_SECONDS = 0.1
"""Time that is left for one more run that waits, and for one more query."""
_ANSWER_SECONDS = 0.05
"""Time from the end of a statement that takes too long to the error that says so."""
_NEXT_RUN_SECONDS = 5.0
"""Time without a query after which a query is of the next run, and not of the start of the command."""
_Outcome = TypeVar("_Outcome")
_Connection = psycopg.Connection[tuple[object, ...]]


class DatabaseHistory:
    """A database with runs, in its schema ``memeval``."""

    def __init__(
        self,
        address: str,
        environment: Mapping[str, str],
        log: Callable[[str], None],
        *,
        patience_seconds: float,
        is_patience_shared: bool = False,
    ) -> None:
        """Check the address. Raises ``UsageError`` if it is malformed; its parts are not shown, they may be a password.

        ``patience_seconds``: time for each call; if it is shared, for the calls of a run, half of it for queries.
        """
        logger = logging.getLogger("psycopg")
        if not logger.handlers:  # it would print on standard error what it ignores
            logger.addHandler(logging.NullHandler())
        self._parameters = _parsed(address)
        self._secrets = (*secrets_in({"HISTORY": address}), *secrets_in(environment))
        defaults = {option.keyword.decode(): option.val for option in psycopg.pq.Conninfo.get_defaults()}
        server = {
            name: self._parameters.get(name) or (defaults.get(name) or b"").decode()
            for name in ("host", "hostaddr", "port", "dbname", "user", "service")
        }
        self._waiting = WaitingRuns(waiting_runs_folder(environment), repr(sorted(server.items())))
        self._log = log
        self._patience_seconds = patience_seconds
        self._is_patience_shared = is_patience_shared
        self._query_seconds = 0.0
        """Shared patience that queries since the last run have used."""
        self._last_query = 0.0
        self._queries = load_queries()
        self._away_until = 0.0
        self._away_reason = ""
        self._given_up: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Return the address with user, host, port and database only."""
        parts = {name: str(self._parameters.get(name) or "") for name in ("user", "host", "port", "dbname")}
        user = f"{parts['user']}@" if parts["user"] else ""
        port = f":{parts['port']}" if parts["port"] else ""
        if parts["host"].startswith("/"):  # the folder of a socket
            return f"postgresql://{user}{port}/{parts['dbname']}?host={parts['host']}"
        host = f"[{parts['host']}]" if ":" in parts["host"] else parts["host"]
        return f"postgresql://{user}{host}{port}/{parts['dbname']}"

    def add(self, results: Sequence[tuple[Result, RunSummary]]) -> int:
        """Keep runs, take in runs that wait, and return the number of new ones among the former.

        Raises ``HistoryError`` for a run that is neither kept nor waits.
        """
        runs = [(result, valid_texts(summary)) for result, summary in results]
        kept: dict[str, bool] = {}
        reason = ""
        try:
            seconds = self._patience_seconds - self._query_seconds
            self._query_seconds = 0.0
            self._call(lambda connection, deadline: self._add_all(connection, deadline, runs, kept), seconds)
        except HistoryError as error:
            reason = str(error)
        left = [run for run in runs if run[1].run_id not in kept]
        for result, summary in left:
            self._waiting.put(result, summary)
        if left:
            self._log(f"{_number(len(left))} in {self._waiting.folder}: {reason}")
        elif reason and not runs:
            raise HistoryError(reason)
        return sum(kept.values())

    def _add_all(
        self, connection: _Connection, deadline: float, runs: Sequence[tuple[Result, RunSummary]], kept: dict[str, bool]
    ) -> None:
        """Insert runs, and note which are stored, and whether they are new."""
        problem: psycopg.Error | None = None
        for result, summary in runs:
            try:
                is_new = self._insert(connection, deadline, result, summary)
                kept[summary.run_id] = is_new or kept.get(summary.run_id, False)
            except psycopg.DataError as error:  # of this run only
                problem = error
        self._take_in(connection, deadline)
        if problem is not None:
            raise problem

    def _take_in(self, connection: _Connection, deadline: float) -> None:
        """Take in runs that wait, as many as there is time for."""
        number = 0
        for path in self._waiting.files():
            if deadline - time.monotonic() < _LEAST_SECONDS:
                break
            try:
                self._insert(connection, deadline, *read_run(path))
            except (UnusableRunFile, psycopg.DataError) as problem:
                if path.exists():  # else another process has taken it in
                    self._log(f"{path} is left out: {self._shown(problem)}")
                continue
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            number += 1
        if number:
            self._log(f"{number} run{'' if number == 1 else 's'} that waited for the history {self.address} taken in")

    def _insert(self, connection: _Connection, deadline: float, result: Result, summary: RunSummary) -> bool:
        """Insert a run in one transaction, unless it is there already; return whether it was not."""
        texts = _texts(connection)
        with self._transaction(connection, deadline):
            added = connection.execute(self._queries["add_run"], texts.run(result, summary)).fetchone()
            if added is None:
                return False
            for query, rows in texts.details(result, summary, added[0]).items():
                if rows:
                    connection.execute(self._queries[query], {"rows": msgspec.json.encode(rows).decode()})
        return True

    @property
    def runs_waiting(self) -> int:
        """Return the number of runs that wait for the database on this machine."""
        return len(self._waiting.files())

    def runs(self, query: RunQuery, limit: int) -> list[RunSummary]:
        """Return the newest runs that meet the conditions, the newest first."""

        def read(connection: _Connection, deadline: float) -> list[RunSummary]:
            return self._summaries(connection, deadline, "runs", _texts(connection).query(query, limit))

        return self._query(read)

    def with_prefix(self, prefix: str) -> list[RunSummary]:
        """Return at most ten runs whose identifier begins with ``prefix``, the newest first."""

        def read(connection: _Connection, deadline: float) -> list[RunSummary]:
            return self._summaries(connection, deadline, "with_prefix", {"prefix": _texts(connection).plain(prefix)})

        return self._query(read)

    def _summaries(
        self, connection: _Connection, deadline: float, query: str, values: Mapping[str, object]
    ) -> list[RunSummary]:
        with self._transaction(connection, deadline):
            rows = connection.execute(self._queries[query], values).fetchall()
        return list(filter(None, (self._summary(str(text), cast("list[str]", tags)) for text, tags in rows)))

    def _summary(self, text: str, tags: list[str]) -> RunSummary | None:
        """Return a summary; None, and a line in the log, for one of a later version that cannot be read."""
        try:
            return msgspec.structs.replace(msgspec.json.decode(text, type=RunSummary), tags=tuple(tags))
        except msgspec.DecodeError as error:
            self._log(f"a run in {self.address} is left out: {self._shown(error)}")
            return None

    def result(self, run_id: str) -> Result | None:
        """Return the whole result of a run; None if there is no such run."""

        def read(connection: _Connection, deadline: float) -> Result | None:
            with self._transaction(connection, deadline):
                row = connection.execute(self._queries["result"], {"run_id": _texts(connection).key(run_id)}).fetchone()
            try:
                return None if row is None else msgspec.json.decode(str(row[0]), type=Result)
            except msgspec.DecodeError as error:
                raise HistoryError(f"the run {run_id} in {self.address} cannot be read: {self._shown(error)}") from None

        return self._query(read)

    def tag(self, run_id: str, name: str) -> None:
        """Give a name to a run; a name that another run of the same eval has moves to this one."""

        def write(connection: _Connection, deadline: float) -> int:
            texts = _texts(connection)
            with self._transaction(connection, deadline):
                values = {"run_id": texts.key(run_id), "name": texts.key(name)}
                return connection.execute(self._queries["tag"], values).rowcount

        if self._query(write) != 1:
            raise HistoryError(f"there is no run {run_id} in {self.address}")

    def prune(self, started_before: str) -> int:
        """Delete the runs that started before, except those with a name; return their number."""

        def write(connection: _Connection, deadline: float) -> int:
            with self._transaction(connection, deadline):
                values = {"started_before": started_at(started_before)}
                return connection.execute(self._queries["prune"], values).rowcount

        return self._query(write)

    def close(self) -> None:
        """Do nothing: no connection stays open."""

    def _query(self, work: Callable[[_Connection, float], _Outcome]) -> _Outcome:
        """Return the outcome of a query. Raises ``HistoryError`` if there is none in time."""
        if not self._is_patience_shared:
            return self._call(work, self._patience_seconds)
        begin = time.monotonic()
        if begin - self._last_query > _NEXT_RUN_SECONDS:
            self._query_seconds = 0.0
        seconds = self._patience_seconds / 2 - self._query_seconds
        if seconds < _LEAST_SECONDS:
            raise HistoryError(f"the history {self.address} is too slow")
        try:
            return self._call(work, seconds)
        finally:
            self._last_query = time.monotonic()
            self._query_seconds += min(seconds, self._last_query - begin)

    def _call(self, work: Callable[[_Connection, float], _Outcome], seconds: float) -> _Outcome:
        """Return the outcome of work on a new connection. Raises ``HistoryError`` if there is none within ``seconds``."""
        if time.monotonic() < self._away_until or (self._given_up is not None and self._given_up.is_alive()):
            raise HistoryError(self._away_reason)
        deadline = time.monotonic() + seconds
        outcomes: list[_Outcome] = []
        problems: list[BaseException] = []

        def run() -> None:
            try:
                with self._connection() as connection:
                    migrate(connection, self._queries, lambda: self._transaction(connection, deadline))
                    outcomes.append(work(connection, deadline))
            except BaseException as error:  # noqa: BLE001 - raised in the calling thread
                problems.append(error)

        thread = threading.Thread(target=run, name="history", daemon=True)
        thread.start()
        thread.join(seconds)
        self._given_up = thread if thread.is_alive() else None
        if outcomes:
            return outcomes[0]
        reason = f"no answer within {seconds:.1f} s"
        if self._given_up is None:
            (problem,) = problems
            if not isinstance(problem, (psycopg.Error, OSError)):
                raise problem
            reason = self._shown(problem)
        self._away_reason = f"the history {self.address} is not available ({reason})"
        if self._given_up is not None or isinstance(problem, psycopg.OperationalError):
            self._away_until = time.monotonic() + _AWAY_SECONDS
        raise HistoryError(self._away_reason)

    def _connection(self) -> _Connection:
        """Return a new connection, without server-side prepared statements: they fail behind PgBouncer."""
        most_seconds = max(2, round(self._patience_seconds))  # libpq takes no less
        limits: dict[str, str | int | None] = {
            "connect_timeout": most_seconds,
            "tcp_user_timeout": 1000 * most_seconds,
            "client_encoding": "UTF8",
        }
        parameters = {"fallback_application_name": "otel-memeval", **self._parameters, **limits}
        return psycopg.connect(make_conninfo("", **parameters), autocommit=True, prepare_threshold=None)

    @contextlib.contextmanager
    def _transaction(self, connection: _Connection, deadline: float) -> Iterator[None]:
        """Run the block in a transaction whose statements end before the deadline."""
        milliseconds = max(1, round(1000 * (deadline - time.monotonic() - _ANSWER_SECONDS)))
        with connection.transaction():
            connection.execute(self._queries["begin"], {"milliseconds": milliseconds})
            yield

    def _shown(self, error: BaseException) -> str:
        """Return the first line of an error without secrets."""
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return one_line(first.removeprefix("connection failed: "), self._secrets)


def _parsed(address: str) -> dict[str, str]:
    """Return the parameters of a connection string.

    Raises ``UsageError`` without a part of it: in a password with a character that is not escaped, any part is of the
    password.
    """
    remedy = "write postgresql://USER@HOST:PORT/DATABASE; in a password, %40 is @, %2F is / and %3A is :"
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(address).items() if value is not None}
    except psycopg.Error:
        raise UsageError("the address of the history is no connection string of PostgreSQL", remedy) from None
    ports = re.fullmatch(r"(\d{1,5}(,\d{1,5})*)?", parameters.get("port", ""))
    if ports is None or any("@" in parameters.get(name, "") for name in ("host", "dbname")):
        raise UsageError("the address of the history is no connection string of PostgreSQL", remedy)
    return parameters


def _texts(connection: _Connection) -> Texts:
    return Texts(connection.info.parameter_status("server_encoding") or "UTF8")


def _number(count: int) -> str:
    return "1 run waits" if count == 1 else f"{count} runs wait"
