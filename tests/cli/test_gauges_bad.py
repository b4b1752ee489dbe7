"""Gauges that cannot be sent: one line, status 4, no secret, and the other exporters still work."""

from __future__ import annotations

import os
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.servers.pushgateway import Pushgateway

if TYPE_CHECKING:
    from tests.cli.conftest import Done, Tool

QUICK = "def run():\n    bytearray(50_000)\n"
PASSWORD = "open-sesame"
USERS = "basic_auth_users:\n  me: $2b$04$07jHZ2XrO8SskSCuggrAG.AMRW28aO/5zYn/hHtwbofdHEfr7Lx5W\n"
"""bcrypt of the password."""


def measure(tool: Tool, *options: str, **variables: str) -> Done:
    """Measure a scenario whose verdict passes."""
    environment = {f"MEMEVAL_PUSHGATEWAY{name}": value for name, value in variables.items()}
    return tool.measure(QUICK, "--fail-on", "failed", *options, environment=environment)


def assert_one_line(done: Done, *words: str) -> None:
    """Check for status 4, the report, and one line about the failure, without the password."""
    assert done.status == 4, done
    assert "scenario" in done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert PASSWORD not in done.stdout + done.stderr


@pytest.fixture
def textfile(tmp_path: Path) -> Path:
    """Return a path in a folder of its own."""
    (tmp_path / "texts").mkdir()
    return tmp_path / "texts" / "a.prom"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushgateway]:
    """Start a Pushgateway without a password."""
    with Pushgateway(tmp_path_factory.mktemp("push")) as push:
        yield push


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushgateway]:
    """Start a Pushgateway that requires a password."""
    with Pushgateway(tmp_path_factory.mktemp("push"), web_config=USERS) as push:
        yield push


