"""Small scenarios whose truth is known: what each keeps, on which line, in whose hands. ``ground`` says how it is told."""
