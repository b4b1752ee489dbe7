"""A local model server: OpenAI-compatible, deterministic, with faults on demand. ``python -m scenarios.model_server``.

It thinks nothing: it plays the parts of the team scenario by rules (``behaviour``). It listens on loopback only and
keeps nothing of a request but counters.
"""
