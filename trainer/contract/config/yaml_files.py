"""Reads YAML into typed structs: `extends`, overrides, and errors that name file, key, value and what is allowed.

Later files win over earlier ones, key by key; lists and search-space entries are replaced whole.

Surprising: PyYAML reads YAML 1.1, in which `off`, `no` and `n` are false, `12:30` is 750, `010` is 8 and `1e-3` is
a text. Here plain words mean what YAML 1.2's core schema says and, where a text is wanted, the text that was written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from truestrength.trainer.contract.config.mistakes import as_written, explain
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.paths.user import expanded

T = TypeVar("T")
Tree = dict[str, Any]

LARGEST = 2**53
"""A whole number beyond would be another one in JSON's readers and in Optuna's tables."""
MOST_DIGITS = 100
MOST_VALUES = 100_000
DEEPEST = 50
LONGEST_SHOWN = 100
_TOO_DEEP = f"it is nested more than {DEEPEST} deep"


def load(path: Path, kind: type[T], overrides: Sequence[str] = ()) -> T:
    """Read `path` (and the files it extends) and apply `overrides` ("dotted.key=yaml value").

    Raises:
        ConfigError: naming the file, the key, the value and what is allowed.
    """
    return load_with_origin(path, kind, overrides)[0]


def load_with_origin(path: Path, kind: type[T], overrides: Sequence[str] = ()) -> tuple[T, dict[str, str]]:
    """Like `load`, and for each dotted key the file or `--set` that set it."""
    tree, origin = _read_all(path, overrides, _Loader)
    return convert(tree, kind, origin, str(path), lambda: _read_all(path, overrides, _TextLoader)[0]), origin


def _read_all(path: Path, overrides: Sequence[str], loader: type[_Loader]) -> tuple[Tree, dict[str, str]]:
    """The merged tree with the overrides applied and, for each dotted key, the file or `--set` that set it."""
    tree, origin = read_merged(path, loader)
    for override in overrides:
        key, value = parse_override(override, loader)
        _put(tree, key, value, override)
        _remember(origin, key, value, f"--set {override}")
    return tree, origin


def convert(
    tree: Tree,
    kind: type[T],
    origin: Mapping[str, str],
    source: str,
    texts: Callable[[], Tree] | None = None,
) -> T:
    """Turn a tree into `kind`.

    Args:
        tree: Plain mappings, lists and values.
        kind: What it shall be.
        origin: For each dotted key, where its value was written.
        source: Where the others were written.
        texts: Gives the same tree with every plain value as its text; asked when the tree does not fit.

    Raises:
        ConfigError: naming the file, the key, the value and what is allowed.
    """
    try:
        converted = msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        if texts is not None:
            return convert(as_written(tree, texts(), kind), kind, origin, source)
        key, sentence = explain(error, tree, kind)
        raise ConfigError(f"{origin_of(key, origin, source)}: {sentence}") from None
    for key, value in leaves(tree):
        for plain in _plain(value):
            if fault := unfit(plain):
                raise ConfigError(f"{origin_of(key, origin, source)}: {key}: {fault}")
    return converted


def unfit(value: Any) -> str:
    """Why a plain value can be kept neither by the database nor by a file; empty for one that can.

    >>> unfit(2**53 + 1)
    '9007199254740993 is too large: numbers up to 9007199254740992 are kept as they are'
    """
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is no number to calculate with"
    if isinstance(value, int | float) and abs(value) > LARGEST:  # in the database 1e30 is a whole number, too
        return f"{value} is too large: numbers up to {LARGEST} are kept as they are"
    if isinstance(value, str) and ("\0" in value or value.encode(errors="replace") != value.encode(errors="ignore")):
        return f"{value!r} has a sign that neither a file's name nor the database can hold"
    return ""


def _plain(value: Any) -> Iterator[Any]:
    """The plain values in lists of lists and mappings."""
    if isinstance(value, Mapping | list | tuple):
        for below in value.values() if isinstance(value, Mapping) else value:
            yield from _plain(below)
    else:
        yield value


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values, of which none is a mapping."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def parse_override(text: str, loader: type[_Loader]) -> tuple[str, Any]:
    """Split "dotted.key=value"; the value is YAML, so `[10, 30]`, `null` and `1e-3` mean what they mean in a file."""
    key, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][\w.]*", key):
        raise ConfigError(f"--set {text!r}: expected KEY=VALUE, for example --set training.n_folds=5")
    if key.count(".") >= DEEPEST:
        raise ConfigError(f"--set {key[:LONGEST_SHOWN]}…: {_TOO_DEEP}")
    try:
        return key, _parse(value, loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: the value {value!r} is not valid YAML: {error}") from None


def read_merged(
    path: Path, loader: type[_Loader] | None = None, above: tuple[Path, ...] = ()
) -> tuple[Tree, dict[str, str]]:
    """Merge `path` over everything it extends. Returns the tree and, for each dotted key, the file that set it."""
    if path.resolve() in above:
        chain = " -> ".join(str(p) for p in (*above, path))
        raise ConfigError(f"{path}: extends itself: {chain}")
    own = _read(path, loader or _Loader)
    parents = own.pop("extends", [])
    if isinstance(parents, str):
        parents = [parents]
    if not isinstance(parents, list) or not all(isinstance(p, str) and not unfit(p) for p in parents):
        raise ConfigError(f"{path}: extends: expected a list of file names, found {parents!r}")
    tree: Tree = {}
    origin: dict[str, str] = {}
    for parent in parents:
        file = path.parent / expanded(parent, f"{path}: extends")
        parent_tree, parent_origin = read_merged(file, loader, (*above, path.resolve()))
        tree = merge(tree, parent_tree)
        origin |= parent_origin
    for key, value in own.items():
        _remember(origin, key, value, str(path))
    return merge(tree, own), origin


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """Lay `above` over `below`, changing neither.

    A mapping with a `type` key (an entry of a search space) is one value: it is replaced whole, and null takes it out.
    """
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if value is None and isinstance(old, dict) and "type" in old:
            del result[key]
        elif isinstance(old, dict) and isinstance(value, dict) and "type" not in value:
            result[key] = merge(old, value)
        else:
            result[key] = value
    return result


_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Safe YAML whose plain values are those of YAML 1.2's core schema, and that refuses a key written twice."""


