"""The service of ``--every``: schedule, state of each eval, state file, and HTTP server."""
