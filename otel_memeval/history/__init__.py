"""History of runs: a folder with an index, or a PostgreSQL database."""
