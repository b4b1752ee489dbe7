"""Clocks of the standard library, as they are before the scenario is loaded."""

import time


class Clock:
    """Functions of ``time`` in a class: freezegun replaces them in all modules that have them, gevent in ``time`` itself."""

    wall_ns = staticmethod(time.time_ns)
    seconds = staticmethod(time.perf_counter)
    cpu_seconds = staticmethod(time.process_time)
    sleep = staticmethod(time.sleep)
