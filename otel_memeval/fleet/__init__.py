"""Measure evals on a Ray cluster: each eval is a task, and its worker process runs on the node of the task."""
