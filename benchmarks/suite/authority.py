"""A certificate for 127.0.0.1 and the authority that signed it: what servers of the suite show and clients trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

HOST = "127.0.0.1"


def server_context(ca_file: Path) -> ssl.SSLContext:
    """Make both; the authority goes into `ca_file`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    return context


def client_context(ca_file: Path) -> ssl.SSLContext:
    """Trusts that authority alone."""
    return ssl.create_default_context(cafile=str(ca_file))
