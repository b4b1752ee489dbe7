"""Try faults on the tool and print which it survived: ``python -m benchmarks.faults``. Loopback only."""
