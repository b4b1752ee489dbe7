"""Writes the dashboards and Grafana's alert rules: ``python -m deploy.grafana.build``.

With ``--check`` it only says which file is stale, with status 1.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent


def files() -> dict[Path, str]:
    """Every generated file, as it should be."""
    with warnings.catch_warnings():
        # The SDK would rather have dashboards in Grafana's second format, which is read by Grafana 13 only.
        warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
        from grafana_foundation_sdk.cog.encoder import JSONEncoder

        from deploy.grafana.alerts import alert_rules
        from deploy.grafana.one_eval import GROWTH_TITLE, one_eval
        from deploy.grafana.overview import overview
        from deploy.grafana.shared import numbered

        made = {"overview": numbered(overview().build()), "eval": numbered(one_eval().build())}
    growth = next(panel.id_val for panel in made["eval"].panels or [] if panel.title == GROWTH_TITLE)
    texts = {
        HERE / "dashboards" / f"memeval-{name}.json": JSONEncoder(indent=2, sort_keys=True).encode(one) + "\n"
        for name, one in made.items()
    }
    return {**texts, HERE / "provisioning" / "alerting" / "memeval-grafana-alerts.yaml": alert_rules(growth or 0)}


def main(arguments: list[str]) -> int:
    """The exit status."""
    made = files()
    stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            print(f"stale: {path.relative_to(HERE)}; run python -m deploy.grafana.build")
        return int(bool(stale))
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
