"""The process of one test whose marker says ``in_process=False``: ``python -m otel_memeval.pytest_plugin.child``.

It reads a JSON object from standard input, runs pytest for that test, and writes the reports of the test into a file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

CHILD_PLUGIN = "memeval-child"
"""Name of the plugin in this process; where it is registered, tests are measured in the process."""


class ChildPlugin:
    """Takes over the options of the parent's pytest, and writes each report as a line of a file."""

    __name__ = CHILD_PLUGIN
    """pytest registers an object by this."""

    def __init__(self, reports: Path, options: dict[str, object]) -> None:
        self._reports = reports
        self._options = options

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Set the options as they are in the parent."""
        vars(config.option).update(self._options)
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write a report."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with self._reports.open("a") as file:
            file.write(json.dumps(data) + "\n")


def main() -> int:
    """Run the test, and return pytest's status."""
    request = json.load(sys.stdin)
    sys.path[:] = request["path"]
    return int(pytest.main(request["arguments"], [ChildPlugin(Path(request["reports"]), request["options"])]))


if __name__ == "__main__":
    sys.exit(main())
