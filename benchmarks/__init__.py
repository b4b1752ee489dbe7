"""Benchmarks of this tool: the accuracy of its verdicts and the cost of its readings. See ``results/README.md``."""
