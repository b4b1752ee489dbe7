"""Reports for the browser: one self-contained file."""
