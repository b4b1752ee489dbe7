"""The standing mode: when to run, what is known of each eval, what outlives a restart, and the server that tells it."""
