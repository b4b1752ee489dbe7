"""The text pages of a document."""

import fitz

DOCUMENT = fitz.open()
PAGE = DOCUMENT.new_page()
PAGE.insert_text((72, 72), "Hello, reader. " * 5)


def run() -> None:
    """Read a page."""
    PAGE.get_textpage()
