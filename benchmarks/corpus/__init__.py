"""Small scenarios with a known truth, declared with ``ground``: bytes that are kept, leaking lines, and holders."""
