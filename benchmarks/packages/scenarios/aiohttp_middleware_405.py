"""Requests with a method that the path does not allow, to a server with a middleware: a cache kept each of them."""

import aiohttp
from aiohttp import web


@web.middleware
async def _middleware(request: web.Request, handler):
    return await handler(request)


async def _get(request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def setup() -> None:
    """Start a server on a port of its own, and a client."""
    global RUNNER, CLIENT, URL
    app = web.Application(middlewares=[_middleware])
    app.router.add_get("/orders", _get)
    RUNNER = web.AppRunner(app)
    await RUNNER.setup()
    site = web.TCPSite(RUNNER, "127.0.0.1", 0)
    await site.start()
    URL = f"http://127.0.0.1:{RUNNER.addresses[0][1]}/orders"
    CLIENT = aiohttp.ClientSession()


async def run() -> None:
    """Send five requests that are refused."""
    for _ in range(5):
        async with CLIENT.post(URL) as response:
            assert response.status == 405


async def teardown() -> None:
    """Stop the client and the server."""
    await CLIENT.close()
    await RUNNER.cleanup()
