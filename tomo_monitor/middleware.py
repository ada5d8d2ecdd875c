"""Believes a reverse proxy's headers if, and only if, the proxy is a trusted one."""

import ipaddress
import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_FORWARDED",
    "HTTP_X_REQUEST_ID",
)
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,40}")


class TrustedProxyMiddleware:
    """Puts the visitor's own address and scheme where Django looks for them, and drops the headers.

    Only the request's id is left where it is, if a trusted proxy gave one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        forwarded = {name: request.META.pop(name, "") for name in FORWARDED}
        request.META["REMOTE_ADDR"] = _plain(request.META.get("REMOTE_ADDR", ""))
        if is_trusted(request.META.get("REMOTE_ADDR", "")):
            request.META["REMOTE_ADDR"] = _client(forwarded["HTTP_X_FORWARDED_FOR"], request.META["REMOTE_ADDR"])
            if forwarded["HTTP_X_FORWARDED_PROTO"] in ("http", "https"):
                request.META["wsgi.url_scheme"] = forwarded["HTTP_X_FORWARDED_PROTO"]
            if REQUEST_ID.fullmatch(forwarded["HTTP_X_REQUEST_ID"]):
                request.META["HTTP_X_REQUEST_ID"] = forwarded["HTTP_X_REQUEST_ID"]
        return self.get_response(request)


def _plain(address: str) -> str:
    """A socket that listens on [::] tells IPv4 addresses as ::ffff:…; everywhere else they are written plainly."""
    mapped = address.lower().removeprefix("::ffff:")
    return mapped if "." in mapped else address


def is_trusted(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in settings.TOMO["trusted_proxies"])


def _client(chain: str, peer: str) -> str:
    """The last address of the chain that is not a trusted proxy's: the only one that cannot be made up."""
    for hop in reversed([part.strip() for part in chain.split(",") if part.strip()]):
        try:
            ipaddress.ip_address(hop)
        except ValueError:
            return peer
        if not is_trusted(hop):
            return hop
        peer = hop
    return peer
