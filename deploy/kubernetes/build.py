"""Write ``prometheusrule.yaml``, a copy of ``deploy/prometheus/rules``: ``python -m deploy.kubernetes.build``."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
RULES = HERE.parent / "prometheus" / "rules"
WRITTEN = HERE / "prometheusrule.yaml"

_HEAD = """\
# Generated from deploy/prometheus/rules by `python -m deploy.kubernetes.build`; change those files.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: memeval
  labels:
    app.kubernetes.io/part-of: otel-memeval
spec:
  groups:
"""


def text() -> str:
    """Return the text of the object, with the comments of the rules.

    Raises ``ValueError`` if a file of rules contains anything but comments and groups.
    """
    content = _HEAD
    for file in sorted(RULES.glob("*.yaml")):
        before, found, groups = file.read_text(encoding="utf-8").partition("\ngroups:\n")
        if not found or any(line and not line.startswith("#") for line in before.splitlines()):
            raise ValueError(f"{file}: expected comments, then `groups:`; remove other keys, or extend this script")
        content += "".join(f"  {line}".rstrip() + "\n" for line in groups.splitlines())
    return content


if __name__ == "__main__":
    WRITTEN.write_text(text(), encoding="utf-8")
