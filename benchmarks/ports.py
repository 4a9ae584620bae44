"""Loopback ports for servers that live as long as one run."""

import socket

LOOPBACK = "127.0.0.1"
PORT_MIN = 20_000
"""Ports below are left to servers that people start by hand."""


def free_port() -> int:
    """A loopback port above `PORT_MIN` that nobody listens on."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port > PORT_MIN:
            return port
