"""Evals with agno's fields, which call a framework as agno's own evals do (``cookbook/09_evals/performance``)."""

from __future__ import annotations

import json
import re
from typing import Any

from otel_memeval.records import Result
from tests.cli.conftest import Tool
from tests.conftest import RunPython

FRAMEWORK = '''
import asyncio, contextlib, json, random, socket, uuid
from dataclasses import dataclass, field
from typing import Any, Callable, List, Optional

@dataclass
class PerformanceEval:
    """As agno's: the same fields, defaults, and post-processing when it is made."""
    func: Callable
    measure_runtime: bool = True
    measure_memory: bool = True
    name: Optional[str] = None
    eval_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    agent_id: Optional[str] = None
    team_id: Optional[str] = None
    model_id: Optional[str] = None
    model_provider: Optional[str] = None
    print_summary: bool = False
    print_results: bool = False
    warmup_runs: Optional[int] = 10
    num_iterations: int = 50
    result: Any = None
    memory_growth_tracking: bool = False
    top_n_memory_allocations: int = 5
    debug_mode: bool = False
    show_spinner: bool = True
    file_path_to_save_results: Optional[str] = None
    db: Any = None
    telemetry: bool = True
    def run(self, **kwargs): raise AssertionError("this is the tool's task")
    arun = run

class Reply:
    def __init__(self, content): self.content = content

def ask(prompt):
    """Ask a model: over a socket, as a client does."""
    here, there = socket.socketpair()
    with here, there:
        here.sendall(prompt.encode())
        return Reply("Answer to " + there.recv(4096).decode())

class Agent:
    def __init__(self, **settings): self.settings = settings
    def run(self, input, **options): return ask(input)

class Team(Agent):
    def arun(self, input, *, stream=False, **options):
        return self._stream(input) if stream else self._answer(input)
    async def _answer(self, input):
        await asyncio.sleep(0)
        return ask(input)
    async def _stream(self, input):
        for word in ask(input).content.split():
            yield word

class Db:
    def create_eval_run(self, eval_run):
        with open("../stored.json", "w") as file:
            json.dump(vars(eval_run), file)

class AsyncDb:
    async def create_eval_run(self, eval_run):
        await asyncio.sleep(0)
        if eval_run.name != "Team Memory Impact":
            raise ConnectionError("no answer from postgresql://user:secret-word@host/evals")
        print("stored", eval_run.name, eval_run.eval_type, eval_run.eval_data["memeval"]["verdict"])
'''

EVALS = """
from framework import *

team = Team(members=[Agent(name="weather")], add_history_to_context=True)
CITIES = ["New York", "Los Angeles", "Chicago"]
KEPT = []

def run_agent():
    return Agent(system_message="Be concise.").run("What is the capital of France?")

async def run_team():
    city = random.choice(CITIES)
    _ = team.arun(input=f"I love {city}!", stream=True, stream_events=True)
    return "Successfully ran team"

async def run_team_for_users():
    async def for_user(user):
        _ = team.arun(input="I love it!", user_id=user, session_id=f"session_{uuid.uuid4()}", stream=True)
    await asyncio.gather(*(for_user(user) for user in ("abel", "ben")))
    return "Successfully ran team"

async def run_users():
    async def for_user(user): await team.arun(input="I love it!", user_id=user)
    await asyncio.gather(*[for_user(user) for user in ("abel", "ben")])

def instantiate_agent():
    return Agent(system_message="Be concise, reply with one sentence.", tools=[ask])

def run_and_keep():
    KEPT.append(run_agent().content * 50)

team_options = dict(num_iterations=5, warmup_runs=0, measure_runtime=False, memory_growth_tracking=True)
simple = PerformanceEval(name="Simple", func=run_agent, num_iterations=1, warmup_runs=0)
unread = PerformanceEval(name="Team Memory Impact", func=run_team, **team_options)
unread_gathered = PerformanceEval(name="Users unread", func=run_team_for_users, **team_options)
gathered = PerformanceEval(name="Users", func=run_users, **team_options)
instantiation = PerformanceEval(name="Instantiation", func=instantiate_agent, num_iterations=40, warmup_runs=2, db=AsyncDb())
keeping = PerformanceEval(name="Keeping", func=run_and_keep, num_iterations=12, warmup_runs=2, agent_id="a", db=Db())
"""


def test_evals_with_agnos_fields_run_as_they_are(tool: Tool) -> None:
    """A stream that nobody reads is idle, also behind gather; an eval that works is not, however short or small it is."""
    tool.write("framework.py", FRAMEWORK)
    tool.write("cookbook.py", EVALS)
    done = tool.run("cookbook.py", "--max-iterations", "40")
    assert done.status == 1, done.text
    found = {result.eval.name: result.verdict for result in done.runs}
    assert {name: verdict.state for name, verdict in found.items() if verdict.state not in ("stable", "settling")} == {
        "Team Memory Impact": "idle",
        "Users unread": "idle",
        "Keeping": "leaking",
    }
    assert len(found) == 6
    assert "Team._stream is dropped unread at cookbook.py:13 (run_team)" in found["Team Memory Impact"].summary
    assert_stored(json.loads((tool.folder.parent / "stored.json").read_text()), done.runs[-1])
    problem = "the eval's database did not take the run: ConnectionError: no answer from postgresql://user:***@host/evals"
    assert problem in found["Instantiation"].reasons
    assert not [
        reason for name in found if name != "Instantiation" for reason in found[name].reasons if "database" in reason
    ]


def assert_stored(record: dict[str, Any], result: Result) -> None:
    """Assert that the database has agno's fields in agno's units, and the judgement of memory."""
    data = record.pop("eval_data")
    assert record == {
        "run_id": result.run.id,
        "eval_type": "performance",
        "name": "Keeping",
        "agent_id": "a",
        "team_id": None,
        "model_id": None,
        "model_provider": None,
        "evaluated_component_name": "run_and_keep",
        "eval_input": {"num_iterations": 12, "warmup_runs": 2},
    }
    measured = [iteration for iteration in result.iterations if iteration.phase == "measured"]
    mib = 1024 * 1024
    assert data["runs"] == [
        {"runtime": iteration.duration_seconds, "memory": (iteration.peak_bytes or 0) / mib} for iteration in measured
    ]
    runtime, peak = result.statistics.runtime_seconds, result.statistics.peak_bytes
    assert runtime is not None
    assert peak is not None
    assert (data["result"]["avg_run_time"], data["result"]["p95_run_time"]) == (runtime.mean, runtime.p95)
    assert (data["result"]["max_memory_usage"], data["result"]["std_dev_memory_usage"]) == (peak.max / mib, peak.stdev / mib)
    assert len(data["result"]) == 12
    assert data["memeval"]["verdict"] == "leaking"
    assert result.growth.retained is not None
    assert data["memeval"]["growth_bytes_per_iteration"]["retained"] == result.growth.retained.bytes_per_iteration


DOCUMENTED = """
import asyncio
from framework import Agent, AsyncDb, Team
from agno.eval.performance import PerformanceEval

team = Team()
KEPT = []

def run_agent():
    return Agent(system_message="Be concise.").run("What is the capital of France?")

async def arun_team():
    response = await team.arun("What is the capital of France?")
    KEPT.append(bytearray(100_000))
    return response

simple = PerformanceEval(name="Simple", func=run_agent, num_iterations=2, warmup_runs=0, measure_memory=False)
impact = PerformanceEval(
    name="Team Memory Impact", func=arun_team, num_iterations=6, warmup_runs=1, measure_runtime=False, debug_mode=True,
    memory_growth_tracking=True, db=AsyncDb(), telemetry=False,
)

if __name__ == "__main__":
    result = simple.run(print_results=True, print_summary=True)
    print("=====", result.verdict.state)
    asyncio.run(impact.arun(print_results=True, print_summary=True))
    print("=====")
    simple.run()
    impact.run(print_summary=True)
"""


def test_evals_as_agnos_documentation_writes_them_run_with_another_import(tool: Tool, run_python: RunPython) -> None:
    """The arguments of a call print their part; ``measure_runtime`` and ``measure_memory`` choose columns and judgement."""
    tool.write("framework.py", FRAMEWORK)
    program = DOCUMENTED.replace("from agno.eval.performance import", "from otel_memeval import")
    done = run_python(program, cwd=tool.folder)
    assert done.stderr == ""
    simple, impact, again = done.stdout.split("=====")
    assert re.search(r"^Simple: 2 iterations, Python .*\n#  duration\n1 .*\n2 .*\n\nStatistics", simple, re.MULTILINE)
    assert "\nduration  " in simple
    assert "\nretained  " not in simple
    assert simple.endswith("Simple: inconclusive: memory is not judged: measure_memory is False\n")
    assert impact.startswith(" inconclusive\nstored Team Memory Impact performance leaking\n")
    assert re.search(r"^ +# +retained +change +peak +process$", impact, re.MULTILINE)
    assert "duration" not in impact
    assert "Lines that grow" in impact
    assert "next: otel-memeval TARGET --explain" in impact
    assert "Simple" not in again
    assert " process\n" not in again
    assert again.startswith("\nstored Team Memory Impact performance leaking\nStatistics of the measured iterations\n")
    assert "Team Memory Impact: leaking: " in again
