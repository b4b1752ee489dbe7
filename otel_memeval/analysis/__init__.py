"""Judging growth. Pure: values in, values out; no clock, environment, files or logging."""
