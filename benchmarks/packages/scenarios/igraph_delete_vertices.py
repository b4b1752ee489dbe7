"""Vertices deleted from a graph by their numbers."""

import igraph


def run() -> None:
    """Make a graph of a thousand vertices and delete half of them."""
    graph = igraph.Graph(n=1000)
    graph.delete_vertices(list(range(500)))
