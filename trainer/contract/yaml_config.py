"""Reads YAML into typed structs: `extends`, overrides, and errors that name file, key, value and what is allowed.

Later files win over earlier ones, key by key; lists and search-space entries are replaced whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from trainer.contract.errors import ConfigError, suggest

T = TypeVar("T")
Tree = dict[str, Any]


def load(path: Path, kind: type[T], overrides: Sequence[str] = ()) -> T:
    """Read `path` (and the files it extends) and apply `overrides` ("dotted.key=yaml value").

    Raises:
        ConfigError: naming the file, the key, the value and what is allowed.
    """
    tree, origin = read_merged(path)
    for override in overrides:
        key, value = parse_override(override)
        _put(tree, key, value, override)
        _remember(origin, key, value, f"--set {override}")
    return convert(tree, kind, origin, str(path))


def convert(tree: Tree, kind: type[T], origin: Mapping[str, str], source: str) -> T:
    """Turn a tree into `kind`; `origin` says for each dotted key where its value was written."""
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(str(error), tree, kind, origin, source)) from None


def parse_override(text: str) -> tuple[str, Any]:
    """Split "dotted.key=value"; the value is YAML, so `[10, 30]`, `null` and `1e-3` mean what they mean in a file."""
    key, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][\w.]*", key):
        raise ConfigError(f"--set {text!r}: expected KEY=VALUE, for example --set training.n_folds=5")
    try:
        return key, _parse(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: the value {value!r} is not valid YAML: {error}") from None


def read_merged(path: Path, above: tuple[Path, ...] = ()) -> tuple[Tree, dict[str, str]]:
    """Merge `path` over everything it extends. Returns the tree and, for each dotted key, the file that set it."""
    if path.resolve() in above:
        chain = " -> ".join(str(p) for p in (*above, path))
        raise ConfigError(f"{path}: extends itself: {chain}")
    own = _read(path)
    parents = own.pop("extends", [])
    if isinstance(parents, str):
        parents = [parents]
    if not isinstance(parents, list) or not all(isinstance(p, str) for p in parents):
        raise ConfigError(f"{path}: extends: expected a list of file names, found {parents!r}")
    tree: Tree = {}
    origin: dict[str, str] = {}
    for parent in parents:
        parent_tree, parent_origin = read_merged(path.parent / parent, (*above, path.resolve()))
        tree = merge(tree, parent_tree)
        origin |= parent_origin
    for key, value in own.items():
        _remember(origin, key, value, str(path))
    return merge(tree, own), origin


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """Lay `above` over `below` without changing either. A mapping with a `type` key is one value and is replaced whole."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and "type" not in value:
            result[key] = merge(old, value)
        else:
            result[key] = value
    return result


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice and reads 1e-3 as a number (YAML 1.1 wants 1.0e-3)."""


def _unique_mapping(loader: _Loader, node: yaml.MappingNode) -> Tree:
    keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise yaml.constructor.ConstructorError(None, None, f"key {twice!r} is written twice", node.start_mark)
    return {str(key): value for key, value in loader.construct_mapping(node, deep=True).items()}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def _parse(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader


def _read(path: Path) -> Tree:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        nearby = sorted(str(p) for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        found = f" Found there: {', '.join(nearby)}" if nearby else ""
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.{found}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    try:
        tree = _parse(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not valid YAML: {error}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected a mapping of keys to values, found {type(tree).__name__}")
    return tree


def _put(tree: Tree, dotted: str, value: Any, override: str) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        below = tree.setdefault(parent, {})
        if not isinstance(below, dict):
            raise ConfigError(f"--set {override}: {parent!r} is a value ({below!r}), not a section")
        # The branch is copied: a YAML alias may share one mapping between two keys.
        tree[parent] = tree = dict(below)
    tree[last] = value


def _remember(origin: dict[str, str], key: str, value: Any, source: str) -> None:
    origin[key] = source
    if isinstance(value, dict):
        for name, below in value.items():
            _remember(origin, f"{key}.{name}", below, source)


def _explain(message: str, tree: Tree, kind: Any, origin: Mapping[str, str], source: str) -> str:
    text, _, where = message.partition(" - at `")
    path = [p for p in re.split(r"[.\[\]]", where.rstrip("`").removeprefix("$")) if p and p != "..."]
    unknown = re.search(r"unknown field `(.+?)`", text)
    missing = re.search(r"missing required field `(.+?)`", text)
    key = ".".join([*path, unknown.group(1)] if unknown else path)
    file = _origin(origin, key, source)
    if unknown:
        return f"{file}: unknown key '{key}': {suggest(unknown.group(1), _fields(kind, path))}"
    if missing:
        return f"{file}: '{'.'.join([*path, missing.group(1)])}' is required and has no default"
    return f"{file}: {key or 'the file'}: {text} (found {_value(tree, path)!r})"


def _origin(origin: Mapping[str, str], key: str, source: str) -> str:
    while key:
        if key in origin:
            return origin[key]
        key = key.rpartition(".")[0]
    return source


def _value(tree: Any, path: Iterable[str]) -> Any:
    for name in path:
        if isinstance(tree, dict):
            tree = tree.get(name)
        elif isinstance(tree, list) and name.isdigit():
            tree = tree[int(name)]
    return tree


def _fields(kind: Any, path: Sequence[str]) -> list[str]:
    """Names of the fields of the struct that `path` leads to; unions and mappings are looked through."""
    info = msgspec.inspect.type_info(kind)
    for name in path:
        info = _step(info, name)
    options = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    return sorted({f.encode_name for o in options if isinstance(o, msgspec.inspect.StructType) for f in o.fields})


def _step(info: Any, name: str) -> Any:
    options = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    for option in options:
        if isinstance(option, msgspec.inspect.StructType):
            for field in option.fields:
                if field.encode_name == name:
                    return field.type
        if isinstance(option, msgspec.inspect.DictType):
            return option.value_type
    return info
