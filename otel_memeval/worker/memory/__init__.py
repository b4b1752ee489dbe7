"""Readings of the traced heap, the C heap, the process and the lengths of containers."""
