"""Causes that clients hide: certificate, proxy, redirect, name, connection; with real sockets, named in one line."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loopback import completion, listening

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Request
from diziner.records.annotations import Failure

KEY = "sk-test-5ecret-1234567890"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("TEST_KEY", KEY)


def ask(folder: Path, base_url: str, provider: str = "openai") -> Any:
    endpoint = Endpoint("web", "hosted", provider, base_url, key_env="TEST_KEY", attempts=1, timeout_s=20)
    request = Request("web", ModelSettings("web", "m"), (Message("user", "Hi"),))
    [outcome] = StoreAsker(ResponseStore(folder / "store.sqlite"), {"web": endpoint}).ask([request], "work")
    return outcome


def refused(folder: Path, base_url: str, provider: str = "openai") -> str:
    with pytest.raises(UserError) as error:
        ask(folder, base_url, provider)
    line = str(error.value)
    assert line.startswith("endpoint web, model m: ") and "Connection error" not in line and KEY not in line
    return line.removeprefix("endpoint web, model m: ")


def failed(folder: Path, base_url: str) -> str:
    outcome = ask(folder, base_url)
    assert isinstance(outcome, Failure) and "Connection error" not in outcome.detail
    return outcome.detail


@contextmanager
def serving(
    reply: Callable[[http.server.BaseHTTPRequestHandler], None], context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Serve on loopback: host and port, and what was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply(self)

        def do_GET(self) -> None:
            self.do_POST()

        def do_CONNECT(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Silent: clients that turn a certificate down."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


def answering(status: int, **headers: str) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def reply(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, text in {**headers, "Content-Length": "0"}.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()

    return reply


def certificate(folder: Path, host: str, days: int) -> ssl.SSLContext:
    """Make a self-signed certificate that ends `days` from now."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


def test_a_certificate_that_nobody_signed(tmp_path: Path) -> None:
    with serving(answering(200), certificate(tmp_path, "127.0.0.1", 30)) as (host, asked):
        line = refused(tmp_path, f"https://{host}/v1")
        assert line == refused(tmp_path, f"https://{host}/v1", "anthropic")
    assert line.startswith(f"the TLS certificate of {host} is not accepted: self-signed certificate; if you trust it")
    assert line.endswith("have SSL_CERT_FILE name a file with the certificate of whoever signed it")
    assert asked == []


def test_https_where_http_is_spoken(tmp_path: Path) -> None:
    with serving(answering(200)) as (host, _):
        line = refused(tmp_path, f"https://{host}/v1")
    assert line == f"{host} does not speak TLS there; begin api_base with http://"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nothing_is_sent_where_a_server_redirects_to(tmp_path: Path, status: int) -> None:
    with (
        serving(answering(200)) as (other, taken),
        serving(answering(status, Location=f"http://me:hidden@{other}/v1?key={KEY}")) as (host, asked),
    ):
        line = refused(tmp_path, f"http://{host}/v1")
    assert line == (
        f"the server redirects to http://{other}, where nothing is sent unasked; if that is right, name it in api_base"
    )
    assert (len(asked), taken) == (1, [])


def test_redirects_in_a_circle(tmp_path: Path) -> None:
    with serving(answering(307, Location="/v1/chat/completions")) as (host, _):
        line = refused(tmp_path, f"http://{host}/v1")
    assert line == "the server redirects in a circle; look at the path in api_base"


def test_a_redirect_that_stays_is_followed(tmp_path: Path) -> None:
    with listening((307, {"Location": "/v2"}, {}), (200, {}, completion("yes"))) as (base_url, _):
        assert ask(tmp_path, base_url).text == "yes"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_asks_who_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    with serving(answering(407, Proxy_Authenticate="Basic")) as (proxy, asked):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://ann:hidden@{proxy}")
        line = refused(tmp_path, f"{scheme}://asks-{scheme}.example/v1")
    assert line.startswith(f"the proxy {proxy} asks for a user name and password; set {scheme.upper()}_PROXY to")
    assert "hidden" not in line and len(asked) == 1


def test_a_proxy_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("https_proxy", f"http://ann:hidden@127.0.0.1:{port}")
    line = failed(tmp_path, "https://behind-none.example/v1")
    assert line.startswith(f"the proxy 127.0.0.1:{port} is not reached: ") and "look at HTTPS_PROXY" in line
    assert "hidden" not in line


def test_a_proxy_that_does_not_let_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering(403)) as (proxy, _):
        monkeypatch.setenv("https_proxy", f"http://{proxy}")
        line = refused(tmp_path, "https://forbidden.example/v1")
    assert line == f"the proxy {proxy} answers 403; it may not let through to that host"


def test_a_name_that_nobody_knows(tmp_path: Path) -> None:
    line = failed(tmp_path, "http://no-such-host.invalid:80/v1")
    assert line.startswith("the name no-such-host.invalid:80 is not known here (") and "DNS" in line


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_nobody_who_listens(tmp_path: Path, name: str) -> None:
    host = f"{name}:{free_port()}"
    assert failed(tmp_path, f"http://{host}/v1").startswith(f"nobody listens at {host}; is the")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
