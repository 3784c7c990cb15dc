"""The folder of the embedded PostgreSQL."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EmbeddedServerPaths:
    """The folder of the embedded PostgreSQL server (`.postgres`)."""

    folder: Path

    @classmethod
    def of(cls, project: Path) -> EmbeddedServerPaths:
        """The one place where a project keeps its server; `TRUESTRENGTH_POSTGRES` names another (in the image)."""
        return cls(Path(os.environ.get("TRUESTRENGTH_POSTGRES") or project.absolute() / ".postgres"))

    @property
    def data(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server said; in its data folder, because the server may run as another user."""
        return self.data / "server.log"

    @property
    def state(self) -> Path:
        """Port, password and where the server was started, as JSON that only the owner may read."""
        return self.folder / "server.json"

    @property
    def superuser(self) -> Path:
        """The superuser's password, for the owner only: in no URL that a program or a worker gets."""
        return self.folder / "superuser"

    @property
    def url(self) -> Path:
        """The current database's URL with its password, for the owner only; there while the server shall be up."""
        return self.folder / "url"

    @property
    def current(self) -> Path:
        """The name of the current database: that of the outputs root that a plan was run for last."""
        return self.folder / "current"

    @property
    def urls(self) -> Path:
        """A file like `url` for the database of each outputs root; they stay while the server is down."""
        return self.folder / "urls"

    def root_url(self, database: str) -> Path:
        """The URL of one outputs root's database."""
        return self.urls / database

    @property
    def certificate(self) -> Path:
        """What clients on other machines know the server by; no secret."""
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        """The certificate's private key, for the owner only."""
        return self.folder / "certificate.key"

    @property
    def front(self) -> Path:
        """Locked as long as the process that serves other machines lives."""
        return self.folder / "front"

    @property
    def front_log(self) -> Path:
        """What that process said."""
        return self.folder / "front.log"

    @property
    def lock(self) -> Path:
        """Locked while the server is being started or stopped."""
        return self.folder / "lock"

    @property
    def users(self) -> Path:
        """Locked, by many at once, by the commands that use the server."""
        return self.folder / "users"

    @property
    def alive(self) -> Path:
        """Locked by the server's processes as long as one of them lives, so no pid has to be believed."""
        return self.folder / "alive"