class _TextLoader(_Loader):
    """The same with every plain value as the text that was written."""


_CORE = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}
"""Name of the tag -> what is of this kind (https://yaml.org/spec/1.2.2/#1032-tag-resolution), and how it can begin."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Tree:
    keys = [key.value for key, _ in node.value if key.tag != _MERGE]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise yaml.constructor.ConstructorError(None, None, f"key {twice!r} is written twice", node.start_mark)
    loader.flatten_mapping(node)
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a plain word", key.start_mark)
    return {key.value: loader.construct_object(value, deep=True) for key, value in node.value}


def _word(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = _word(loader, node)
    if len(text) > MOST_DIGITS:
        raise yaml.constructor.ConstructorError(None, None, f"a number of {len(text)} signs", node.start_mark)
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


for _each in (_Loader, _TextLoader):
    _each.yaml_implicit_resolvers = {}  # YAML 1.1's
    _each.add_implicit_resolver(_MERGE, re.compile(r"^<<$"), ["<"])
    _each.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
    _each.add_constructor(_MERGE, _word)  # `<<` that is no key
    _each.add_constructor("tag:yaml.org,2002:int", _int)
for _name, (_pattern, _first) in _CORE.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first)


def _parse(text: str, kind: type[_Loader]) -> Any:
    try:
        loader = kind(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _extent(node, {})
        return loader.construct_document(node)
    except RecursionError:  # a thousand brackets
        raise yaml.YAMLError(_TOO_DEEP) from None
    except ValueError as error:
        raise yaml.YAMLError(str(error)) from None
    except (LookupError, AttributeError, TypeError):  # PyYAML's own, of `!!bool x` and `!!timestamp x`
        raise yaml.YAMLError("a value is none of the kind that the `!!` before it says") from None


def _extent(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many values there are in a node, and how deep they are nested, each anchor counted wherever it is used.

    Raises:
        YAMLError: too many, or too deep.
    """
    if id(node) not in known:
        known[id(node)] = (1, 1)  # a node that holds itself is refused later
        pairs = isinstance(node, yaml.MappingNode)
        below = [one for pair in node.value for one in pair] if pairs else node.value
        extents = [] if isinstance(node, yaml.ScalarNode) else [_extent(one, known) for one in below]
        known[id(node)] = (1 + sum(count for count, _ in extents), 1 + max((deep for _, deep in extents), default=0))
    count, deep = known[id(node)]
    if deep > DEEPEST:
        raise yaml.YAMLError(_TOO_DEEP)
    if count > MOST_VALUES:
        raise yaml.YAMLError(f"its anchors make more than {MOST_VALUES} values of it")
    return count, deep


def _read(path: Path, loader: type[_Loader]) -> Tree:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        nearby = sorted(str(p) for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        found = f" Found there: {', '.join(nearby)}" if nearby else ""
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.{found}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    try:
        tree = _parse(text, loader)
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


def origin_of(key: str, origin: Mapping[str, str], source: str) -> str:
    """Where the value of a dotted key was written, or that of the section around it; else `source`."""
    while key:
        if key in origin:
            return origin[key]
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return source
