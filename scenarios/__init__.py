"""Workloads to be measured with the tool. The tool never imports this package."""
