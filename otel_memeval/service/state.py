"""What a standing exporter tells, in one place: the board of gauges, the page, the log, the state file.

One thread changes it, the server's threads read it: every change is a new record in the place of the old one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timezone

import msgspec

from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.exporters.prometheus.families import Snapshot
from otel_memeval.records import Result
from otel_memeval.redact import visible
from otel_memeval.service.eval_status import Known, View, belongs, distinct_name, known_after
from otel_memeval.service.metrics_cache import Rendering
from otel_memeval.service.state_file import Saved, StateFile


class Told:
    """``mask`` takes secrets out; ``passed`` says whether a result passes; ``round_over`` gets the results of each round;
    ``python``: the scenarios', where it is known.
    """

    def __init__(
        self,
        board: Board,
        view: View,
        state_file: StateFile,
        *,
        mask: Callable[[str], str],
        passed: Callable[[Result], bool],
        tell: Callable[[str], None],
        round_over: Callable[[list[Result]], None],
        python: str = "",
    ) -> None:
        self._board = board
        self._state_file = state_file
        self._mask = mask
        self._passed = passed
        self._tell = tell
        self._round_over = round_over
        self._round: list[Result] = []
        self._renamed: dict[str, str] = {}
        self.python = python
        self.view = view
        self.rendering = Rendering(board.snapshot)

    # What changes.

    def running(self, target: str) -> None:
        """A target is being measured."""
        self.view = msgspec.structs.replace(self.view, running=target, next_run_seconds=None)

    def waiting(self, next_run_seconds: float) -> None:
        """Nothing is measured until then (since 1970)."""
        self.view = msgspec.structs.replace(self.view, running="", next_run_seconds=next_run_seconds)

    def round_over(self) -> None:
        """Every target had its turn."""
        self.view = msgspec.structs.replace(self.view, running="")
        results, self._round = self._round, []
        self._round_over(results)

    def missed(self, turns: int) -> None:
        """So many turns came while a run was not over."""
        for label in self.labels():
            for _ in range(turns):
                self._board.add_skip(label)
        self.view = msgspec.structs.replace(self.view, skipped=self.view.skipped + turns)
        self.rendering.refresh()

    def labels(self) -> list[str]:
        """Of all evals that are known, each once."""
        return list(dict.fromkeys(one.label for one in self.view.evals))

    def name_for(self, name: str, key: str, target: str, measured: Collection[str]) -> str:
        """The name that an eval of a target is told by; ``measured``: keys of those that had their turn in this round."""
        others = [one for one in self.view.evals if one.key != key and (one.key in measured or not belongs(one.key, target))]
        given = distinct_name(name, key, others, self._mask)
        if given != name and self._renamed.get(key) != given:
            self._renamed[key] = given
            self._tell(
                f"another eval is called {visible(self._mask(name))!r} too: that of {key} is told as {visible(given)!r}"
            )
        return given

    def result(self, result: Result, key: str, missed: int) -> Known:
        """A run is over; ``missed``: turns in this round so far, which count for an eval that was not known yet too."""
        ended = time.time()
        passed = self._passed(result)
        new = all(one.eval != self._board.label(result.eval.name) for one in self._board.snapshot().evals)
        state = self._board.add_run(result, ended, passed=passed, interval_seconds=self.view.interval_seconds)
        for _ in range(missed if new else 0):
            self._board.add_skip(state.eval)
        known = known_after(key, state.eval, result, ended, passed=passed, mask=self._mask)
        self.view = self.view.with_eval(known)
        self._forget()
        self._changed()
        self._round.append(result)
        return known

    def keep_only(self, kept: Callable[[str], bool]) -> None:
        """Forget the evals whose keys are not ``kept``."""
        before = self.view
        self.view = before.only(kept)
        if len(self.view.evals) != len(before.evals):
            self._forget()
            self._changed()

    def exported(self, failures: Mapping[str, int], spool_bytes: int | None) -> None:
        """What became of what was sent: batches that were not delivered, by exporter."""
        for exporter, number in failures.items():
            self._board.add_failures(exporter, number)
        self._board.set_spool_bytes(spool_bytes)
        if any(failures.values()):
            self._changed()
        else:
            self.rendering.refresh()

    def _forget(self) -> None:
        """Series of evals that are gone, or have another name."""
        named = {one.label for one in self.view.evals}
        for state in self._board.snapshot().evals:
            if state.eval not in named:
                self._board.remove(state.eval)

    def _changed(self) -> None:
        self.rendering.refresh()
        snapshot = self._board.snapshot()
        self._state_file.write(Saved(evals=self.view.evals, states=snapshot.evals, export_failures=snapshot.export_failures))

    def snapshot(self) -> Snapshot:
        """What Prometheus is told at this moment."""
        return self._board.snapshot()

    def shown(self) -> View:
        """The view for people: without secrets, also where a target holds one."""
        replace = msgspec.structs.replace
        evals = tuple(replace(one, key=self._mask(one.key)) for one in self.view.evals)
        return replace(self.view, evals=evals, running=self._mask(self.view.running))

    # What is said.

    def log(self, known: Known, missed: int) -> None:
        """One line for one run."""
        passed = "" if known.passed or known.verdict == "failed" else " (does not pass)"
        skipped = f" ({missed} turn{'' if missed == 1 else 's'} skipped)" if missed else ""
        sentence = "; ".join(known.sentences)
        self._tell(f"{known.label}: {known.verdict}{passed}: {visible(sentence)}{skipped}")


def stamped(line: str, now_seconds: float) -> str:
    """A line of the log: when, and what."""
    moment = datetime.fromtimestamp(now_seconds, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ} {line}"
