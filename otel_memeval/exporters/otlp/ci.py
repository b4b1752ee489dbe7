"""Read the attributes of a CI system's pipeline and checkout from its variables. Pure.

https://opentelemetry.io/docs/specs/semconv/registry/attributes/cicd/ and .../vcs/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

PIPELINE = "cicd.pipeline.name"
PIPELINE_RUN = "cicd.pipeline.run.id"
PIPELINE_URL = "cicd.pipeline.run.url.full"
TASK = "cicd.pipeline.task.name"
TASK_RUN = "cicd.pipeline.task.run.id"
TASK_URL = "cicd.pipeline.task.run.url.full"
WORKER = "cicd.worker.name"
REPOSITORY = "vcs.repository.url.full"
REPOSITORY_NAME = "vcs.repository.name"
OWNER = "vcs.owner.name"
PROVIDER = "vcs.provider.name"
HEAD = "vcs.ref.head.name"
HEAD_TYPE = "vcs.ref.head.type"
REVISION = "vcs.ref.head.revision"
BASE = "vcs.ref.base.name"
CHANGE = "vcs.change.id"

_SYSTEMS: tuple[tuple[str, dict[str, str]], ...] = (
    # A variable that only this system sets, then a template of each attribute: alternatives, made of variables.
    (
        "GITHUB_ACTIONS",
        {
            PIPELINE: "{GITHUB_WORKFLOW}",
            PIPELINE_RUN: "{GITHUB_RUN_ID}",
            PIPELINE_URL: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
            TASK: "{GITHUB_JOB}",
            WORKER: "{RUNNER_NAME}",
            REPOSITORY: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}",
            HEAD: "{GITHUB_HEAD_REF}|{GITHUB_REF_NAME}",
            HEAD_TYPE: "{GITHUB_REF_TYPE}",
            BASE: "{GITHUB_BASE_REF}",
            REVISION: "{GITHUB_SHA}",
            PROVIDER: "github",
        },
    ),
    (
        "GITLAB_CI",
        {
            PIPELINE: "{CI_PIPELINE_NAME}|{CI_PROJECT_PATH}",
            PIPELINE_RUN: "{CI_PIPELINE_ID}",
            PIPELINE_URL: "{CI_PIPELINE_URL}",
            TASK: "{CI_JOB_NAME}",
            TASK_RUN: "{CI_JOB_ID}",
            TASK_URL: "{CI_JOB_URL}",
            WORKER: "{CI_RUNNER_DESCRIPTION}",
            REPOSITORY: "{CI_PROJECT_URL}",
            HEAD: "{CI_MERGE_REQUEST_SOURCE_BRANCH_NAME}|{CI_COMMIT_REF_NAME}",
            BASE: "{CI_MERGE_REQUEST_TARGET_BRANCH_NAME}",
            REVISION: "{CI_COMMIT_SHA}",
            CHANGE: "{CI_MERGE_REQUEST_IID}",
            PROVIDER: "gitlab",
        },
    ),
    (
        "JENKINS_URL",
        {
            PIPELINE: "{JOB_NAME}",
            PIPELINE_RUN: "{BUILD_ID}",
            PIPELINE_URL: "{BUILD_URL}",
            TASK: "{STAGE_NAME}",
            WORKER: "{NODE_NAME}",
            REPOSITORY: "{GIT_URL}",
            HEAD: "{CHANGE_BRANCH}|{GIT_BRANCH}",
            BASE: "{CHANGE_TARGET}",
            REVISION: "{GIT_COMMIT}",
            CHANGE: "{CHANGE_ID}",
        },
    ),
    (
        "TF_BUILD",
        {
            PIPELINE: "{BUILD_DEFINITIONNAME}",
            PIPELINE_RUN: "{BUILD_BUILDID}",
            TASK: "{SYSTEM_JOBDISPLAYNAME}",
            TASK_RUN: "{SYSTEM_JOBID}",
            WORKER: "{AGENT_NAME}",
            REPOSITORY: "{BUILD_REPOSITORY_URI}",
            HEAD: "{SYSTEM_PULLREQUEST_SOURCEBRANCH}|{BUILD_SOURCEBRANCHNAME}",
            REVISION: "{BUILD_SOURCEVERSION}",
            CHANGE: "{SYSTEM_PULLREQUEST_PULLREQUESTID}",
        },
    ),
    (
        "CIRCLECI",
        {
            PIPELINE: "{CIRCLE_PROJECT_REPONAME}",
            PIPELINE_RUN: "{CIRCLE_WORKFLOW_ID}",
            TASK: "{CIRCLE_JOB}",
            TASK_RUN: "{CIRCLE_BUILD_NUM}",
            TASK_URL: "{CIRCLE_BUILD_URL}",
            REPOSITORY: "{CIRCLE_REPOSITORY_URL}",
            HEAD: "{CIRCLE_BRANCH}|{CIRCLE_TAG}",
            REVISION: "{CIRCLE_SHA1}",
        },
    ),
    (
        "BUILDKITE",
        {
            PIPELINE: "{BUILDKITE_PIPELINE_SLUG}",
            PIPELINE_RUN: "{BUILDKITE_BUILD_ID}",
            PIPELINE_URL: "{BUILDKITE_BUILD_URL}",
            TASK: "{BUILDKITE_LABEL}",
            TASK_RUN: "{BUILDKITE_JOB_ID}",
            WORKER: "{BUILDKITE_AGENT_NAME}",
            REPOSITORY: "{BUILDKITE_REPO}",
            HEAD: "{BUILDKITE_BRANCH}",
            REVISION: "{BUILDKITE_COMMIT}",
        },
    ),
    (
        "BITBUCKET_BUILD_NUMBER",
        {
            PIPELINE: "{BITBUCKET_REPO_SLUG}",
            PIPELINE_RUN: "{BITBUCKET_PIPELINE_UUID}",
            TASK_RUN: "{BITBUCKET_STEP_UUID}",
            REPOSITORY: "{BITBUCKET_GIT_HTTP_ORIGIN}",
            HEAD: "{BITBUCKET_BRANCH}|{BITBUCKET_TAG}",
            BASE: "{BITBUCKET_PR_DESTINATION_BRANCH}",
            REVISION: "{BITBUCKET_COMMIT}",
            CHANGE: "{BITBUCKET_PR_ID}",
            PROVIDER: "bitbucket",
        },
    ),
)

_VARIABLE = re.compile(r"\{(\w+)\}")
_PULL_REQUEST = re.compile(r"refs/pull/(\d+)/.*")
_SCP = re.compile(r"(?:[^@/\s]+@)?([\w.-]+):(?!//)([^\s]+)")
"""An address such as ``git@host:owner/name.git``."""


def ci_attributes(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``cicd.*`` and ``vcs.*`` of the first system whose variables are set; empty outside a known system."""
    for variable, templates in _SYSTEMS:
        if environment.get(variable, "").lower() not in ("", "false"):
            found = {name: _fill(template, environment) for name, template in templates.items()}
            number = _PULL_REQUEST.fullmatch(environment.get("GITHUB_REF", ""))
            if number:
                found[CHANGE] = number[1]
            return {**{name: value for name, value in found.items() if value}, **repository(found.get(REPOSITORY, ""))}
    return {}


