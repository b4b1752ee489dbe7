"""OpenTelemetry spans of the scenario as OTLP-JSON, ids of a run's spans, and sums of model and tool calls. Pure."""
