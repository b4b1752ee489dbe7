"""Spans, metrics and logs over OTLP, so that nothing is lost: spool first, then the receiver's answer."""
