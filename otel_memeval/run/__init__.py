"""Runs one eval: plan, session, history of readings, locations, verdict sentence and result."""
