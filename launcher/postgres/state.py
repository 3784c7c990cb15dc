"""What the embedded server remembers from one start to the next: a file that only its owner may read."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path
from urllib.parse import quote

import msgspec

from truestrength.launcher.postgres import host as postgres_host
from truestrength.trainer.contract import files
from truestrength.trainer.contract.database.url import EMBEDDED
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.process import Place

NAME = "truestrength"
"""Of the role that programs and workers are, and of the current database as long as no outputs root has its own."""
SUPERUSER = "postgres"
"""The role that makes databases; `roles.py` says who may be it."""
MAINTENANCE = "postgres"
"""A database that is always there, to ask the server something."""
LOOPBACK = "127.0.0.1"


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    """The programs' password, where the server listens, and where it was started last."""

    password: str
    """Of the role `NAME`."""
    port: int
    listen: str = LOOPBACK
    """Where other machines are served: the address of an interface, or `*` for all; the loopback's for nowhere."""
    tls_port: int = 0
    """Where other machines are served; the server itself listens on the loopback interface only."""
    certificate: str = ""
    """The file of the certificate that they know the server by."""
    host: str = ""
    """Name of the machine or container it was started on; empty after an orderly stop."""
    place: str = ""
    """`Place` of its start: whose processes can see its pid. Empty where the system does not tell."""

    @classmethod
    def new(cls) -> ServerState:
        """A server that has never been started."""
        return cls(password=secrets.token_urlsafe(24), port=postgres_host.free_port(LOOPBACK))

    @classmethod
    def read(cls, path: Path) -> ServerState:
        """As `write` left it.

        Raises:
            DatabaseError: it was changed by hand, or by another version of this program.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise DatabaseError(f"{path}: {error}. Put it right, or remove the folder to begin anew.") from None

    def write(self, path: Path) -> None:
        """Write it down, for the owner only."""
        files.write_secret(path, msgspec.json.encode(self).decode())

    def url(self, name: str) -> str:
        """The programs' URL of one of its databases, password included."""
        return self.url_of(NAME, self.password, name)

    def url_of(self, role: str, password: str, name: str) -> str:
        """The URL by which a role reaches one of its databases."""
        host, query = f"{LOOPBACK}:{self.port}", EMBEDDED
        if self.listens:
            address = {"*": self.host}.get(self.listen, self.listen)
            host = f"{f'[{address}]' if ':' in address else address}:{self.tls_port}"
            query = f"sslmode=verify-ca&sslrootcert={quote(self.certificate)}&{EMBEDDED}"
        return f"postgresql://{role}:{quote(password)}@{host}/{name}?{query}"

    @property
    def listens(self) -> bool:
        """Whether other machines are served."""
        return self.listen != LOOPBACK

    @property
    def local(self) -> ServerState:
        """The same as this machine's own processes can reach it."""
        return msgspec.structs.replace(self, listen=LOOPBACK)

    @property
    def started_in_this_boot(self) -> bool:
        """Whether the machine has not been restarted since; containers share their machine's boot."""
        return self.place.partition("/")[0] == Place.here().name.partition("/")[0]

    def listening(self, listen: bool | str) -> ServerState:
        """The same, listening on all interfaces (True) or on one; False leaves it as it is."""
        if not listen:
            return self
        return msgspec.structs.replace(self, listen="*" if listen is True else listen)

    def with_door(self, port: int, certificate: Path) -> ServerState:
        """The same, serving other machines at a port, by a certificate."""
        return msgspec.structs.replace(self, tls_port=port, certificate=str(certificate.absolute()))

    def starting_here(self) -> ServerState:
        """The same, started on this machine, on another port where its own is taken."""
        port = postgres_host.usable_port(LOOPBACK, self.port)
        return msgspec.structs.replace(self, host=socket.gethostname(), place=Place.here().name, port=port)

    def stopped(self) -> ServerState:
        """The same after an orderly stop: the next start is anywhere, and on the loopback interface."""
        return msgspec.structs.replace(self, host="", place="", listen=LOOPBACK)
