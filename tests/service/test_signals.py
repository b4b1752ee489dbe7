"""Signals of the service, sent to this process."""

from __future__ import annotations

import os
import signal

import pytest

from otel_memeval.service.signals import Signals


def test_first_signal_to_stop_interrupts_a_call_and_a_second_one_does_not() -> None:
    """The call is left at once; what is called afterwards to end the service is not interrupted."""
    steps: list[str] = []

    def measure() -> None:
        steps.append("begun")
        os.kill(os.getpid(), signal.SIGTERM)
        steps.append("continued")

    with Signals() as signals:
        assert not signals.interruptible(measure)
        os.kill(os.getpid(), signal.SIGTERM)
        assert not signals.interruptible(measure)
        assert signals.stopping
    assert steps == ["begun"]


@pytest.mark.parametrize("sends", [True, False])
def test_signal_within_a_deferred_block_interrupts_after_its_end(sends: bool) -> None:
    """The block comes to its end; what follows is only reached without a signal."""
    steps: list[str] = []

    def measure() -> None:
        with signals.deferred():
            if sends:
                os.kill(os.getpid(), signal.SIGTERM)
            steps.append("gauges")
            steps.append("file")
        steps.append("next eval")

    with Signals() as signals:
        assert signals.interruptible(measure) is not sends
    assert steps == ["gauges", "file"] + ([] if sends else ["next eval"])


def test_deferred_block_outside_of_an_interruptible_call_is_not_interrupted() -> None:
    """The service only notes the signal there."""
    with Signals() as signals:
        with signals.deferred():
            os.kill(os.getpid(), signal.SIGINT)
        assert signals.stopping
        assert not signals.interruptible(lambda: pytest.fail("called"))
