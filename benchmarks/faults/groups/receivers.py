"""Receivers that answer wrongly: over HTTP, gRPC and TLS, behind proxies, during a run, and Pushgateways."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.faults.fault import Fault
from benchmarks.faults.groups.receivers_grpc import grpc_faults
from benchmarks.faults.groups.receivers_http import http_faults
from benchmarks.faults.groups.receivers_in_run import in_run_faults
from benchmarks.faults.groups.receivers_network import network_faults
from benchmarks.faults.groups.receivers_pushgateway import pushgateway_faults


def faults() -> Sequence[Fault]:
    """Return the faults of this group."""
    return [*http_faults(), *network_faults(), *grpc_faults(), *in_run_faults(), *pushgateway_faults()]
