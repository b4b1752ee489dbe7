"""The HTTP server of the service and its access rules."""
