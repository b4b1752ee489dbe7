"""OpenTelemetry spans of the scenario, taken in the worker."""
