"""The statements of `queries.sql` by name, and the schema."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

SCHEMA_VERSION = 3


@cache
def query(name: str) -> str:
    """The statement under the header `-- name: <name>`."""
    return _named()[name]


@cache
def schema() -> tuple[str, ...]:
    """The statements that make the schema, in order; each may be repeated."""
    text = files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    return tuple(statement for statement in re.split(r";\n", text) if statement.strip())


@cache
def _named() -> dict[str, str]:
    text = files(__package__).joinpath("queries.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}
