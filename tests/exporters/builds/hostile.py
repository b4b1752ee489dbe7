"""Names that somebody could choose so as to be obeyed by a build system, a browser or a reader of a file."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from otel_memeval.records import Failure, Holder, Result, Site, Verdict

MakeResult = Callable[..., Result]

NAMES = [
    "An eval",
    "two\nlines\r\n::error file=x::obey\n##[error]obey",
    "::error::obey",
    "]]></failure><script>alert(1)</script>&amp;",
    "<img src=x onerror=alert(1)>",
    "a | b \\| c",
    "`code` ``and`` ```more",
    "**bold** _it_ [link](https://example.org) ![picture](x) $x$ ~~no~~",
    "@octocat # heading",
    "\x1b[31mred\x1b[0m \x00\x07\x1b]0;title\x07 \ufffe \u202e",
    "\x1b[0Ksection_end:1:memeval_1\r\x1b[0K",
    "half \ud800 a character",
    "{0} %SRCROOT% %0A%25 100%, a:b",
    "\\",
    " ",
    "",
    "木" * 400,
]


def hostile(make: MakeResult, name: str, state: str = "leaking") -> Result:
    """Return a result in which each name of the scenario is the same."""
    default = make()
    site = Site(
        file=name, line=3, function=name, retained_bytes=20480, blocks=5, bytes_per_iteration=4096.0, signature="0" * 12
    )
    return make(
        run=msgspec.structs.replace(default.run, target=f"{name}:{name}", python=name),
        eval=msgspec.structs.replace(default.eval, name=name),
        sites=[site],
        holders=[Holder(path=name, type=name, length=5, items_per_iteration=1.0)],
        verdict=Verdict(state=state, summary=f"keeps more: {name}", reasons=[name]),  # type: ignore[arg-type]
        limits_exceeded=[f"limit {name}"],
        failure=Failure(type=name, message=name) if state == "failed" else None,
    )


def renamed(result: Result, name: str) -> Result:
    """Return the result with another name of its eval."""
    return msgspec.structs.replace(result, eval=msgspec.structs.replace(result.eval, name=name))
