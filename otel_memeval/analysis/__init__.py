"""Judge growth with pure functions: values in, values out; no clock, environment, files or logging."""
