"""Serve on a loopback port until SIGINT or SIGTERM: ``python -m scenarios.model_server``.

The first line on standard output is the URL for ``OPENAI_BASE_URL``.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
from dataclasses import fields

import uvicorn

from scenarios.model_server.app import ModelServer
from scenarios.model_server.faults import Faults

ENVIRONMENT_PREFIX = "MEMEVAL_MODEL_SERVER_"


def main() -> int:
    """Serve; return 0 after an orderly end, 2 if the port is not available or an option is wrong."""
    arguments = _parser().parse_args()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind(("127.0.0.1", arguments.port))
    except OSError as error:
        print(
            f"model server: cannot listen on 127.0.0.1:{arguments.port} ({error.strerror}); "
            "choose another --port, or 0 for a free one",
            file=sys.stderr,
        )
        return 2
    listener.listen(128)
    faults = Faults(**{fault.name: getattr(arguments, fault.name) for fault in fields(Faults)})
    # Log level critical, because an intentionally cut stream would be logged as an error. Connections are kept alive for
    # long, because a client that reuses a connection in the moment of its end gets an error.
    config = uvicorn.Config(
        ModelServer(seed=arguments.seed, faults=faults).app(),
        log_level="critical",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=600,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    if arguments.until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    server.run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.model_server",
        description="A local, deterministic, OpenAI-compatible model server on 127.0.0.1.",
        epilog=f"Each number can also be set in the environment: {ENVIRONMENT_PREFIX}SEED, …_LATENCY_MS, …_EVERY_429.",
    )
    parser.add_argument("--port", type=_count, default=0, help="the port; 0 (default) is a free one")
    parser.add_argument(
        "--seed", type=_count, default=_from_environment("SEED"), help="seed of the words and ids in answers"
    )
    for name, text in (
        ("latency_ms", "wait this many milliseconds before every answer"),
        ("every_429", "answer every N-th request with status 429 and Retry-After"),
        ("every_500", "answer every N-th request with status 500"),
        ("every_cut", "close the connection in the middle of every N-th answer"),
    ):
        default = _from_environment(name.upper())
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="N", type=_count, default=default, help=text)
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input is closed")
    return parser


def _from_environment(name: str) -> str:
    """Return a default as a string, so that argparse checks it like an option."""
    return os.environ.get(ENVIRONMENT_PREFIX + name) or "0"


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _stop_at_end_of_stdin(server: uvicorn.Server) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.should_exit = True


if __name__ == "__main__":
    sys.exit(main())
