"""One page asked again and again whether a selector matches: each parsed selector stayed in memory."""

from selectolax.lexbor import LexborHTMLParser

PAGE = LexborHTMLParser("<div></div><div></div><div></div>")


def run() -> None:
    """Once."""
    assert PAGE.css_matches("div")
