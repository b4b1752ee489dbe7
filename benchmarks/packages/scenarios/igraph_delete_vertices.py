"""Vertices deleted from a graph by their numbers."""

import igraph


def run() -> None:
    """One graph of a thousand vertices, half of which are deleted."""
    graph = igraph.Graph(n=1000)
    graph.delete_vertices(list(range(500)))
