"""Causes of a call that never came to a reply: certificate, proxy, redirect, name, connection; and what to do.

litellm and the clients below it say "Connection error." and hide what it was behind one another.
"""

from __future__ import annotations

import errno
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from diziner.common.plain import plain_message

_DEEPEST = 30  # causes behind one another
_HOST_MISMATCH, _EXPIRED, _NOT_YET_VALID = 62, 10, 9  # of OpenSSL's X509_V_ERR_*


class RedirectedError(Exception):
    """A redirect to another place than the settings name: nothing is sent there. `to` is scheme and host."""

    def __init__(self, to: str) -> None:
        super().__init__(f"redirect to {to}")
        self.to = to


@dataclass(frozen=True, slots=True)
class Cause:
    """Cause in words. `lasting`: no second try will mend it. `unreached`: no connection was made."""

    words: str
    lasting: bool = False
    unreached: bool = False


def cause_of(error: BaseException | None, address: str | None = None) -> Cause | None:
    """Return the cause behind an error, the most telling one; None where there is none of these.

    `address` is the base URL that was called, None for a provider's own.
    """
    chain = list(_chain(error))
    for look in (_redirect, _proxy, _certificate, _name, _connection):
        for each in chain:
            if (found := look(each, address)) is not None:
                return found
    return None


def asks_for_login(address: str | None) -> str:
    """Return what to say where a proxy answers 407."""
    scheme = urlsplit(address).scheme if address else "https"
    variable = f"{scheme.upper()}_PROXY"
    return (
        f"the proxy{_proxy_name(scheme)} asks for a user name and password; set {variable} to "
        f"http://USER:PASSWORD@HOST:PORT, or have NO_PROXY name the host"
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all behind it, the innermost last."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _DEEPEST:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
        # aiohttp keeps them as attributes.
        inner += [getattr(each, name, None) for name in ("os_error", "certificate_error")]
        waiting += [other for other in inner if isinstance(other, BaseException)]


def _redirect(error: BaseException, _: str | None) -> Cause | None:
    if isinstance(error, RedirectedError):
        return Cause(
            f"the server redirects to {error.to}, where nothing is sent unasked; if that is right, name it in api_base",
            lasting=True,
        )
    if type(error).__name__ == "TooManyRedirects":
        return Cause("the server redirects in a circle; look at the path in api_base", lasting=True)
    return None


def _proxy(error: BaseException, address: str | None) -> Cause | None:
    name = type(error).__name__
    scheme = urlsplit(address).scheme if address else "https"
    if name == "ClientHttpProxyError":
        status = getattr(error, "status", 0)
        if status == 407:
            return Cause(asks_for_login(address), lasting=True)
        words = f"the proxy{_proxy_name(scheme)} answers {status}"
        return Cause(f"{words}; it may not let through to that host", lasting=400 <= status < 500 and status != 429)
    if name == "ClientProxyConnectionError":
        why = _said(getattr(error, "os_error", error))
        return Cause(
            f"the proxy{_proxy_name(scheme)} is not reached: {why}; look at {scheme.upper()}_PROXY", False, True
        )
    return None


def _certificate(error: BaseException, address: str | None) -> Cause | None:
    # aiohttp's own errors of these classes lack what the inner ones say.
    if isinstance(error, ssl.SSLCertVerificationError) and hasattr(error, "verify_code"):
        mend = {
            _HOST_MISMATCH: "name the host in api_base as its certificate does",
            _EXPIRED: "have it renewed, or set the clock of this machine",
            _NOT_YET_VALID: "set the clock of this machine",
        }.get(
            error.verify_code,
            "if you trust it, have SSL_CERT_FILE name a file with the certificate of whoever signed it",
        )
        what = plain_message(error.verify_message or _said(error))
        return Cause(f"the TLS certificate of {_host(address)} is not accepted: {what}; {mend}", True, True)
    if isinstance(error, ssl.SSLError) and hasattr(error, "reason"):
        reason = (error.reason or "").replace("_", " ").lower()
        if reason in ("wrong version number", "record layer failure", "http request", "packet length too long"):
            return Cause(f"{_host(address)} does not speak TLS there; begin api_base with http://", True, True)
        return Cause(f"TLS with {_host(address)} failed: {reason or _said(error)}", False, True)
    return None


def _name(error: BaseException, address: str | None) -> Cause | None:
    if not isinstance(error, socket.gaierror):
        return None
    return Cause(
        f"the name {_host(address)} is not known here ({_said(error)}); look at its spelling, the network and DNS",
        unreached=True,
    )


def _connection(error: BaseException, address: str | None) -> Cause | None:
    if not isinstance(error, OSError):
        return None
    if error.errno == errno.ECONNREFUSED or f"Errno {errno.ECONNREFUSED}" in str(
        error
    ):  # of several addresses asyncio says it in words
        return Cause(f"nobody listens at {_host(address)}; is the server running?", unreached=True)
    if error.errno in (errno.ECONNRESET, errno.EPIPE):
        return Cause(f"{_host(address)} broke off the connection")
    if error.errno and error.strerror and not isinstance(error, TimeoutError):
        return Cause(f"{_host(address)} cannot be reached: {_said(error)}")
    return None


def _host(address: str | None) -> str:
    """Return host and port of an address, without anything secret that may stand beside them."""
    return urlsplit(address).netloc.rpartition("@")[2] or "the server" if address else "the provider's server"


def _proxy_name(scheme: str) -> str:
    proxies = urllib.request.getproxies()
    named = proxies.get(scheme) or proxies.get("all")
    if not named:
        return ""
    return f" {urlsplit(named if '://' in named else f'http://{named}').netloc.rpartition('@')[2]}"


def _said(error: BaseException) -> str:
    strerror = getattr(error, "strerror", None)
    return plain_message(strerror if isinstance(strerror, str) and strerror else str(error) or type(error).__name__)
