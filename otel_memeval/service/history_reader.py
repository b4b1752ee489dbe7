"""Read the history for the pages of the service, in a thread of its own: a page never waits longer than its patience."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from otel_memeval.errors import HistoryError
from otel_memeval.history.store import HistoryStore

PATIENCE_SECONDS = 1.5
"""Longest time that a page waits for the history; four threads answer all pages."""

_Answer = TypeVar("_Answer")


class _Question(Generic[_Answer]):
    """One question to the store, answered in the thread of the reader."""

    def __init__(self, ask: Callable[[HistoryStore], _Answer]) -> None:
        self._ask = ask
        self.answers: list[_Answer] = []
        self.problem: Exception | None = None
        self.is_over = threading.Event()
        self.is_given_up = False

    def answer(self, store: HistoryStore) -> None:
        """Ask the store, unless nobody waits any longer."""
        try:
            if not self.is_given_up:
                self.answers.append(self._ask(store))
        except Exception as error:  # noqa: BLE001 - raised in the thread of the page
            self.problem = error
        finally:
            self.is_over.set()


class HistoryReader:
    """A history that several threads ask; while a question has no answer in time, others fail at once."""

    def __init__(self, store: HistoryStore, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Start the thread; it ends with the process."""
        self._store = store
        self._patience_seconds = patience_seconds
        self._questions: queue.SimpleQueue[_Question[object]] = queue.SimpleQueue()
        self._given_up: _Question[object] | None = None
        threading.Thread(target=self._run, name="memeval-history", daemon=True).start()

    def _run(self) -> None:
        while True:
            question = self._questions.get()
            question.answer(self._store)
            del question  # its answer may be large

    def ask(self, ask: Callable[[HistoryStore], _Answer]) -> _Answer:
        """Return the answer of the store. Raises ``HistoryError`` if there is none in time."""
        if self._given_up is not None and not self._given_up.is_over.is_set():
            raise HistoryError(f"the history {self._store.address} does not answer")
        self._given_up = None
        question = _Question(ask)
        self._questions.put(question)  # type: ignore[arg-type]
        if not question.is_over.wait(self._patience_seconds):
            question.is_given_up = True
            self._given_up = question  # type: ignore[assignment]
            raise HistoryError(f"the history {self._store.address} does not answer within {self._patience_seconds:g} s")
        if question.problem is not None:
            raise question.problem
        return question.answers[0]
