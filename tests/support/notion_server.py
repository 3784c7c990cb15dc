"""A local server that answers as Notion's API of 2025-09-03 does: databases, data sources, pages and errors."""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "ntn_0123456789"
VERSION = "2025-09-03"
DATABASE = "d9824bdc-8445-4327-be8b-5b47500af6ce"
SOURCE = "c174b72c-d782-432f-8dc0-b647e1c96df6"
PAGE = "59833787-2cf9-4fdf-8782-e53db20768a5"
VIEW = "7a1f7a06-0d38-4a0e-a4f5-1f8a3f4d1c11"
"""A view of a database elsewhere: listed on its page like a database, and not to be had."""
CODES = {400: "validation_error", 401: "unauthorized", 404: "object_not_found", 429: "rate_limited"}
Answer = tuple[int, Any]
Fault = tuple[str, int, str] | tuple[str, int, str, str]
"""The request it stands for (as `POST /v1/pages`), status, body and perhaps the header Retry-After."""


class Server(ThreadingHTTPServer):
    """A workspace; each fault stands for one answer to its request."""

    daemon_threads = True

    def __init__(self) -> None:
        self.databases: dict[str, list[str]] = {DATABASE: [SOURCE]}
        self.sources: dict[str, dict[str, Any]] = {SOURCE: columns(Name="title")}
        self.blocks: dict[str, list[dict[str, Any]]] = {
            PAGE: [block("child_database", VIEW), block("child_database", DATABASE)]
        }
        self.pages: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def columns(**types: str) -> dict[str, Any]:
    """The schema of a data source, a column per name."""
    return {name: {"id": name[:4], "name": name, "type": kind, kind: {}} for name, kind in types.items()}


def block(kind: str, block_id: str, *, has_children: bool = False) -> dict[str, Any]:
    return {"object": "block", "id": block_id, "type": kind, "has_children": has_children, "in_trash": False}


def error(status: int, message: str, code: str = "") -> str:
    """An error as Notion writes it."""
    fields = {"object": "error", "status": status, "code": code or CODES[status], "message": message}
    return json.dumps({**fields, "request_id": "b0e4b6a3-0000-4000-8000-000000000000"})


class RefusalError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def must(right: bool, message: str) -> None:
    if not right:
        raise RefusalError(400, f"body failed validation: {message}")


def retrieve_database(server: Server, wanted: str, body: Any) -> Any:
    if wanted in server.blocks:
        raise RefusalError(
            400, f"Provided database_id {wanted} is a page, not a database. Use the retrieve page API instead."
        )
    if wanted not in server.databases:
        raise not_found("database", wanted)
    sources = [{"id": each, "name": f"Table {each[:4]}"} for each in server.databases[wanted]]
    return {"object": "database", "id": wanted, "title": [], "data_sources": sources, "in_trash": False}


def retrieve_source(server: Server, wanted: str, body: Any) -> Any:
    if wanted not in server.sources:
        raise not_found("data source", wanted)
    return {"object": "data_source", "id": wanted, "properties": server.sources[wanted], "in_trash": False}


def update_source(server: Server, wanted: str, body: Any) -> Any:
    server.sources[wanted] |= columns(**{name: next(iter(kind)) for name, kind in body["properties"].items()})
    return retrieve_source(server, wanted, None)


def query_source(server: Server, wanted: str, body: Any) -> Any:
    name, text = body["filter"]["property"], body["filter"]["title"]["equals"]
    must(server.sources[wanted].get(name, {}).get("type") == "title", f"Could not find property with name: {name}")
    found = [page for page in server.pages if page["parent"]["data_source_id"] == wanted]
    found = [page for page in found if page["properties"][name]["title"][0]["text"]["content"] == text]
    return {"object": "list", "results": found, "has_more": False, "next_cursor": None, "type": "page_or_data_source"}


def create_page(server: Server, wanted: str, body: Any) -> Any:
    must(body["parent"].get("type") == "data_source_id", "body.parent.data_source_id should be defined")
    page_id = f"00000000-0000-4000-8000-{len(server.pages):012}"
    page = {"object": "page", "id": page_id, "url": f"https://www.notion.so/{page_id.replace('-', '')}"}
    page |= {"parent": body["parent"], "properties": {}, "in_trash": False}
    server.pages.append(fill(server, page, body))
    return page


def update_page(server: Server, wanted: str, body: Any) -> Any:
    return fill(server, next(page for page in server.pages if page["id"] == wanted), body)


def fill(server: Server, page: dict[str, Any], body: Any) -> dict[str, Any]:
    known = server.sources[page["parent"]["data_source_id"]]
    for name, value in body["properties"].items():
        must(name in known, f"{name} is not a property that exists.")
        must(known[name]["type"] in value, f"{name} is expected to be {known[name]['type']}.")
        for piece in value.get("rich_text", []) + value.get("title", []):
            must(len(piece["text"]["content"]) <= 2000, "text.content.length should be ≤ `2000`")
        must(value.get("url") != "", "url should be null or not empty")
    page["properties"] |= body["properties"]
    page["icon"] = body["icon"]
    return page


def list_children(server: Server, wanted: str, body: Any) -> Any:
    """One block at a time."""
    block_id, _, query = wanted.partition("?")
    if block_id not in server.blocks:
        raise not_found("block", block_id)
    blocks = server.blocks[block_id]
    at = int(cursor[1]) if (cursor := re.search(r"start_cursor=(\d+)", query)) else 0
    more = at + 1 < len(blocks)
    return {
        "object": "list",
        "results": blocks[at : at + 1],
        "has_more": more,
        "next_cursor": str(at + 1) if more else None,
    }


def not_found(kind: str, wanted: str) -> RefusalError:
    hint = "Make sure the relevant pages and databases are shared with your integration."
    return RefusalError(404, f"Could not find {kind} with ID: {wanted}. {hint}")


ROUTES = {
    r"GET /v1/databases/([^/?]+)": retrieve_database,
    r"GET /v1/data_sources/([^/?]+)": retrieve_source,
    r"PATCH /v1/data_sources/([^/?]+)": update_source,
    r"POST /v1/data_sources/([^/?]+)/query": query_source,
    r"POST (/v1/pages)": create_page,
    r"PATCH /v1/pages/([^/?]+)": update_page,
    r"GET /v1/blocks/([^/?]+)/children(?:\?.*)?": list_children,
}


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        asked = f"{self.command} {self.path}"
        self.server.asked.append(asked)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = next((one for one in self.server.faults if asked.startswith(one[0])), None)
        if fault:
            self.server.faults.remove(fault)
            self.send(fault[1], fault[2], *fault[3:])
        elif self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.send(401, error(401, "API token is invalid."))
        else:
            self.send(*self.served(asked, body))

    def served(self, asked: str, body: bytes) -> tuple[int, str]:
        assert self.headers["Notion-Version"] == VERSION
        for route, function in ROUTES.items():
            if found := re.fullmatch(route, asked):
                wanted = found[1] + (asked[asked.index("?") :] if "?" in asked else "")
                try:
                    return 200, json.dumps(function(self.server, wanted, json.loads(body or b"null")))
                except RefusalError as refusal:
                    return refusal.status, error(refusal.status, str(refusal))
        return 400, error(400, "Invalid request URL.", "invalid_request_url")

    do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the base class's names

    def send(self, status: int, text: str, *retry_after: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for seconds in retry_after:
            self.send_header("Retry-After", seconds)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass
