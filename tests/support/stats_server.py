"""A local server that answers LeagueGameLog as the league's site does, also on its bad days."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import polars as pl

Fault = tuple[int, str] | tuple[int, str, str]
"""Status, body and perhaps the header Retry-After."""
Logs = dict[str, pl.DataFrame]


class Server(ThreadingHTTPServer):
    """Answers LeagueGameLog; each fault in `faults` stands for one answer before the right ones."""

    daemon_threads = True

    def __init__(self, logs: Logs) -> None:
        self.logs = logs
        self.asked: list[tuple[str, str, str]] = []
        self.times: list[float] = []
        self.faults: list[Fault] = []
        self.broken_after: int | None = None
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, query: dict[str, str]) -> str:
        """In the shape of the real answer, its computed columns included."""
        digit = {"Regular Season": "2", "Playoffs": "4"}[query["SeasonType"]]
        rows = self.logs[query["PlayerOrTeam"]].filter(pl.col("SEASON_ID") == digit + query["Season"][:4])
        rows = rows.with_columns(FG_PCT=(pl.col("FGM") / pl.col("FGA")).round(3).fill_nan(None), VIDEO_AVAILABLE=1)
        table = {"name": "LeagueGameLog", "headers": rows.columns, "rowSet": [list(row) for row in rows.rows()]}
        return json.dumps({"resource": "leaguegamelog", "parameters": query, "resultSets": [table]})


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.server.asked.append((query["Season"], query["SeasonType"], query["PlayerOrTeam"]))
        assert url.path == "/stats/leaguegamelog"
        assert query["LeagueID"] == "00"
        broken = self.server.broken_after is not None and len(self.server.asked) > self.server.broken_after
        self.server.times.append(time.monotonic())
        fault = (500, "down") if broken else self.server.faults.pop(0) if self.server.faults else (200, None)
        status, body, *wait = fault
        if status < 200:
            time.sleep(status)
            return
        content = (self.server.answer(query) if body is None else body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for seconds in wait:
            self.send_header("Retry-After", seconds)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass
