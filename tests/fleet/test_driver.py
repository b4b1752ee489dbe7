"""The driver with tasks that run in this process, through the functions that a node runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from otel_memeval.errors import MemevalError, TargetError, UsageError
from otel_memeval.fleet import node
from otel_memeval.fleet.cluster import Call, Cluster, Lost
from otel_memeval.fleet.demands import Demands
from otel_memeval.fleet.driver import Driver
from otel_memeval.fleet.events import IterationEnded, repeat
from otel_memeval.fleet.messages import (
    EvalMeasured,
    FleetRequest,
    Found,
    FoundEval,
    Node,
    Refused,
    decode_answer,
    decode_request,
    encode,
)
from otel_memeval.records import Eval, Iteration, Limits, Result
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options

EVALS = """\
import os
from otel_memeval import PerformanceEval
KEPT = []
def leak():
    KEPT.append(bytearray(4000))
def check():
    print("the token is", os.environ["TOKEN"], [name for name in os.environ if name.startswith("RAY_")])
leaking = PerformanceEval(func=leak, name="leaking", num_iterations=8, warmup_runs=1, resources={"gpu": 1})
checking = PerformanceEval(func=check, name="checking", num_iterations=4, warmup_runs=0)
"""


def request(folder: Path | None = None) -> FleetRequest:
    """Return a request for all evals of a target."""
    return FleetRequest(
        target="",
        options=Options(python=sys.executable),
        ignore=[],
        folder=None if folder is None else str(folder),
        environment={"TOKEN": "secret-of-the-driver"},
        git=None,
        parent=None,
        content_capture="none",
        sampled=None,
    )


class TasksHere:
    """Tasks that run in this process as soon as they are waited for; ``loses``: the attempts of each eval that are lost."""

    def __init__(self, answers: Callable[[Call, bytes], bytes], loses: int = 0) -> None:
        self._answers = answers
        self._loses = loses
        self._tasks: dict[object, tuple[Call, bytes]] = {}
        self._attempts: dict[bytes, int] = {}
        self.demands: list[Demands] = []
        self.cancelled: list[object] = []

    def submit(self, call: Call, data: bytes, demands: Demands) -> object:
        """Keep a task."""
        self.demands.append(demands)
        self._tasks[len(self.demands)] = (call, data)
        return len(self.demands)

    def ended(self, keys: Sequence[object], seconds: float) -> Sequence[object]:
        """Return the first key."""
        return list(keys)[:1]

    def answer(self, key: object) -> bytes:
        """Run the task."""
        call, data = self._tasks[key]
        self._attempts[data] = self._attempts.get(data, 0) + 1
        if call == "measure" and self._attempts[data] <= self._loses:
            raise Lost("NodeDied")
        return self._answers(call, data)

    def missing(self, demands: Demands) -> list[str]:
        """Return GPUs: there is none."""
        return ["GPU"] if demands.gpus else []

    def cancel(self, keys: Sequence[object]) -> None:
        """Note the keys."""
        self.cancelled += keys


def on_node(call: Call, data: bytes) -> bytes:
    """Answer as a node does."""
    return node.measure(data) if call == "measure" else node.find_evals(data)


def drive(
    tasks: TasksHere, request_: FleetRequest, *targets: str, is_stopping: Callable[[], bool] = lambda: False
) -> tuple[list[EvalMeasured], list[str], list[str], MemevalError | None]:
    """Return what was reported, the notes, the targets that were left, and the error."""
    reported: list[EvalMeasured] = []
    notes: list[str] = []
    driver = Driver(tasks, request_, {"cpu": 0.5}, reported.append, notes.append)
    try:
        left = driver.run(targets, is_stopping)
    except MemevalError as error:
        return reported, notes, [], error
    return reported, notes, left, None


@pytest.mark.process
def test_evals_of_a_file_are_found_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each eval is a task with its resources; output, iterations and result come back, secrets masked; errors come last."""
    (tmp_path / "evals.py").write_text(EVALS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_JOB_ID", "1")
    tasks = TasksHere(on_node)
    reported, notes, _, error = drive(tasks, request(tmp_path), "missing.py", "evals.py")
    assert {(demands.cpus, demands.gpus) for demands in tasks.demands} == {(1.0, 0.0), (0.5, 1.0), (0.5, 0.0)}
    assert [measured.result.run.target for measured in reported] == ["evals.py:leaking", "evals.py:checking"]
    leaking, checking = reported
    assert (leaking.result.verdict.state, leaking.result.sites[0].line) == ("leaking", 5)
    assert sum(isinstance(event, IterationEnded) for event in leaking.events) == 9
    assert leaking.result.eval.resources == {"gpu": 1}
    shown = _Calls()
    repeat(checking.events, checking.result, shown)
    assert shown.output.splitlines()[0] == "the token is *** []"
    assert shown.iterations == len(checking.result.iterations) == 4
    assert shown.result == checking.result
    assert isinstance(error, TargetError)
    assert "missing.py" in str(error)
    assert notes[-1] == "no node of the cluster has enough GPU for evals.py:leaking: it waits for one"


class _Calls(Observer):
    """Keeps what an observer is told."""

    def __init__(self) -> None:
        self.output = ""
        self.iterations = 0
        self.result: Result | None = None

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:
        self.iterations += 1

    def on_output(self, output: str) -> None:
        self.output = output

    def on_result(self, result: Result) -> None:
        self.result = result


def answers(make_result: Callable[..., Result], names: Sequence[str]) -> Callable[[Call, bytes], bytes]:
    """Return answers of a target with these evals, without measuring."""

    def answer(call: Call, data: bytes) -> bytes:
        if call == "find_evals":
            found = [FoundEval(target=f"m:{name}", eval=_eval(name)) for name in names]
            return encode(Found(evals=found))
        result = make_result(eval=_eval(decode_request(data).target))
        return encode(EvalMeasured(node=Node(host="a", process_id=1), events=[], result=result))

    return answer


def _eval(name: str) -> Eval:
    return Eval(name=name, iterations=5, warmup=0, limits=Limits())


def test_lost_eval_is_measured_once_more_and_reported_once(make_result: Callable[..., Result]) -> None:
    """After one loss it is measured elsewhere; after two it is a failed result. No eval is missing or there twice."""
    for loses, states, number in ((0, "leaking", 0), (1, "leaking", 3), (2, "failed", 3)):
        reported, notes, _, error = drive(TasksHere(answers(make_result, "abc"), loses), request(), "m")
        assert sorted(measured.result.eval.name for measured in reported) == ["m:a", "m:b", "m:c"]
        assert {measured.result.verdict.state for measured in reported} == {states}
        assert sum("is measured again: its node or its process was lost (NodeDied)" in note for note in notes) == number
        assert error is None


def test_interruption_cancels_what_runs_and_keeps_what_is_there(make_result: Callable[..., Result]) -> None:
    """What was measured is reported; everything else is named."""
    tasks = TasksHere(answers(make_result, "abc"))
    answers_ = iter([False, False, True])
    reported, _, left, _ = drive(tasks, request(), "m", is_stopping=lambda: next(answers_))
    assert [measured.result.eval.name for measured in reported] == ["m:a"]
    assert left == ["m:b", "m:c"]
    assert len(tasks.cancelled) == 2


@pytest.mark.parametrize("change", [{"version": "0.0.1"}, {"options": 3}])
def test_node_of_another_version_is_refused(change: dict[str, object]) -> None:
    """The answer names both versions, or says that the request cannot be read."""
    data = json.dumps({**json.loads(encode(request())), **change}).encode()
    answer = decode_answer(node.measure(data))
    assert isinstance(answer, Refused)
    assert "and the command " in answer.problem
    tasks = TasksHere(lambda _call, _data: encode(answer))
    _, _, _, error = drive(tasks, request(), "m")
    assert isinstance(error, TargetError)
    assert "install the same version on all nodes" in str(error)


def test_unusable_resources_of_an_eval_are_one_error(make_result: Callable[..., Result]) -> None:
    """The other evals are measured."""
    good = answers(make_result, "a")

    def answer(call: Call, data: bytes) -> bytes:
        if call == "measure":
            return good(call, data)
        bad = msgspec.structs.replace(_eval("b"), resources={"memory": "much"})
        return encode(Found(evals=[FoundEval(target="m:b", eval=bad), FoundEval(target="m:a", eval=_eval("a"))]))

    reported, notes, _, error = drive(TasksHere(answer), request(), "m")
    assert [measured.result.eval.name for measured in reported] == ["m:a"]
    assert isinstance(error, UsageError)
    assert notes == ["resources of m:b: memory: 'much' is not a size; write bytes (4096) or a unit (16KiB, 1.5MiB)"]


@pytest.mark.parametrize(
    ("address", "problem"),
    [("nonsense", "not an address"), ("http://a:1", "not an address"), ("127.0.0.1:1", "there is no cluster to use")],
)
def test_address_without_a_cluster_is_one_line(address: str, problem: str, tmp_path: Path) -> None:
    """Without Ray its absence is named, and with Ray the address."""
    with pytest.raises(UsageError, match=f"{problem}|Ray is not installed"):
        Cluster(address, str(tmp_path))
