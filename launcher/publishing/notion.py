"""The entry of an outputs root in Notion: found by its title, added where it is missing, and told what is new.

Surprising: since its version 2025-09-03 a database has no columns: its data sources have, and they hold the entries. An
id does not show whether it is a page's, a database's or a data source's, so all three are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from truestrength.launcher.publishing.notion_session import RefusedError, Session
from truestrength.trainer.contract.errors import UserError

ICON = "🤖"
SUMMARY, LINK = "Summary", "Link"
COLUMNS = {SUMMARY: "rich_text", LINK: "url"}
"""Those that an entry needs beside its title, and their types."""
LONGEST_TEXT = 2000
"""Signs that Notion takes in one piece."""
MOST_PIECES = 100
_LAYOUT = {"column_list", "column", "toggle", "callout", "synced_block"}
"""What a database on a page may lie in."""
_ID = re.compile(r"(?<![0-9a-f])([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$", re.IGNORECASE)


class Named(msgspec.Struct):
    """A data source, as its database lists it."""

    id: str
    name: str = ""


class Database(msgspec.Struct):
    """What holds data sources."""

    data_sources: list[Named]


class Column(msgspec.Struct):
    """A property of every entry."""

    type: str


class DataSource(msgspec.Struct):
    """A table."""

    id: str
    properties: dict[str, Column]
    in_trash: bool = False


class Block(msgspec.Struct):
    """A piece of a page."""

    id: str
    type: str
    has_children: bool = False


class Blocks(msgspec.Struct):
    """One answer of several."""

    results: list[Block]
    has_more: bool = False
    next_cursor: str | None = None


class Page(msgspec.Struct):
    """An entry."""

    id: str
    object: str = "page"
    url: str = ""


class Pages(msgspec.Struct):
    """Found entries."""

    results: list[Page]


class Place(NamedTuple):
    """Where the entry is or will be."""

    data_source: str
    title: str
    """The column of the titles: people name it as they like."""
    missing: tuple[str, ...]
    """Of `COLUMNS`."""


class Entry(NamedTuple):
    """What Notion is told."""

    title: str
    summary: str
    link: str | None


class Told(NamedTuple):
    """What came of it."""

    added: bool
    """False: it was there and was updated."""
    url: str


def page_id(text: str) -> str:
    """The id in an id or an address of Notion.

    >>> page_id("https://www.notion.so/team/Sweeps-0123456789abcdef0123456789abcdef?v=1#x")
    '01234567-89ab-cdef-0123-456789abcdef'

    Raises:
        UserError: there is none.
    """
    found = _ID.search(re.split(r"[?#]", text.strip(), maxsplit=1)[0].rstrip("/"))
    if not found:
        raise UserError(
            f"--notion {text}: is neither an id of Notion (32 digits 0-9a-f) nor an address that ends with one: "
            "`Copy link` of the page or of the database gives it"
        )
    return str(UUID(found[1]))


def find_place(session: Session, text: str) -> Place:
    """The data source that a page, a database or a data source stands for.

    Raises:
        UserError: there is none, there are several, or its columns do not fit.
    """
    wanted = page_id(text)
    try:
        source = _data_source(session, _only(session, wanted))
    except RefusedError as error:
        raise UserError(
            f"--notion {text}: {error} (In Notion: the page's menu, Connections, the integration whose token this is)"
        ) from None
    if source.in_trash:
        raise UserError(f"--notion {text}: lies in Notion's trash")
    for name, kind in COLUMNS.items():
        if (found := source.properties.get(name)) and found.type != kind:
            raise UserError(f"--notion {text}: its column {name} is of the type {found.type}, not {kind}: rename it")
    title = next((name for name, column in source.properties.items() if column.type == "title"), None)
    if title is None:
        raise UserError(f"--notion {text}: no column there holds titles")
    return Place(source.id, title, tuple(name for name in COLUMNS if name not in source.properties))


def put(session: Session, place: Place, entry: Entry) -> Told:
    """Add the entry, or update the oldest one of its title. Columns that are missing are made first.

    Raises:
        UserError: Notion refused, or is away.
    """
    client = session.client
    if place.missing:
        made: dict[str, Any] = {name: {COLUMNS[name]: {}} for name in place.missing}
        session.ask(DataSource, lambda: client.data_sources.update(place.data_source, properties=made))
    icon = {"type": "emoji", "emoji": ICON}
    properties = _properties(place, entry)
    if known := _known(session, place, entry.title):
        told = session.ask(Page, lambda: client.pages.update(known, icon=icon, properties=properties))
        return Told(False, told.url)
    parent = {"type": "data_source_id", "data_source_id": place.data_source}
    made_page = partial(client.pages.create, parent=parent, icon=icon, properties=properties)
    return Told(True, session.ask(Page, made_page, again=False).url)


def _known(session: Session, place: Place, title: str) -> str | None:
    """The id of the oldest entry of a title; None where there is none."""
    query = partial(
        session.client.data_sources.query,
        place.data_source,
        filter={"property": place.title, "title": {"equals": title}},
        sorts=[{"timestamp": "created_time", "direction": "ascending"}],
    )
    return next((page.id for page in session.ask(Pages, query).results if page.object == "page"), None)


def _data_source(session: Session, wanted: str) -> DataSource:
    return session.ask(DataSource, lambda: session.client.data_sources.retrieve(wanted))


def _properties(place: Place, entry: Entry) -> dict[str, Any]:
    return {
        place.title: {"title": _rich_text(entry.title)},
        SUMMARY: {"rich_text": _rich_text(entry.summary)},
        LINK: {"url": entry.link},
    }


def _rich_text(text: str) -> list[dict[str, Any]]:
    """In pieces that Notion takes."""
    pieces = [text[i : i + LONGEST_TEXT] for i in range(0, len(text), LONGEST_TEXT)]
    return [{"type": "text", "text": {"content": piece}} for piece in pieces[:MOST_PIECES]]


def _only(session: Session, wanted: str) -> str:
    """The id of the one data source below an id, or that id itself.

    Raises:
        RefusedError: there is nothing of that id.
        UserError: there are none or several data sources.
    """
    sources = _of_database(session, wanted)
    if sources is None:
        try:
            return _data_source(session, wanted).id
        except RefusedError:
            sources = list(_on_page(session, wanted))
    if not sources:
        raise UserError(f"--notion {wanted}: no database is there: make one on the page (/database), and name its link")
    if len(sources) > 1:
        names = ", ".join(f"{source.name or 'untitled'} ({source.id})" for source in sources)
        raise UserError(f"--notion {wanted}: there are {len(sources)} data sources: name one by its id: {names}")
    return sources[0].id


def _of_database(session: Session, wanted: str) -> list[Named] | None:
    """The data sources of a database; None where the id is no database's."""
    try:
        return session.ask(Database, lambda: session.client.databases.retrieve(wanted)).data_sources
    except RefusedError:
        return None


def _on_page(session: Session, block_id: str) -> Iterator[Named]:
    """The data sources of the databases on a page. Views of databases elsewhere are none."""
    for block in _children(session, block_id):
        if block.type == "child_database":
            yield from _of_database(session, block.id) or []
        elif block.has_children and block.type in _LAYOUT:
            yield from _on_page(session, block.id)


def _children(session: Session, block_id: str) -> Iterator[Block]:
    cursor = None
    while True:
        listing = partial(session.client.blocks.children.list, block_id, start_cursor=cursor, page_size=100)
        found = session.ask(Blocks, listing)
        yield from found.results
        cursor = found.next_cursor
        if not found.has_more or not cursor:
            return
