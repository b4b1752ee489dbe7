"""The alerting rules as they are shipped for Prometheus: the one source of names, thresholds and texts."""

RUNBOOK_URL = "https://example.invalid/runbook.md"
