"""The HTTP server of the standing exporter and its access rules."""
