"""A graph taken apart."""

import igraph

GRAPH = igraph.Graph(n=100, edges=[(number, number + 1) for number in range(0, 100, 2)])


def run() -> None:
    """Compute the components of a graph."""
    GRAPH.decompose()
