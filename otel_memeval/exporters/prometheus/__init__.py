"""Gauges for Prometheus: what a scrape, a push and a textfile hold."""
