"""Renders nginx.conf from routes and ports. Pure text; reading routes and running nginx are elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Ports:
    """Where the router listens, and where web and streams do. `host` is the address to listen on."""

    public: int
    environments: int
    web: int
    streams: int
    host: str = "127.0.0.1"
    upstream: str = "127.0.0.1"


@dataclass(frozen=True)
class Host:
    """One environment's host label; without a port it is announced as suspended."""

    label: str
    port: int | None


_FRAME = """# Rendered by `manage.py router`; changes made here are lost.
{user}daemon off;
pid {home}/nginx.pid;
error_log stderr warn;
worker_processes 2;
worker_shutdown_timeout 5s;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  server_tokens off;
  default_type text/plain;
  client_max_body_size 4m;
  client_body_temp_path {home}/temp/body;
  proxy_temp_path {home}/temp/proxy;
  fastcgi_temp_path {home}/temp/fastcgi;
  uwsgi_temp_path {home}/temp/uwsgi;
  scgi_temp_path {home}/temp/scgi;
  server_names_hash_max_size 16384;
  server_names_hash_bucket_size 128;
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  server {{
    listen unix:{home}/generation.sock;
    location = /.generation {{ return 200 "{token}"; }}
    location / {{ return 404; }}
  }}
{public}{environments}}}
"""
_PUBLIC = """  server {{
    listen {host}:{public} default_server;
    location / {{
      proxy_pass http://{upstream}:{web};
      proxy_read_timeout 65s;
    }}
    location /streams/ {{
      proxy_pass http://{upstream}:{streams};
      proxy_buffering off;
      proxy_cache off;
      proxy_read_timeout 1h;
    }}
  }}
"""
_UNKNOWN = """  server {{
    listen {host}:{environments} default_server;
    default_type text/html;
    location / {{ return 404 '{page}'; }}
  }}
"""
_SERVED = """  server {{
    listen {host}:{environments};
    server_name {label}.localhost {label}.*;
    location / {{
      proxy_pass http://127.0.0.1:{port};
      proxy_connect_timeout 2s;
      proxy_read_timeout 60s;
    }}
    error_page 502 504 = @silent;
    location @silent {{ default_type text/html; add_header Retry-After 2 always; return 503 '{page}'; }}
  }}
"""
_SUSPENDED = """  server {{
    listen {host}:{environments};
    server_name {label}.localhost {label}.*;
    default_type text/html;
    location / {{ add_header Cache-Control no-store always; return 503 '{page}'; }}
  }}
"""
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
    '<body style="font:1.1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem">'
    "<h1>{title}</h1><p>{text}</p></body></html>\\n"
)


def render(home: Path, ports: Ports, hosts: Iterable[Host], *, token: str, user: str = "") -> str:
    """Return a whole nginx.conf. `token` is what the configuration answers when it is asked who it is."""
    unknown = _page("No such environment", "No environment answers to this name.")
    listen: dict[str, str | int] = {"host": ports.host, "environments": ports.environments}
    servers = [_UNKNOWN.format(page=unknown, **listen)]
    servers += [_host(host, listen) for host in sorted(hosts, key=lambda host: host.label)]
    return _FRAME.format(
        user=f"user {user};\n" if user else "",
        home=home,
        token=token,
        public=_PUBLIC.format(
            host=ports.host,
            public=ports.public,
            upstream=ports.upstream,
            web=ports.web,
            streams=ports.streams,
        ),
        environments="".join(servers),
    )


def _host(host: Host, listen: dict[str, str | int]) -> str:
    if not LABEL.fullmatch(host.label):
        raise ValueError(f"{host.label!r} is not a DNS label")
    if host.port is None:
        page = _page(f"{host.label} is suspended", "Its data is kept. Resume it in the portal to use it again.")
        return _SUSPENDED.format(label=host.label, page=page, **listen)
    page = _page(f"{host.label} does not answer", "The environment is starting or its process has ended.")
    return _SERVED.format(label=host.label, port=host.port, page=page, **listen)


def _page(title: str, text: str) -> str:
    return _PAGE.format(title=html.escape(title), text=html.escape(text))
