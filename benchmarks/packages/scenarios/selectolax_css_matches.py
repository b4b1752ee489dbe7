"""One page asked again and again whether a selector matches: each parsed selector stayed in memory."""

from selectolax.lexbor import LexborHTMLParser

PAGE = LexborHTMLParser("<div></div><div></div><div></div>")


def run() -> None:
    """Match a selector."""
    assert PAGE.css_matches("div")
