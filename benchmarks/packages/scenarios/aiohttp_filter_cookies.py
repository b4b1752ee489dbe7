"""A client session that asks one site for many paths: the cookie jar kept an empty entry for each path."""

from itertools import count

import aiohttp
from yarl import URL

NUMBERS = count()


async def setup() -> None:
    """Make a jar with a cookie, as a session has."""
    global JAR
    JAR = aiohttp.CookieJar()
    JAR.update_cookies({"session": "value; Path=/"}, URL("http://example.com/"))


async def run() -> None:
    """Read the cookies of ten new paths."""
    for _ in range(10):
        JAR.filter_cookies(URL(f"http://example.com/api/orders/{next(NUMBERS)}"))
