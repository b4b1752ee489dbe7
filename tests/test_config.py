"""What a run takes from its surroundings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from otel_memeval.config import from_process


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder of the test's own, with nobody's settings."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_settings_are_the_process_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Environment and folder as they are, secrets by their names, no checkout outside of one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOME_API_KEY", "abcdefgh")
    settings = from_process()
    assert settings.environment["SOME_API_KEY"] == "abcdefgh"
    assert "abcdefgh" in settings.secrets
    assert settings.folder == str(tmp_path)
    assert settings.git is None


def test_the_checkout_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Commit and branch of the checkout around the folder, and whether a tracked file was changed; nothing is written."""
    git(tmp_path, "init", "-q", "-b", "a-branch")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert from_process().git is None  # no commit yet
    (tmp_path / "file").write_text("1")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "one")
    clean = from_process().git
    assert clean is not None
    assert (clean.commit, clean.branch, clean.dirty) == (git(tmp_path, "rev-parse", "HEAD"), "a-branch", False)
    (tmp_path / "untracked").write_text("1")
    assert from_process().git == clean
    (tmp_path / "file").write_text("2")
    index = (tmp_path / ".git" / "index").read_bytes()
    dirty = from_process().git
    assert dirty is not None
    assert dirty.dirty
    assert (tmp_path / ".git" / "index").read_bytes() == index


def test_without_git_there_is_no_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without git measures all the same."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert from_process().git is None


@pytest.mark.parametrize(
    ("value", "content_capture"),
    [
        ("true", "both"), ("True", "both"), (" SPAN_ONLY ", "spans"), ("EVENT_ONLY", "events"), ("span_and_event", "both"),
        ("NO_CONTENT", "none"), ("false", "none"), ("", "none"), ("1", "none"), ("yes please", "none"),
    ],
)  # fmt: skip
def test_content_is_captured_only_for_a_value_that_opentelemetry_defines(
    monkeypatch: pytest.MonkeyPatch, value: str, content_capture: str
) -> None:
    """The older boolean ``true`` is one of them; ``1`` is not, and anything else means none either."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value)
    assert from_process().content_capture == content_capture
    monkeypatch.delenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")
    assert from_process().content_capture == "none"


def test_parent_and_switch_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """``TRACEPARENT`` names the parent; ``OTEL_SDK_DISABLED`` is a boolean as the specification has it."""
    monkeypatch.setenv("TRACEPARENT", f"00-{'a' * 32}-{'b' * 16}-00")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")
    settings = from_process()
    assert settings.parent is not None
    assert (settings.parent.trace_id, settings.parent.span_id, settings.parent.sampled) == ("a" * 32, "b" * 16, False)
    assert settings.sdk_disabled
    monkeypatch.setenv("OTEL_SDK_DISABLED", "1")
    monkeypatch.delenv("TRACEPARENT")
    settings = from_process()
    assert settings.parent is None
    assert not settings.sdk_disabled
