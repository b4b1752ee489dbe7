"""Measure one team of agents on nine frameworks: ``python -m benchmarks.frameworks [NAME...]``.

Each framework runs in an environment of its own through ``--python`` (kept in the user's cache, or ``--envs DIR``), against
the local model server and an embedded PostgreSQL, without and with ``--trace-scenario``. ``--confirm`` leaves this tool out:
it calls the same scenario in a plain loop and prints the memory that it keeps. ``--agno-evals`` runs agno's own evals
instead, from the checkout that ``MEMEVAL_AGNO_CHECKOUT`` names. Results are added to ``benchmarks/results/frameworks.json``,
and ``frameworks.txt`` beside it is written anew.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from psycopg.conninfo import conninfo_to_dict

from benchmarks.frameworks.agno_evals import eval_files, measure_evals
from benchmarks.frameworks.environments import environment
from benchmarks.frameworks.frameworks import FRAMEWORKS, Framework
from benchmarks.frameworks.measure import Measurement, confirm, measure, plain_cpu_seconds, variables
from benchmarks.frameworks.results_file import command, load, save
from benchmarks.frameworks.table import confirmed, failing, lasts, table, title
from benchmarks.packages.environments import UnavailableError, default_folder
from benchmarks.tool_runs import ROOT
from scenarios.services.launch import EmbeddedServices

WARMUP = 3
CONFIRM_CALLS = 2000
NAMES = tuple(framework.name for framework in FRAMEWORKS)


def main() -> None:
    """Measure and print; exit with 1 if a verdict fails a build and no plain loop confirms growth."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frameworks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(NAMES))
    parser.add_argument("--repetitions", metavar="N", type=int, default=10)
    parser.add_argument("--iterations", metavar="N", type=int, default=20, help=f"20; with --confirm {CONFIRM_CALLS}")
    parser.add_argument("--traced", choices=("no", "yes", "both"), default="both", help="with --trace-scenario")
    parser.add_argument("--confirm", action="store_true", help="without this tool: the memory that a plain loop keeps")
    parser.add_argument("--agno-evals", action="store_true", help="agno's own evals, unmodified")
    parser.add_argument("--envs", metavar="DIR", type=Path, default=default_folder().with_name("frameworks"))
    parser.add_argument("--results", metavar="FILE", type=Path, default=ROOT / "benchmarks/results/frameworks.json")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep each run's own result")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}")
    services = asyncio.run(EmbeddedServices.start(model_server=True, database=True))
    try:
        benchmark = Benchmark(arguments.envs.resolve(), arguments.results, _addresses(services), arguments.keep)
        chosen = [framework for framework in FRAMEWORKS if framework.name in (arguments.names or NAMES)]
        if arguments.agno_evals:
            benchmark.measure_agno_evals()
        elif arguments.confirm:
            calls = CONFIRM_CALLS if arguments.iterations == parser.get_default("iterations") else arguments.iterations
            benchmark.confirm(chosen, calls, traced=arguments.traced == "yes")
        else:
            ways = {"no": (False,), "yes": (True,), "both": (False, True)}[arguments.traced]
            options = ["--repetitions", str(arguments.repetitions), "--iterations", str(arguments.iterations)]
            benchmark.results.command = command(options)
            benchmark.measure(chosen, ways, arguments.repetitions, arguments.iterations)
    finally:
        asyncio.run(services.stop())
    sys.exit(benchmark.has_unconfirmed_alarms())


