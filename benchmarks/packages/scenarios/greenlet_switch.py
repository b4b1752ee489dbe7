"""Greenlets that run a function to its end: the stack for their Python frames stayed mapped."""

import greenlet


def _work(number: int) -> int:
    return greenlet.getcurrent().parent.switch(number) or number


def run() -> None:
    """Run ten greenlets."""
    for number in range(10):
        worker = greenlet.greenlet(_work)
        worker.switch(number)
        worker.switch(None)
