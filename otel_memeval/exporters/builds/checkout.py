"""Find files of a result in the checkout: build systems name files from its root."""

from __future__ import annotations

import os
from collections.abc import Callable

from otel_memeval.config import git_root
from otel_memeval.run.locations import is_installed

CheckoutPath = Callable[[str], str]
"""Returns the path of a file from the root of the checkout, with slashes; empty for a file that is not part of it."""


def checkout_path(folder: str) -> CheckoutPath:
    """Return a function that finds the files of results whose paths are relative to ``folder``.

    The checkout is the one around ``folder``, else ``folder`` itself. Installed packages are not part of it, even if
    their environment is in it.
    """
    root = git_root(folder) or folder

    def path(file: str) -> str:
        full = os.path.join(folder, file)
        try:
            relative = os.path.relpath(full, root)
            exists = os.path.isfile(full)
        except ValueError:  # another drive, or a name that no file can have
            return ""
        is_own = exists and not is_installed(full) and relative.partition(os.sep)[0] != os.pardir
        return relative.replace(os.sep, "/") if is_own else ""

    return path
