"""The URL of a PostgreSQL as text: divided strictly, rewritten, and shown without its password.

Surprising: a password with a `/`, `?`, `#` or `@` that is not percent-encoded still looks like a URL, of another host:
libpq would ask the DNS for a piece of it, and say that piece in its error. So a URL is divided here before anything
else sees it, and no message shows a piece of one that cannot be divided.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from truestrength.trainer.contract.errors import DatabaseError

HINT = "Start the embedded server with `truestrength db up`, or set DATABASE_URL to a PostgreSQL server."
EMBEDDED = "require_auth=scram-sha-256&application_name=truestrength-embedded"
"""What every URL of the embedded server ends with, in parameters of libpq's: `psql` 16 or later takes the URL, too.

By the first, whoever else listens on the server's port is sent no password."""

_ENCODED = r"%[0-9A-Fa-f]{2}"
_WORD = rf"(?:[^\s/?#@:%\[\]]|{_ENCODED})*"
_HOST = rf"(?:\[[0-9A-Fa-f:.]+\]|(?:[\w.-]|{_ENCODED})*)(?::\d*)?"
_URL = re.compile(
    rf"(?P<scheme>[^:/?#@\s]+)://(?:(?P<user>{_WORD})(?::(?P<password>(?:[^\s/?#@%\[\]]|{_ENCODED})*))?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)(?:/(?P<name>{_WORD}))?(?:\?(?P<query>(?:[^\s/?#@%\[\]]|[/]|{_ENCODED})*))?"
)
_SCHEME = re.compile(r"postgres(?:ql)?(?:\+\w+)?", re.IGNORECASE)
_OTHER_SCHEMES = {"mysql", "mariadb", "sqlite", "oracle", "mssql", "mongodb", "redis", "http", "https", "file"}
_HIGHEST_PORT = 65535
_QUOTED = ", ".join(f"{sign} as %{ord(sign):02X}" for sign in "%/?#@[]") + ", a blank as %20"
_MARK = re.compile(rf"\?(?:[^\s?]*&)?{re.escape(EMBEDDED)}")
_SECRET = re.compile(r"(?<=://)([^:/@\s]*):\S*@|(?<=password=)[^&\s]+")


class UrlParts(NamedTuple):
    """A URL that could be divided; all as written, so still percent-encoded."""

    user: str | None
    password: str | None
    hosts: str
    """One or more HOST[:PORT] with commas between; empty where libpq's default is meant."""
    name: str | None
    query: str | None

    def __str__(self) -> str:
        """In one form, without a driver's name."""
        secret = "" if self.password is None else f":{self.password}"
        user = "" if self.user is None else f"{self.user}{secret}@"
        name = "" if self.name is None else f"/{self.name}"
        return f"postgresql://{user}{self.hosts}{name}" + ("" if self.query is None else f"?{self.query}")


def parse(url: str, source: str = "the database URL") -> UrlParts:
    """Divide a URL.

    Args:
        url: as people write it, with or without a driver's name.
        source: where it stands, for the message.

    Raises:
        DatabaseError: it is none of a PostgreSQL; which part is wrong, and nothing of what stands there.
    """
    found = _URL.fullmatch(url.strip())
    if found and _SCHEME.fullmatch(found["scheme"]) and all(map(_is_port, found["hosts"].split(","))):
        return UrlParts(found["user"], found["password"], found["hosts"], found["name"], found["query"])
    raise DatabaseError(f"{source}: expected postgresql://USER:PASSWORD@HOST:PORT/NAME, found {_fault(url.strip())}")


def _is_port(host: str) -> bool:
    port = re.search(r":(\d+)$", host)
    return port is None or 0 < int(port[1]) <= _HIGHEST_PORT


