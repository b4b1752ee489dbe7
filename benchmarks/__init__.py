"""Measures of this tool itself: how right its verdicts are, and what its readings cost. See ``results/README.md``."""
