"""Measure real leaks in published packages: pinned old versions, each beside the version that fixed the leak."""
