"""Real leaks in published packages: pinned old versions, each beside the version that fixed it."""
