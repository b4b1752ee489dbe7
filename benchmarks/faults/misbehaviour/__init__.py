"""Tables of what scenarios do wrong, by subject, for the group ``scenarios``."""
