"""Pages parsed with Lexbor, and asked for their links."""

from selectolax.lexbor import LexborHTMLParser

PAGE = "<html><body>" + "<div><a href='/x'>link</a></div>" * 100 + "</body></html>"


def run() -> None:
    """Parse a page."""
    LexborHTMLParser(PAGE).css("a")
