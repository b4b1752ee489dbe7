"""A local model server: OpenAI-compatible, deterministic, with faults on demand. ``python -m scenarios.model_server``.

It contains no model: it answers the requests of the team scenario by rules (``behaviour``). It listens on loopback only, and
keeps only counters of requests.
"""
