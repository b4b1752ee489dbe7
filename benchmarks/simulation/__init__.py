"""Simulate series of harmless and leaking scenarios, thousands in a second, without running them."""
