"""What a run takes from its surroundings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from otel_memeval.config import commit_of, from_process, main_branch


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


def test_branch_of_a_build_job_is_in_its_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A job checks out a commit; its variables count there only, and those of other programs never."""
    git(tmp_path, "init", "-q", "-b", "trunk")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")
    monkeypatch.chdir(tmp_path)
    names = ("GITHUB_ACTIONS", "GITHUB_REF_TYPE", "GITHUB_REF_NAME", "GITHUB_HEAD_REF", "GITLAB_CI", "CI_COMMIT_REF_NAME")
    for detach, values, branch in (
        (False, {"GITHUB_ACTIONS": "true", "GITHUB_HEAD_REF": "change"}, "trunk"),
        (True, {"GITHUB_ACTIONS": "true", "GITHUB_HEAD_REF": "change", "GITHUB_REF_NAME": "7/merge"}, "change"),
        (True, {"GITHUB_ACTIONS": "true", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "trunk"}, "trunk"),
        (True, {"GITHUB_ACTIONS": "true", "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"}, "(detached)"),
        (True, {"GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "change"}, "change"),
        (True, {"CI_COMMIT_REF_NAME": "change", "GITHUB_REF_NAME": "change"}, "(detached)"),
    ):
        for name in (*names, "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_TAG"):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        git(tmp_path, "checkout", "-q", *(["--detach"] if detach else ["trunk"]))
        found = from_process().git
        assert found is not None
        assert found.branch == branch


def test_main_branch_is_that_of_origin_or_has_the_usual_name(tmp_path: Path) -> None:
    """The branch that a clone checks out; without a remote ``main``, then ``master``; a ref is a commit or nothing."""
    assert main_branch(str(tmp_path)) == ""
    git(tmp_path, "init", "-q", "-b", "trunk")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")
    assert main_branch(str(tmp_path)) == ""
    git(tmp_path, "branch", "master")
    assert main_branch(str(tmp_path)) == "master"
    git(tmp_path, "branch", "main")
    assert main_branch(str(tmp_path)) == "main"
    git(tmp_path, "update-ref", "refs/remotes/origin/trunk", "HEAD")
    git(tmp_path, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    assert main_branch(str(tmp_path)) == "trunk"
    assert commit_of(str(tmp_path), "main") == git(tmp_path, "rev-parse", "HEAD")
    assert commit_of(str(tmp_path), "--all") == commit_of(str(tmp_path), "v1") == ""


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
