"""The statements of `queries.sql` by name, and the files of the schema by version."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> str:
    """The statement under the header `-- name: <name>`."""
    return _named()[name]


@cache
def migrations() -> dict[int, str]:
    """Version -> the statements that make it of the version before; the first makes it of nothing."""
    found = files(f"{__package__}.migrations").iterdir()
    texts = {int(file.name[:4]): file.read_text(encoding="utf-8") for file in found if file.name.endswith(".sql")}
    return dict(sorted(texts.items()))


@cache
def newest_version() -> int:
    """Of the schema that this program knows."""
    return max(migrations())


@cache
def _named() -> dict[str, str]:
    text = files(__package__).joinpath("queries.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}