def _fault(url: str) -> str:
    """Which part is wrong, in words that hold nothing of it."""
    scheme, divided, rest = url.partition("://")
    if not divided:
        return f"text that is not a URL. {HINT}"
    if not _SCHEME.fullmatch(scheme):
        named = f"{scheme}://…" if scheme.lower() in _OTHER_SCHEMES else "another scheme"
        return f"{named}. {HINT}"
    user, at, _ = rest.rpartition("@")
    if at and not re.fullmatch(rf"{_WORD}(?::(?:[^\s/?#@%\[\]]|{_ENCODED})*)?", user):
        return (
            "a sign in USER or PASSWORD that means something else in a URL (none of it is shown). "
            f"Percent-encode these signs there: {_QUOTED}"
        )
    return (
        f"something wrong after USER:PASSWORD@: HOST is a name, an address or [an IPv6 address], PORT a number from 1 "
        f"to {_HIGHEST_PORT}, and other signs are percent-encoded: {_QUOTED}"
    )


def normalise(url: str, source: str = "the database URL") -> str:
    """Bring every usual spelling of a PostgreSQL URL into one form, without a driver's name.

    >>> normalise("postgres+psycopg2://me@db/sweeps")
    'postgresql://me@db/sweeps'

    Raises:
        DatabaseError: `source` is not the URL of a PostgreSQL.
    """
    return str(parse(url, source))


def sqlalchemy_url(url: str) -> str:
    """The same database for SQLAlchemy, by the driver that this project installs: without its name it takes another."""
    return normalise(url).replace("postgresql://", "postgresql+psycopg2://", 1)


def with_database(url: str, name: str) -> str:
    """The same server, another database.

    >>> with_database("postgresql://me@db:5433/postgres?sslmode=require", "sweeps")
    'postgresql://me@db:5433/sweeps?sslmode=require'
    """
    return str(parse(url)._replace(name=name))


def host_names(url: str) -> list[str]:
    """The hosts of a URL; an empty one stands for this machine.

    >>> host_names("postgresql://u:x@h1:5432,[::1]:5432/db")
    ['h1', '::1']
    """
    parts = parse(url)
    named = re.search(r"(?:^|&)host(?:addr)?=([^&]*)", parts.query or "")
    hosts = unquote(named[1]) if named and not parts.hosts else parts.hosts
    return [re.sub(r":\d*$", "", host).strip("[]") for host in hosts.split(",")]


def certificate_file(url: str) -> str | None:
    """The file by which a URL's server is known, if it names one.

    >>> certificate_file("postgresql://me@db/sweeps?sslmode=verify-ca&sslrootcert=/a%20b/root.pem")
    '/a b/root.pem'
    """
    named = re.search(r"(?:^|&)sslrootcert=([^&]*)", parse(url).query or "")
    return unquote(named[1]) if named and named[1] != "system" else None


def shown(url: str) -> str:
    """A URL for people: user, hosts and database.

    >>> shown("postgresql://me:secret@db/sweeps?sslmode=require")
    'postgresql://me:***@db/sweeps'
    """
    parts = parse(url)
    return str(parts._replace(password=None if parts.password is None else "***", query=None))


def is_embedded(url: str) -> bool:
    """Whether it is one of the embedded server's."""
    return EMBEDDED in url


def redact(text: str) -> str:
    """Free text without any password that stands in it as URLs and libpq's settings have one, and without our mark.

    >>> redact("cannot reach postgresql://me:secret@db/sweeps")
    'cannot reach postgresql://me:***@db/sweeps'
    """
    shown = _MARK.sub("", text)
    return _SECRET.sub(lambda found: f"{found.group(1)}:***@" if found.group(1) is not None else "***", shown)


def without_password(text: str, url: str) -> str:
    """A driver's own sentence about a connection by `url`, with nothing of its password in it."""
    parts = parse(url)
    in_query = re.search(r"(?:^|&)password=([^&]*)", parts.query or "")
    for secret in filter(None, (parts.password, in_query and in_query[1])):
        text = text.replace(secret, "***").replace(unquote(secret), "***")
    return redact(text)