class Benchmark:
    """Measures into a file of results, which is saved after each run."""

    def __init__(self, envs: Path, path: Path, services: Mapping[str, str], keep: Path | None) -> None:
        self.results = load(path)
        self._envs = envs
        self._path = path
        self._services = dict(services)
        self._keep = keep
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)

    def measure(self, frameworks: list[Framework], ways: tuple[bool, ...], repetitions: int, iterations: int) -> None:
        """Measure each framework; its earlier measurements are replaced."""
        for framework in frameworks:
            python = self._environment(framework)
            if python is None:
                continue
            for traced in ways:
                same = (framework.name, traced)
                kept = [found for found in self.results.measurements if (found.name, found.traced) != same]
                self.results.measurements = kept
                for number in range(1, repetitions + 1):
                    keep = self._keep / f"{framework.name}-{traced}-{number}.json" if self._keep is not None else None
                    self.results.measurements.append(self._measure(framework, python, iterations, keep, traced=traced))
                    self._sort()
                    save(self.results, self._path)
        print(table([found for found in self.results.measurements if found.name in {chosen.name for chosen in frameworks}]))
        print("\n".join(failing(self.results.measurements)))

    def confirm(self, frameworks: list[Framework], calls: int, *, traced: bool) -> None:
        """Call each framework in a plain loop, with its instrumentation if ``traced``."""
        for framework in frameworks:
            python = self._environment(framework)
            if python is not None:
                with variables(self._services_of(framework), traced=traced) as environment_:
                    kept = confirm(framework.path(), python, environment_, calls)
                self.results.confirmed[title(framework.name, traced=traced)] = {**kept, "calls": [calls]}
                save(self.results, self._path)
        print("\n".join(confirmed(self.results.confirmed)))

    def measure_agno_evals(self) -> None:
        """Run agno's own evals in the environment of agno."""
        try:
            files = eval_files()
            python = environment(FRAMEWORKS[0], self._envs)
        except UnavailableError as unavailable:
            sys.exit(f"agno's evals: {unavailable}")
        self.results.agno_evals = []
        with variables(self._services, traced=False) as environment_:
            for measurement in measure_evals(files, python, environment_):
                print(f"{measurement.name:50} {measurement.state}: {measurement.summary}", flush=True)
                self.results.agno_evals.append(measurement)
                save(self.results, self._path)

    def has_unconfirmed_alarms(self) -> bool:
        """Return whether a verdict fails a build although no plain loop keeps memory to its end."""
        leaking = {name for name, kept in self.results.confirmed.items() if lasts(kept)}
        return any(
            not found.passed and title(found.name, traced=found.traced) not in leaking for found in self.results.measurements
        )

    def _measure(
        self, framework: Framework, python: Path, iterations: int, keep: Path | None, *, traced: bool
    ) -> Measurement:
        services = self._services_of(framework)
        options = ["--iterations", str(iterations), "--warmup", str(WARMUP), *(["--trace-scenario"] if traced else [])]
        with variables(services, traced=traced) as environment_:
            (measurement,) = measure(str(framework.path()), framework.name, python, environment_, options, keep=keep)
        with variables(services, traced=False) as environment_:
            plain = plain_cpu_seconds(framework.path(), python, environment_, WARMUP + iterations)
        kind = "traced" if traced else "untraced"
        print(
            f"{framework.name:16}{kind:9} {measurement.seconds:4.0f} s  {measurement.state}: {measurement.summary}",
            flush=True,
        )
        return msgspec.structs.replace(measurement, plain_cpu_seconds=round(plain, 1))

    def _environment(self, framework: Framework) -> Path | None:
        self.results.unavailable.pop(framework.name, None)
        try:
            return environment(framework, self._envs)
        except UnavailableError as unavailable:
            self.results.unavailable[framework.name] = str(unavailable)
            print(f"{framework.name}: not measured: {unavailable}", flush=True)
            save(self.results, self._path)
            return None

    def _services_of(self, framework: Framework) -> dict[str, str]:
        """Return the addresses that a scenario gets: that of the database only if it stores there."""
        return {
            name: value for name, value in self._services.items() if name != "TEAM_DSN" or framework.storage == "PostgreSQL"
        }

    def _sort(self) -> None:
        self.results.measurements.sort(key=lambda found: (NAMES.index(found.name), found.traced))


def _addresses(services: EmbeddedServices) -> dict[str, str]:
    """Return the variables with the addresses of the services, that of the database as SQLAlchemy reads it."""
    assert services.model_url is not None
    assert services.dsn is not None
    parts = conninfo_to_dict(services.dsn)
    where = urlencode({"host": parts["host"], "port": parts["port"]})
    dsn = f"postgresql+psycopg://{parts['user']}@/{parts['dbname']}?{where}"
    return {
        "OPENAI_BASE_URL": services.model_url,
        "OPENAI_API_KEY": "no-key-needed",
        "TEAM_DSN": dsn,
        "NO_PROXY": "127.0.0.1",
    }


if __name__ == "__main__":
    main()
