"""Measure the history of runs: large, killed, and with a server that is killed.

    python -m benchmarks.history [--runs 20000] [--kills 200]

Runs of 50 iterations are kept in a folder and in PostgreSQL, and the queries of a listing and of a baseline are timed. Four
processes keep 200 runs while the server is killed and started again. A process that writes a folder is killed at random
moments. Exits with 1 if a query takes 100 ms, a run is missing or there twice, or a run is delayed by more than two seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from multiprocessing import Pool
from pathlib import Path

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from otel_memeval.history.database import DatabaseHistory
from otel_memeval.history.folder import FolderHistory
from otel_memeval.history.index import FILE
from otel_memeval.history.run_file import summary_of
from otel_memeval.history.store import HistoryStore, RunQuery
from otel_memeval.records import Channels, Eval, Git, Growth, Holder, Iteration, Limits, Result, Run, Site, Summary, Verdict
from otel_memeval.records.run_summary import RunSummary
from scenarios.services.postgres import EmbeddedPostgres

ITERATIONS = 50
EVALS = 20
BRANCHES = ("main", "main", "main", "feature/one", "feature/two")
AT_ONCE = 500
ALLOWED_SECONDS = 0.1
DELAY_SECONDS = 2.0
TIMES = 15
RUNS_WITH_KILLS = 200
WRITERS = 4

KeptRun = tuple[Result, RunSummary]


def template() -> Result:
    """Return a leaking run of 50 iterations."""
    started = datetime(2026, 1, 1, tzinfo=timezone.utc).isoformat()
    iterations = [
        Iteration(
            index=index,
            phase="measured",
            started_at=started,
            duration_seconds=0.5,
            status="ok",
            retained_bytes=1_000_000 + 4096 * index,
            retained_blocks=1000 + index,
            peak_bytes=2_000_000,
            traced_current_bytes=3_000_000,
            rss_bytes=60_000_000,
            uss_bytes=50_000_000,
            native_heap_bytes=1_000_000,
            cpu_seconds=0.25,
        )
        for index in range(1, ITERATIONS + 1)
    ]
    return Result(
        run=Run(id="", started_at=started, duration_seconds=30.0, target="agent.py:agent", python="3.12.4",
                platform="Linux-6.1", packages={f"package-{number}": "1.2.3" for number in range(30)}),
        eval=Eval(name="", iterations=ITERATIONS, warmup=3, limits=Limits()),
        iterations=iterations,
        growth=Channels(retained=Growth(bytes_per_iteration=4096.0, ci_low=4090.0, ci_high=4100.0)),
        sites=[Site(file="agent.py", line=line, function="run", retained_bytes=20480, blocks=5, bytes_per_iteration=819.2,
                    signature=f"{line:012x}") for line in range(5)],
        holders=[Holder(path="agent.KEPT", type="list", length=50, items_per_iteration=1.0)],
        verdict=Verdict(state="leaking", summary="keeps 4.00 KiB more every iteration", reasons=["a reason"]),
        statistics=Summary(),
    )  # fmt: skip


def made_runs(count: int) -> Iterator[KeptRun]:
    """Yield runs of several evals, branches and commits, an hour apart."""
    plain = template()
    begin = datetime(2024, 1, 1, tzinfo=timezone.utc)
    for number in range(count):
        git = Git(commit=f"{number // EVALS:040x}", branch=BRANCHES[number // EVALS % len(BRANCHES)], dirty=False)
        started = (begin + timedelta(minutes=30 * number)).isoformat()
        run = msgspec.structs.replace(plain.run, id=uuid.uuid4().hex, started_at=started, git=git)
        eval_ = msgspec.structs.replace(plain.eval, name=f"Eval {number % EVALS}")
        result = msgspec.structs.replace(plain, run=run, eval=eval_)
        yield result, summary_of(result, number % 3 != 0)


def fill(store: HistoryStore, runs: Sequence[KeptRun]) -> float:
    """Keep runs; return the seconds for one."""
    begin = time.perf_counter()
    for start in range(0, len(runs), AT_ONCE):
        store.add(runs[start : start + AT_ONCE])
    return (time.perf_counter() - begin) / len(runs)


def timed(call: Callable[[], object]) -> float:
    """Return the median of the seconds of a call."""
    seconds = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def large(open_store: Callable[[], HistoryStore], kind: str, runs: Sequence[KeptRun], command: list[str]) -> bool:
    """Time the queries of a history with many runs; return whether each is fast enough."""
    store = open_store()
    write_seconds = fill(store, runs)
    begin = time.perf_counter()
    assert len(store.runs(RunQuery(), 10)) == 10
    print(f"- {kind}: a run is kept in {1000 * write_seconds:.1f} ms; first query {time.perf_counter() - begin:.2f} s")
    summary = runs[-1][1]
    baseline = RunQuery(
        eval=summary.eval, settings=summary.settings, branch="main", passed=True, started_before=summary.started_at
    )
    queries: dict[str, Callable[[], object]] = {
        "listing of 30 runs": lambda: open_store().runs(RunQuery(), 30),
        "listing of an eval": lambda: open_store().runs(RunQuery(eval="Eval 7"), 30),
        "baseline, the last 10 passing runs on main": lambda: open_store().runs(baseline, 10),
        "runs of a commit": lambda: open_store().runs(RunQuery(commit=summary.commit), 30),
        "a run by the beginning of its id, with its result": lambda: open_store().result(
            open_store().with_prefix(summary.run_id[:8])[0].run_id
        ),
    }
    fine = True
    for name, query in queries.items():
        seconds = timed(query)
        fine = fine and seconds < ALLOWED_SECONDS
        print(f"  - {name}: {1000 * seconds:.1f} ms", flush=True)
    seconds = timed(
        lambda: subprocess.run([sys.executable, "-m", "otel_memeval", *command], check=True, capture_output=True)
    )
    print(f"  - the command that lists 30 runs, from start to end: {1000 * seconds:.0f} ms", flush=True)
    return fine


def made_anew(folder: str) -> None:
    """Time the first query after the index of a folder was deleted."""
    (Path(folder) / FILE).unlink()
    begin = time.perf_counter()
    FolderHistory(folder, print).runs(RunQuery(), 30)
    print(f"  - the index made anew from the files: {time.perf_counter() - begin:.1f} s", flush=True)


def keep_runs(arguments: tuple[str, str, int]) -> tuple[list[str], float]:
    """Keep runs as so many commands would; return their identifiers and the longest delay."""
    address, folder, count = arguments
    kept, longest = [], 0.0
    for result, summary in made_runs(count):
        begin = time.monotonic()
        open_database(address, folder).add([(result, summary)])
        longest = max(longest, time.monotonic() - begin)
        kept.append(summary.run_id)
        time.sleep(0.2)
    return kept, longest


def open_database(address: str, folder: str, seconds: float = DELAY_SECONDS) -> DatabaseHistory:
    """Open a history whose runs wait in a folder."""
    return DatabaseHistory(address, {"MEMEVAL_SPOOL": folder}, lambda _: None, patience_seconds=seconds)


def killed_server(postgres: EmbeddedPostgres, data: Path, address: str, folder: Path) -> bool:
    """Kill and start the server while processes keep runs; return whether each run is there once and was not delayed."""
    kills = 0
    jobs = [(address, str(folder), RUNS_WITH_KILLS // WRITERS)] * WRITERS
    with Pool(WRITERS) as pool:
        keeping = pool.map_async(keep_runs, jobs)
        while not keeping.ready():
            time.sleep(random.uniform(0.2, 1.0))
            pid = int((data / "postmaster.pid").read_text().split()[0])
            how = random.choice([signal.SIGKILL, signal.SIGQUIT, signal.SIGSTOP])
            os.killpg(pid, how)
            if how == signal.SIGSTOP:  # it accepts connections and says nothing
                time.sleep(DELAY_SECONDS + 0.5)
                os.killpg(pid, signal.SIGKILL)
            postgres.stop()  # its entry in the table of processes goes
            kills += 1
            time.sleep(random.uniform(0.1, 1.0))
            for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
                (data / name).unlink(missing_ok=True)
            postgres.serve(lambda: False)
        outcomes = keeping.get()
    waited = len(list(folder.rglob("*.json")))
    history = open_database(address, str(folder), 60.0)
    history.add([])
    found = Counter(run.run_id for run in history.runs(RunQuery(), 10_000))
    expected = {run_id for kept, _ in outcomes for run_id in kept}
    missing, twice = expected - found.keys(), [run_id for run_id, number in found.items() if number > 1]
    longest = max(seconds for _, seconds in outcomes)
    left = len(list(folder.rglob("*.json")))
    print(f"- {len(expected)} runs from {WRITERS} processes, the server killed or stopped {kills} times:")
    print(f"  {len(missing)} missing, {len(twice)} twice; {waited} waited at the end, {left} after `history import`;")
    print(f"  longest delay {longest:.2f} s")
    return not missing and not twice and not left and longest < DELAY_SECONDS + 0.1


def write_for_ever(folder: str, first: int, pipe: int) -> None:
    """Keep runs until the process is killed; write the number of each to the pipe before it is kept."""
    history = FolderHistory(folder, lambda _: None)
    result = template()
    for number in range(first, sys.maxsize):
        run = msgspec.structs.replace(result.run, id=f"run{number}")
        os.write(pipe, f"{number}\n".encode())
        kept = msgspec.structs.replace(result, run=run)
        history.add([(kept, summary_of(kept))])


def killed_writer(folder: Path, kills: int) -> bool:
    """Kill a process that writes a folder at random moments; return whether nothing but the run in progress is missing."""
    lines: list[str] = []
    first, expected = 0, set[str]()
    for _ in range(kills):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                write_for_ever(str(folder), first, writing)
            os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            pipe.readline()
            time.sleep(random.uniform(0, 0.1))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            rest = pipe.read().split()
        last = int(rest[-1]) if rest else first
        expected.update(f"run{number}" for number in range(first, last))
        found = Counter(run.run_id for run in FolderHistory(str(folder), lines.append).runs(RunQuery(), 1 << 20))
        if expected - found.keys() or max(found.values(), default=0) > 1 or lines:
            print(f"- killed writer: missing {expected - found.keys()}, lines {lines}")
            return False
        first = last + 1
    print(f"- {kills} kills of a process that writes a folder: {len(expected)} runs complete, none missing, none twice")
    return True


def main() -> int:
    """Run all parts; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20_000, metavar="N")
    parser.add_argument("--kills", type=int, default=200, metavar="N")
    arguments = parser.parse_args()
    runs = list(made_runs(arguments.runs))
    print(f"{len(runs):,} runs with {len(runs) * ITERATIONS:,} iterations\n")
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        postgres = EmbeddedPostgres(base / "server")
        (base / "server").mkdir()
        base.chmod(0o755)
        postgres.start()
        try:
            postgres.wait_until_ready(lambda: False)
            server = conninfo_to_dict(postgres.dsn)
            with psycopg.connect(postgres.dsn, autocommit=True) as connection:
                connection.execute("CREATE DATABASE large")
                connection.execute("CREATE DATABASE killed")
            address = f"postgresql://postgres@/NAME?host={server['host']}&port={server['port']}"
            of_large, of_killed = address.replace("NAME", "large"), address.replace("NAME", "killed")
            folder = str(base / "large")
            results = [large(lambda: FolderHistory(folder, print), "folder", runs, ["history", "--history", folder])]
            made_anew(folder)
            results += [
                large(lambda: open_database(of_large, str(base / "spool"), 3600.0), "PostgreSQL", runs,
                      ["history", "--history", of_large]),
                killed_server(postgres, base / "server" / "data", of_killed, base / "waiting"),
                killed_writer(base / "killed", arguments.kills),
            ]  # fmt: skip
        finally:
            postgres.stop()
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