def _fill(template: str, environment: Mapping[str, str]) -> str:
    """Return the first alternative whose variables are all set; empty if there is none."""
    for alternative in template.split("|"):
        values = [environment.get(name, "") for name in _VARIABLE.findall(alternative)]
        if all(values):
            return _VARIABLE.sub(lambda match: environment[match[1]], alternative)
    return ""


def repository(remote: str) -> dict[str, str]:
    """Return ``vcs.repository.*`` and the owner of a remote; the URL is a browser's, without user and password."""
    remote = remote.strip()
    scp = _SCP.fullmatch(remote)
    if scp and "://" not in remote:
        remote = f"https://{scp[1]}/{scp[2]}"
    try:
        parts = urlsplit(remote)
        host = parts.hostname or ""
    except ValueError:
        return {}
    if parts.scheme not in ("http", "https", "ssh", "git") or not host:
        return {}
    path = parts.path.strip("/").removesuffix(".git")
    is_web = parts.scheme in ("http", "https")
    address = parts.netloc.rpartition("@")[2] if is_web else host
    url = urlunsplit((parts.scheme if is_web else "https", address, f"/{path}", "", ""))
    owner, _, name = path.rpartition("/")
    found = {REPOSITORY: url, REPOSITORY_NAME: name, OWNER: owner}
    provider = next((known for known in ("github", "gitlab", "bitbucket") if known in host), "")
    return {key: value for key, value in {**found, PROVIDER: provider}.items() if value}
