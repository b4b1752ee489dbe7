"""Measure all evals of some targets on a cluster, and report them as they end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Protocol

import msgspec

from otel_memeval.errors import MemevalError, TargetError, UsageError
from otel_memeval.fleet.cluster import Call, Lost
from otel_memeval.fleet.demands import Demands, demands
from otel_memeval.fleet.messages import EvalMeasured, FleetRequest, Found, Node, Refused, decode_answer, encode
from otel_memeval.fleet.queue import FleetQueue, FleetTask
from otel_memeval.records import Failure, Result
from otel_memeval.run.failed_result import failed_result

WAIT_SECONDS = 0.25
"""Longest wait for the end of a task, after which an interruption is seen."""

MOST_RUNNING = 2000
"""Tasks that are known to Ray at a time: enough for a large cluster, and its autoscaler sees the demand."""


class Tasks(Protocol):
    """The part of a cluster that the driver uses."""

    def submit(self, call: Call, data: bytes, demands: Demands) -> object:
        """As ``Cluster.submit``."""
        ...

    def ended(self, keys: Sequence[object], seconds: float) -> Sequence[object]:
        """As ``Cluster.ended``."""
        ...

    def answer(self, key: object) -> bytes:
        """As ``Cluster.answer``."""
        ...

    def missing(self, demands: Demands) -> list[str]:
        """As ``Cluster.missing``."""
        ...

    def cancel(self, keys: Sequence[object]) -> None:
        """As ``Cluster.cancel``."""
        ...


class Driver:
    """Hands tasks to a cluster. ``report`` gets each eval that was measured, ``note`` a line about what happened."""

    def __init__(
        self,
        cluster: Tasks,
        request: FleetRequest,
        resources: Mapping[str, float | str],
        report: Callable[[EvalMeasured], None],
        note: Callable[[str], None],
    ) -> None:
        """``request``: for all evals, without the target. ``resources``: of the project, for evals that name none."""
        self._cluster = cluster
        self._request = request
        self._resources = resources
        self._report = report
        self._note = note
        self._errors: list[MemevalError] = []
        self._noted: set[str] = set()
        self.queue = FleetQueue([])

    def run(self, targets: Sequence[str], is_stopping: Callable[[], bool]) -> list[str]:
        """Measure all evals of the targets; return the targets that were not measured because of an interruption.

        Raises the first ``TargetError`` or ``UsageError`` of a target, after everything else was measured.
        """
        ask = Demands()
        self.queue = FleetQueue([FleetTask(target=target, demands=ask, finds=True) for target in targets])
        while not self.queue.is_over:
            if is_stopping():
                self._cluster.cancel(self.queue.running)
                return [task.target for task in self.queue.cancel()]
            self._submit()
            for key in self._cluster.ended(self.queue.running, WAIT_SECONDS):
                self._take(key)
        if self._errors:
            raise self._errors[0]
        return []

    def _submit(self) -> None:
        while (task := self.queue.next_waiting(MOST_RUNNING)) is not None:
            for name in self._cluster.missing(task.demands):
                self._note_once(f"no node of the cluster has enough {name} for {task.target}: it waits for one")
            data = encode(msgspec.structs.replace(self._request, target=task.target))
            self.queue.begin(self._cluster.submit("find_evals" if task.finds else "measure", data, task.demands), task)

    def _take(self, key: object) -> None:
        try:
            answer = decode_answer(self._cluster.answer(key))
        except Lost as lost:
            self._lose(key, str(lost))
            return
        except MemevalError as error:
            self.queue.end(key)
            self._refuse(error)
            return
        task = self.queue.end(key)
        if task is None:
            return
        if isinstance(answer, Refused):
            self._refuse(TargetError(answer.problem, answer.remedy))
        elif isinstance(answer, Found):
            self._add(answer)
        else:
            self._report(answer)

    def _add(self, found: Found) -> None:
        tasks = []
        for item in found.evals:
            try:
                wanted = demands({**self._resources, **item.eval.resources}, f"resources of {item.target}")
            except UsageError as error:
                self._refuse(error)
                continue
            tasks.append(FleetTask(target=item.target, demands=wanted))
        self.queue.add(tasks)

    def _lose(self, key: object, problem: str) -> None:
        task, waits = self.queue.lose(key)
        if task is None:
            return
        if waits:
            self._note(f"{task.target} is measured again: its node or its process was lost ({problem})")
            return
        if task.finds:
            lost = f"{task.target}: its node or its process was lost twice ({problem})"
            self._refuse(TargetError(lost, "look at the nodes of the cluster"))
            return
        sentence = f"its node or its process was lost twice ({problem})"
        self._report(EvalMeasured(node=Node(host="", process_id=0), events=[], result=_lost_result(task.target, sentence)))

    def _refuse(self, error: MemevalError) -> None:
        self._errors.append(error)
        self._note_once(str(error))

    def _note_once(self, line: str) -> None:
        if line not in self._noted:
            self._noted.add(line)
            self._note(line)


def _lost_result(target: str, sentence: str) -> Result:
    return failed_result(
        target,
        target,
        Failure(type="Lost", message=sentence),
        run_id=uuid.uuid4().hex,
        started_at=datetime.fromtimestamp(time.time(), timezone.utc).isoformat(),
        duration_seconds=0.0,
        python="",
    )