def test_refused_connection_is_reported(tool: Tool, textfile: Path) -> None:
    """The textfile is written all the same, with the number of failed pushes."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = measure(tool, "--pushgateway", f"http://me:{PASSWORD}@{address}", "--textfile", str(textfile))
    assert_one_line(done, f"http://{address}: gauges were not pushed: ", "Connection refused")
    text = textfile.read_text()
    assert 'memeval_last_run_success{eval="scenario"} 1.0' in text
    assert 'memeval_export_failures_total{exporter="pushgateway"} 3.0' in text
    assert 'memeval_export_failures_total{exporter="textfile"} 0.0' in text


def test_gateway_that_hangs_costs_a_few_seconds(tool: Tool, textfile: Path) -> None:
    """It accepts connections and never answers: the first push and the last attempt wait three seconds each."""
    evals = "".join(f"E{n} = PerformanceEval(func=run, name='e{n}')\n" for n in range(3))
    source = f"from otel_memeval import PerformanceEval\n{QUICK}{evals}"
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        done = tool.measure(source, "--fail-on", "failed", "--pushgateway", url, "--textfile", str(textfile))
    assert (done.status, done.stderr) == (4, f"{url}: gauges were not pushed: no answer within 3 seconds\n")
    assert done.seconds < 30
    assert textfile.read_text().count("memeval_last_run_success{") == 3


def test_reason_of_a_refusal_is_reported(tool: Tool, gateway: Pushgateway, textfile: Path) -> None:
    """A metric with another type gives status 400; its text is shown, and the textfile is written."""
    body = b"# TYPE memeval_peak_bytes counter\nmemeval_peak_bytes 1\n"
    group = f"{gateway.url}/metrics/job/another"
    urllib.request.urlopen(urllib.request.Request(group, body, method="PUT"), timeout=10).close()
    try:
        done = measure(tool, "--pushgateway", gateway.url, "--textfile", str(textfile))
    finally:
        urllib.request.urlopen(urllib.request.Request(group, method="DELETE"), timeout=10).close()
    assert_one_line(done, "HTTP 400 Bad Request: pushed metrics are invalid or inconsistent with existing metrics")
    assert "memeval_last_run_success" in textfile.read_text()


@pytest.mark.parametrize("variables", [{}, {"_USERNAME": "me"}, {"_USERNAME": "me", "_PASSWORD": "wrong-sesame"}])
def test_wrong_password_is_reported(tool: Tool, protected: Pushgateway, variables: dict[str, str]) -> None:
    """The line has the status 401, and not the password."""
    done = measure(tool, "--pushgateway", protected.url, **variables)
    assert_one_line(done, f"{protected.url}: gauges were not pushed: HTTP 401 Unauthorized")
    assert "wrong-sesame" not in done.stdout + done.stderr


def test_password_is_read_from_each_place(tool: Tool, protected: Pushgateway, tmp_path: Path) -> None:
    """Places are the environment, a file, and the address; the password is never shown."""
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    in_url = protected.url.replace("http://", f"http://me:{PASSWORD}@")
    for options, variables in (
        (["--pushgateway", protected.url], {"_USERNAME": "me", "_PASSWORD": PASSWORD}),
        ([], {"": protected.url, "_USERNAME": "me", "_PASSWORD_FILE": str(secret)}),
        ([], {"": in_url}),
        (["--pushgateway", in_url, "-v"], {}),
    ):
        done = measure(tool, *options, **variables)
        assert (done.status, done.stderr) == (0, ""), done
        assert PASSWORD not in done.stdout + done.stderr + repr(done.runs)
    deleted = tool.run("forget", "scenario", "--pushgateway", in_url, json_file=False)
    assert (deleted.status, deleted.stdout) == (0, f"{protected.url}: deleted: scenario\n")


def test_client_and_server_certificates(tool: Tool, tmp_path: Path) -> None:
    """A push without the client's certificate, or without the authority of the server's, is reported."""
    authority = trustme.CA()
    server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("client@example.org")
    ca, certificate, key = tmp_path / "ca.pem", tmp_path / "client.pem", tmp_path / "client.key"
    authority.cert_pem.write_to_path(str(ca))
    client.cert_chain_pems[0].write_to_path(str(certificate))
    client.private_key_pem.write_to_path(str(key))
    server.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    pem = tmp_path / "server.pem"
    asking = f"client_ca_file: {ca}, client_auth_type: RequireAndVerifyClientCert"
    config = f"tls_server_config: {{cert_file: {pem}, key_file: {pem}, {asking}}}"
    with Pushgateway(tmp_path / "push", web_config=config, tls=True) as push:
        both = {"_CA_FILE": str(ca), "_CLIENT_CERTIFICATE": str(certificate), "_CLIENT_KEY": str(key)}
        done = measure(tool, "--pushgateway", push.url, **both)
        assert (done.status, done.stderr) == (0, ""), done
        assert_one_line(measure(tool, "--pushgateway", push.url), "gauges were not pushed", "certificate verify failed")
        assert_one_line(measure(tool, "--pushgateway", push.url, _CA_FILE=str(ca)), f"{push.url}: gauges were not pushed: ")


def test_folder_without_write_permission_is_reported(tool: Tool, gateway: Pushgateway, tmp_path: Path) -> None:
    """The push is made all the same, with the number of failed writes."""
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):  # root may write everywhere except in folders of the kernel
        folder = Path("/sys/kernel")
    done = measure(tool, "--pushgateway", gateway.url, "--textfile", f"{folder}/a.prom")
    assert_one_line(done, f"--textfile {folder}/a.prom was not written: Permission denied")
    failures = 'memeval_export_failures_total{eval="scenario",exporter="textfile",instance="",job="memeval"} 1'
    assert failures in gateway.metrics()
    assert list(tmp_path.glob("read-only/*")) == []


def test_file_without_metrics_is_not_overwritten(tool: Tool, textfile: Path) -> None:
    """A textfile that holds other text stays as it is."""
    textfile.write_text("Dear diary,\n")
    assert_one_line(measure(tool, "--textfile", str(textfile)), "holds something other than metrics; move it away")
    assert textfile.read_text() == "Dear diary,\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--pushgateway", f"ftp://me:{PASSWORD}@host"], "--pushgateway is not the address of a Pushgateway"),
        (["--textfile", "a.txt"], "node_exporter reads only files that end in .prom"),
        (["--textfile", "nowhere/a.prom"], "its folder does not exist"),
        (["--expected-every", "often"], "'often' is not a duration; write seconds (90) or units (15m, 1h30m, 250ms)"),
        (["--expected-every", "0s"], "0s is not more than 0 seconds"),
    ],
)
def test_unusable_destination_is_wrong_usage(tool: Tool, options: list[str], words: str) -> None:
    """Nothing is measured, and the status is 2."""
    done = measure(tool, *options)
    assert done.status == 2
    assert done.stdout == ""
    assert words in done.text
    assert PASSWORD not in done.text


def test_failing_verdict_decides_over_failed_push(tool: Tool) -> None:
    """The status is 1, and the failed push is reported."""
    source = "KEPT = []\ndef run():\n    KEPT.append(bytearray(50_000))\n"
    done = tool.measure(source, "--pushgateway", "http://127.0.0.1:9")
    assert done.status == 1
    assert "gauges were not pushed" in done.stderr
