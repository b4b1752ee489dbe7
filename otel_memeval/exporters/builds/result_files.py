"""Write the files of results that options name, each as a whole; the modules of a format are imported for it only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from otel_memeval.errors import UsageError
from otel_memeval.files import output_path, replace_file
from otel_memeval.records import Result, to_json


def check_result_files(paths: Mapping[str, str]) -> None:
    """Raise ``UsageError`` if one of the files, by its option, cannot be written, or is named twice; ``-`` is for JSON."""
    options: dict[str, str] = {}
    for option, path in paths.items():
        if path == "-" and option == "--json":
            continue
        if path == "-":
            raise UsageError(f"{option} -: only --json can be standard output", "name a file")
        full = str(output_path(option, path).resolve())
        if full in options:
            raise UsageError(f"{options[full]} and {option} name the same file, {path}", "name a file for each")
        options[full] = option


def write_result_files(
    paths: Mapping[str, str],
    results: list[Result],
    fail_on: Collection[str],
    folder: str,
    print_json: Callable[[bytes], str] = lambda _: "",
) -> list[str]:
    """Write each file, and return one line for each that was not written.

    Paths of results are relative to ``folder``. ``print_json`` prints the result where ``-`` is the path, and returns the
    reason if it could not.
    """
    problems = []
    for option, path in paths.items():
        data = _content(option, results, fail_on, folder)
        try:
            problem = print_json(data) if path == "-" else ""
            if path != "-":
                replace_file(Path(path), data)
        except OSError as error:
            problem = error.strerror or type(error).__name__
        if problem:
            problems.append(f"{option} {path} was not written: {problem}")
    return problems


def _content(option: str, results: list[Result], fail_on: Collection[str], folder: str) -> bytes:
    """Return the results in the format of an option."""
    if option == "--json":
        return to_json(results)
    if option == "--junit":
        from otel_memeval.exporters.builds.junit import junit_xml

        return junit_xml(results, fail_on)
    if option == "--markdown":
        from otel_memeval.exporters.builds.markdown import markdown

        return markdown(results, fail_on).encode("utf-8", "replace")
    if option == "--html":
        from otel_memeval.exporters.html.page import html_page

        return html_page(results, fail_on, folder)
    if option == "--pprof":
        from otel_memeval.exporters.pprof import pprof_profile

        return pprof_profile(results)
    from otel_memeval.exporters.builds.checkout import checkout_path

    if option == "--code-quality":
        from otel_memeval.exporters.builds.code_quality import code_quality_json

        return code_quality_json(results, fail_on, checkout_path(folder))
    from otel_memeval.exporters.builds.sarif import sarif_json

    return sarif_json(results, fail_on, checkout_path(folder))
