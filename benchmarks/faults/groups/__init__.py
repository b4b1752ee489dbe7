"""Faults by group. Each module has ``faults()``, which returns the faults of its group."""
