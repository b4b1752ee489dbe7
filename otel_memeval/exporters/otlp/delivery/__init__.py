"""Delivers batches to an OTLP receiver: spool, queue, retry, replay and transports."""
