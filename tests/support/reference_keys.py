"""Every key of the configuration and of a cluster's profile as Markdown tables, made from the types that read them."""

import ast
import inspect
import json
import textwrap
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET
from msgspec import inspect as types

from truestrength.launcher.containers.settings import ContainerSettings
from truestrength.launcher.slurm.profile import ClusterProfile, Finisher
from truestrength.trainer.contract.config.plans import Entry
from truestrength.trainer.contract.config.search_space import Choice, Fixed, FloatRange, IntRange, Rows
from truestrength.trainer.contract.config.settings import Config

WORDS = {
    types.IntType: "whole number",
    types.FloatType: "number",
    types.StrType: "text",
    types.BoolType: "true, false",
    types.NoneType: "null",
    types.AnyType: "any value",
}
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
LIBRARIES_MOST = (2**31 - 1, 2**31)
"""Bounds that nobody comes near to."""


def keys() -> str:
    """All tables, each below a heading."""
    sections = [field for field in msgspec.structs.fields(Config) if _is_struct(field.type)]
    others = [field.name for field in msgspec.structs.fields(Config) if field not in sections]
    return "\n\n".join(
        [
            "## Keys",
            *(_table(f"`{field.name}`", field.type, f"{field.name}.") for field in sections),
            _table("Spaces and plans", Config, only=others),
            "## A parameter of a search space",
            *(_table(f"`type: {kind.__struct_config__.tag}`", kind) for kind in (IntRange, FloatRange)),
            *(_table(f"`type: {kind.__struct_config__.tag}`", kind) for kind in (Choice, Rows, Fixed)),
            "## A plan",
            _table("An entry below `plans:`", Entry),
            "## A cluster's profile",
            _table("`slurm/profiles/*.yaml`", ClusterProfile),
            _table("`finisher`", Finisher, "finisher."),
            _table("`container`", ContainerSettings, "container."),
        ]
    )


def _table(title: str, kind: type, prefix: str = "", only: Sequence[str] | None = None) -> str:
    docs = {name: doc for base in reversed(kind.__mro__) if _is_struct(base) for name, doc in _docstrings(base).items()}
    fields = [field for field in msgspec.structs.fields(kind) if only is None or field.name in only]
    said = "" if only else cell(inspect.getdoc(kind) or "")
    rows = [f"| `{prefix}{f.name}` | {_value(f.type)} | {_default(f)} | {docs.get(f.name, '')} |" for f in fields]
    head = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([f"### {title}", "", *([said, ""] if said else []), *head, *rows])


def cell(text: str) -> str:
    """A text in one line that ends no cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct


def _docstrings(kind: type) -> dict[str, str]:
    """The text that stands below each field in the code."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and said:
            found[field.target.id] = cell(str(after.value.value)).replace("None:", "null:")
    return found


def _default(field: Any) -> str:
    if field.required:
        return "**required**"
    value = field.default if field.default is not NODEFAULT else field.default_factory()
    return "" if value is UNSET or _is_struct(type(value)) else f"`{json.dumps(msgspec.to_builtins(value))}`"


def _value(kind: Any) -> str:
    """What may stand there, in words."""
    return cell(_said(types.type_info(kind)))


def _said(kind: Any) -> str:
    match kind:
        case types.UnionType():
            said = " or ".join(dict.fromkeys(_said(one) for one in kind.types))
        case types.LiteralType():
            said = ", ".join(f"`{value}`" for value in kind.values)
        case types.EnumType():
            said = ", ".join(f"`{value.value}`" for value in kind.cls)
        case types.VarTupleType() | types.ListType():
            said = f"list of: {_said(kind.item_type)}"
        case types.DictType():
            said = f"names, each with: {_said(kind.value_type)}"
        case types.StructType():
            tag = kind.cls.__struct_config__.tag
            said = f"`{{type: {tag}, …}}`" if tag else "keys of its own, below"
        case _:
            said = f"{WORDS[type(kind)]} {_bounds(kind)}".strip()
    return said


def _bounds(kind: Any) -> str:
    """Of a number."""
    found = ((BOUNDS[name], value) for name in BOUNDS if (value := getattr(kind, name, None)) is not None)
    return ", ".join(f"{sign} {value:g}" for sign, value in found if value not in LIBRARIES_MOST)
