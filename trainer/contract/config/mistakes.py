"""Turns msgspec's message about a tree into one that names the key, the value and what is allowed.

Surprising: msgspec writes `[...]` for the key of a mapping, so the key is found again by trying each entry alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from truestrength.trainer.contract.errors import suggest

_TOKEN = re.compile(r"\[(\.\.\.|\d+)\]|([^.\[\]]+)")


def explain(error: msgspec.ValidationError, tree: Any, kind: Any) -> tuple[str, str]:
    """The dotted key at fault and a sentence about it.

    Args:
        error: What `msgspec.convert(tree, kind)` raised.
        tree: Plain mappings, lists and values.
        kind: The type that the tree should have had.
    """
    text, _, where = str(error).partition(" - at ")
    tokens = [a or b for a, b in _TOKEN.findall(where.strip("`").removeprefix("$"))]
    path, found, kind = _follow(tree, kind, tokens)
    key = "".join(f"[{name}]" if name.isdigit() else f".{name}" for name in path).removeprefix(".")
    if unknown := re.search(r"unknown field `(.+?)`", text):
        whole = _join(key, unknown.group(1))
        return whole, f"unknown key '{whole}': {suggest(unknown.group(1), _fields(kind, found))}"
    if missing := re.search(r"missing required field `(.+?)`", text):
        allowed = _allowed_tags(kind) if missing.group(1) == "type" else []
        hint = f". Allowed: {', '.join(allowed)}" if allowed else ""
        return key, f"'{_join(key, missing.group(1))}' is required and has no default{hint}"
    if text.startswith(("Invalid", "Expected `str`")) and (allowed := _allowed(kind)):
        return key, f"{key}: {found!r} is not allowed: {suggest(str(found), allowed)}"
    return (
        key,
        f"{key or 'the file'}: {text.replace('`object`', 'a mapping').replace('`array`', 'a list')}, found {found!r}",
    )


def as_written(tree: Any, texts: Any, kind: Any) -> Any:
    """`tree` with the text as it was written wherever the value does not fit `kind` and its text does.

    Args:
        tree: Plain mappings, lists and values.
        texts: The same with every plain value as its text.
        kind: The type that the tree should have.
    """
    kind = _option(kind, tree)
    if isinstance(tree, dict):
        return {key: as_written(below, texts[key], _below(kind, key)) for key, below in tree.items()}
    if isinstance(tree, list):
        return [as_written(below, texts[i], _below(kind, str(i))) for i, below in enumerate(tree)]
    return texts if texts and not _fits(tree, kind) and _fits(texts, kind) else tree


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _join(key: str, last: str) -> str:
    return f"{key}.{last}" if key else last


def _follow(tree: Any, kind: Any, tokens: list[str]) -> tuple[list[str], Any, Any]:
    """Walk down `tree` and `kind` together. Returns the keys on the way, and the value and the type at the end."""
    path: list[str] = []
    for token in tokens:
        kind = _option(kind, tree)
        name = _failing_key(tree, kind) if token == "..." else token  # noqa: S105 - msgspec's word for some key
        kind = _below(kind, name)
        tree = tree.get(name) if isinstance(tree, dict) else list(tree)[int(name)]  # `!!set` is none of the two
        path.append(name)
    return path, tree, kind


def _failing_key(tree: Mapping[str, Any], kind: Any) -> str:
    for key, value in tree.items():
        try:
            msgspec.convert({key: value}, kind)
        except msgspec.ValidationError:
            return key
    raise AssertionError(tree)


def _below(kind: Any, name: str) -> Any:
    """The type of what lies under `name` in a value of type `kind`; a union's tag has the union's own type."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return get_type_hints(kind, include_extras=True).get(name, kind)
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    if get_origin(kind) is tuple:
        return get_args(kind)[0]
    return kind


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _options(kind: Any) -> list[Any]:
    kind = _bare(kind)
    members = get_args(kind) if get_origin(kind) in {Union, UnionType} else [kind]
    return [_bare(member) for member in members if member is not msgspec.UnsetType]


def _option(kind: Any, value: Any) -> Any:
    """The member of a union that `value` is meant to be: by its tag, or by its being a list."""
    options = _options(kind)
    if len(options) == 1:
        return options[0]
    if isinstance(value, list):
        return next((o for o in options if get_origin(o) is tuple), kind)
    tag = value.get("type") if isinstance(value, dict) else None
    return next((o for o in options if tag is not None and _tag(o) == tag), kind)


def _tag(kind: Any) -> Any:
    is_struct = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    return kind.__struct_config__.tag if is_struct else None


def _allowed_tags(kind: Any) -> list[str]:
    return [str(_tag(o)) for o in _options(kind) if _tag(o) is not None]


def _allowed(kind: Any) -> list[str]:
    """The words that may stand where `kind` is expected; empty when it is not a matter of words."""
    meant = [option for option in _options(kind) if option is not type(None)]
    kind = meant[0] if len(meant) == 1 else _bare(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    return _allowed_tags(kind) if len(_options(kind)) > 1 else []


def _fields(kind: Any, value: Any) -> list[str]:
    option = _option(kind, value)
    return sorted(f.encode_name for f in msgspec.structs.fields(option))
