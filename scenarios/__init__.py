"""Workloads that show what the tool can see. The tool never imports this package."""
