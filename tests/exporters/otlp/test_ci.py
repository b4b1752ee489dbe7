"""Attributes from the variables of CI systems and from the address of a remote."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval.exporters.otlp.ci import ci_attributes, repository

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_WORKFLOW": "tests",
    "GITHUB_RUN_ID": "42",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "owner/name",
    "GITHUB_JOB": "memory",
    "GITHUB_SHA": "abc",
    "GITHUB_REF": "refs/pull/7/merge",
    "GITHUB_REF_NAME": "7/merge",
    "GITHUB_HEAD_REF": "a-branch",
    "GITHUB_BASE_REF": "main",
}


def test_pull_request_on_github() -> None:
    """The branch is the author's, not the merge that GitHub made."""
    assert ci_attributes(GITHUB) == {
        "cicd.pipeline.name": "tests",
        "cicd.pipeline.run.id": "42",
        "cicd.pipeline.run.url.full": "https://github.com/owner/name/actions/runs/42",
        "cicd.pipeline.task.name": "memory",
        "vcs.repository.url.full": "https://github.com/owner/name",
        "vcs.repository.name": "name",
        "vcs.owner.name": "owner",
        "vcs.provider.name": "github",
        "vcs.ref.head.name": "a-branch",
        "vcs.ref.base.name": "main",
        "vcs.ref.head.revision": "abc",
        "vcs.change.id": "7",
    }


@pytest.mark.parametrize(
    ("environment", "name", "value"),
    [
        ({"GITLAB_CI": "true", "CI_PROJECT_PATH": "g/p", "CI_JOB_ID": "3"}, "cicd.pipeline.name", "g/p"),
        ({"GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "main"}, "vcs.ref.head.name", "main"),
        ({"JENKINS_URL": "http://j", "JOB_NAME": "job", "BUILD_ID": "1"}, "cicd.pipeline.run.id", "1"),
        ({"TF_BUILD": "True", "BUILD_DEFINITIONNAME": "d"}, "cicd.pipeline.name", "d"),
        ({"CIRCLECI": "true", "CIRCLE_TAG": "v1"}, "vcs.ref.head.name", "v1"),
        (
            {"BUILDKITE": "true", "BUILDKITE_REPO": "git@github.com:o/n.git"},
            "vcs.repository.url.full",
            "https://github.com/o/n",
        ),
        ({"BITBUCKET_BUILD_NUMBER": "5", "BITBUCKET_COMMIT": "c"}, "vcs.ref.head.revision", "c"),
    ],
)
def test_attribute_of_each_other_system(environment: dict[str, str], name: str, value: str) -> None:
    """Attributes without a variable are left out."""
    found = ci_attributes(environment)
    assert found[name] == value
    assert all(found.values())


def test_no_system_has_no_attributes() -> None:
    """A system that is switched off has none either."""
    assert ci_attributes({}) == ci_attributes({"GITHUB_ACTIONS": "false", "GITHUB_SHA": "x"}) == {}


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://user:password@github.com/o/n.git", "https://github.com/o/n"),
        ("https://token@host.example:8443/group/sub/n", "https://host.example:8443/group/sub/n"),
        ("git@github.com:o/n.git", "https://github.com/o/n"),
        ("ssh://git@host.example:22/o/n", "https://host.example/o/n"),
        ("/srv/git/n", None),
        ("../n", None),
        ("", None),
    ],
)
def test_remote_becomes_the_address_for_a_browser(remote: str, url: str | None) -> None:
    """User and password are removed; a folder of this machine is left out."""
    assert repository(remote).get("vcs.repository.url.full") == url


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_remote_is_read_without_an_error(remote: str) -> None:
    """All attributes are text."""
    found = repository(remote)
    assert all(isinstance(value, str) for value in found.values())
