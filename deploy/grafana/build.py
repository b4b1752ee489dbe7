"""Write the dashboards and Grafana's alert rules: ``python -m deploy.grafana.build``.

With ``--check`` nothing is written: stale files are named on standard output, and the exit status is 1.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent


def files() -> dict[Path, str]:
    """Return the text of every generated file by its path."""
    with warnings.catch_warnings():
        # The SDK recommends the second format of dashboards, which only Grafana 13 reads.
        warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
        from grafana_foundation_sdk.cog.encoder import JSONEncoder

        from deploy.grafana.alerts import alert_rules
        from deploy.grafana.dashboards import one_eval, overview
        from deploy.grafana.eval_panels import GROWTH_TITLE

        dashboards = {"overview": overview(), "eval": one_eval()}
    growth = next(panel.id_val for panel in dashboards["eval"].panels or [] if panel.title == GROWTH_TITLE)
    texts = {
        HERE / "dashboards" / f"memeval-{name}.json": JSONEncoder(indent=2, sort_keys=True).encode(dashboard) + "\n"
        for name, dashboard in dashboards.items()
    }
    return {**texts, HERE / "provisioning" / "alerting" / "memeval-grafana-alerts.yaml": alert_rules(growth or 0)}


def main(arguments: list[str]) -> int:
    """Write the stale files, or with ``--check`` name them; return the exit status."""
    generated = files()
    stale = [path for path, text in generated.items() if not path.exists() or path.read_text("utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            print(f"stale: {path.relative_to(HERE)}; run python -m deploy.grafana.build")
        return int(bool(stale))
    for path, text in generated.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
