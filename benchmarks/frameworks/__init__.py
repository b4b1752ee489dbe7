"""Measure one team of agents on nine agent frameworks, and agno's own evals."""
