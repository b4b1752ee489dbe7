"""Reference paths, contents of containers and stacks of live objects."""
