"""Which season and kind of game a row belongs to, as its game id tells: 00 2 23 00001 is league, kind, year, number.

The league numbers its games so without fail, while the other columns come from whoever wrote the file. So where the two
contradict each other, the id is believed and the contradiction said. Surprising: another league (`--teams`) may number
its games as it likes; there the ids are believed only where they agree with most of what the rows say.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from truestrength.trainer.contract.errors import DataError

NBA = "00"
OTHER_LEAGUES = {"10": "the WNBA", "15": "the Summer League", "20": "the G League"}
GAME_ID = r"^(\d{2})([1-6])(\d{2})\d{5}$"
KINDS = {
    "1": "preseason",
    "2": "regular",
    "3": "all-star",
    "4": "playoffs",
    "5": "play-in",
    "6": "cup final",
}
"""By the third digit of a game id, which is the first digit of SEASON_ID."""
SEASON_TYPE_NAMES = {
    "preseason": "preseason",
    "regularseason": "regular",
    "regular": "regular",
    "allstar": "all-star",
    "playoffs": "playoffs",
    "postseason": "playoffs",
    "playin": "play-in",
    "cupfinal": "cup final",
    "istchampionship": "cup final",
}
"""By the column SEASON_TYPE, in lower case and without blanks and hyphens."""
UNTELLING = ("ist", "inseasontournament", "cup", "nbacup", "emiratesnbacup")
"""Words that stand for both: all games of the cup count for the regular season but its final."""
KEPT = ("regular", "playoffs")
FIRST_SEASON = 1946
SAID = {
    "season": ("season by SEASON_ID", "season by SEASON"),
    "season_type": ("type by SEASON_ID", "type by SEASON_TYPE"),
}
"""Columns with what the file says beside its game ids, the more trusted one first."""
WRITTEN = {"season": r"^\d{4}-\d{2}$", "season_type": f"^({'|'.join(KINDS.values())})$"}
"""How a season and a kind are written; anything else that a column says is a word that nobody knows."""


def season_name(start: pl.Expr) -> pl.Expr:
    """The name of the season that begins in the year `start`."""
    return start.cast(pl.String) + "-" + ((start + 1) % 100).cast(pl.String).str.zfill(2)


def told(rows: pl.DataFrame, path: Path, repairs: list[str], *, nba: bool) -> pl.DataFrame:
    """Add what each game is.

    Args:
        rows: game_id, and the columns of `SAID`, all nullable.
        path: of the file, for messages.
        repairs: gets a line for every kind of contradiction.
        nba: the ids are the NBA's, and so are believed.

    Returns:
        `rows` without what was said, with `league` (two digits; null where the id does not tell), season, season_type.

    Raises:
        DataError: for a row of which neither its id nor another column says, in known words, what it is.
    """
    part = pl.col("game_id").str.extract_groups(GAME_ID).struct
    year = part.field("3").cast(pl.Int32)
    start = year + pl.when(year < FIRST_SEASON % 100).then(2000).otherwise(1900)
    kind = part.field("2").replace_strict(KINDS, default=None, return_dtype=pl.String)
    by_id = rows.with_columns(league=part.field("1"), season=season_name(start), season_type=kind)
    if not nba and not _believable(by_id):
        nothing = pl.lit(None, pl.String)
        by_id = rows.with_columns(league=nothing, season=nothing, season_type=nothing)
    full = by_id.with_columns(
        pl.coalesce(name, *map(_in_known_words, said), *said) for name, said in SAID.items()
    )  # a word that nobody knows comes last
    _refuse_untold(full, path)
    for column in (column for said in SAID.values() for column in said):
        _name_unknown_words(full, column, path, repairs)
    for name, said in SAID.items():
        for column in said:
            _name_contradictions(full, name, column, path, repairs)
    return full.drop(*SAID["season"], *SAID["season_type"])


def set_aside(rows: pl.DataFrame, kind: str, repairs: list[str], *, nba: bool) -> pl.DataFrame:
    """Leave out what never counts: games of another league, and all but regular season and playoffs.

    Args:
        rows: as `told` gives them.
        kind: `team` or `player`.
        repairs: gets a line for each league and kind that is left out.
        nba: the league is the NBA; else it is the one with the most rows.
    """
    own = pl.lit(NBA if nba else _most(rows), pl.String)
    for (league,), part in sorted(rows.filter(pl.col("league") != own).group_by("league")):
        of = OTHER_LEAGUES.get(str(league), "another league")
        repairs.append(
            f"{kind} rows: {part.height} of {part['game_id'].n_unique()} games of {of} set aside "
            f"(game ids {league}…, first {part['game_id'].sort()[0]})"
        )
    unnumbered = rows.filter(pl.col("league").is_null())["game_id"]
    if nba and unnumbered.len():
        repairs.append(
            f"{kind} rows: {unnumbered.n_unique()} game ids, such as {unnumbered[0]!r}, are not the league's; what "
            "these games are is taken from the other columns"
        )
    rows = rows.filter((pl.col("league") == own) | pl.col("league").is_null())
    others = rows.filter(~pl.col("season_type").is_in(KEPT))
    for (name,), part in sorted(others.group_by("season_type")):
        repairs.append(f"{kind} rows: {part.height} of {part['game_id'].n_unique()} {name} games set aside")
    return rows.filter(pl.col("season_type").is_in(KEPT)).drop("league")


def _believable(rows: pl.DataFrame) -> bool:
    """Whether the ids agree with most of what the rows say; without a word against them they are believed."""
    said = rows.with_columns(said=pl.coalesce(*SAID["season"])).drop_nulls(["season", "said"])
    return 2 * said.filter(pl.col("season") == pl.col("said")).height >= said.height


def _most(rows: pl.DataFrame) -> str | None:
    """The league with the most rows; None where no id tells one."""
    counts = rows.drop_nulls("league").group_by("league").len().sort("len", "league", descending=[True, False])
    return None if counts.is_empty() else str(counts["league"][0])


def _in_known_words(said: str) -> pl.Expr:
    return pl.when(pl.col(said).str.contains(_written(said))).then(said)


def _written(said: str) -> str:
    """How what a column of `SAID` says is written."""
    return next(WRITTEN[name] for name, columns in SAID.items() if said in columns)


def _name_unknown_words(rows: pl.DataFrame, said: str, path: Path, repairs: list[str]) -> None:
    unknown = rows.filter(~pl.col(said).str.contains(_written(said)))
    if unknown.height:
        words = ", ".join(map(repr, unknown[said].unique().sort()[:3]))
        repairs.append(
            f"{path.name}: {said.partition(' by ')[2]} says nothing that is known in {unknown.height} rows ({words}): "
            "what these games are is told by the rest of the row"
        )


def _name_contradictions(rows: pl.DataFrame, name: str, said: str, path: Path, repairs: list[str]) -> None:
    known = rows.filter(pl.col(said).str.contains(_written(said)))
    other = known.filter(pl.col(name) != pl.col(said)).unique("game_id", keep="first", maintain_order=True)
    other = other.with_columns(
        by=pl.when(pl.col("league").is_null()).then(pl.lit("SEASON_ID")).otherwise(pl.lit("game id"))
    )
    for (says, tells, by), part in sorted(other.group_by(said, name, "by")):
        repairs.append(
            f"{path.name}: {part.height} games are {says} {said.partition(' ')[2]}, but {tells} by their {by}, "
            f"which is believed (first {part['game_id'].sort()[0]})"
        )


def _refuse_untold(rows: pl.DataFrame, path: Path) -> None:
    for column, where in (("season", "SEASON_ID or season"), ("season_type", "SEASON_ID or season_type")):
        bad = (~rows[column].str.contains(WRITTEN[column])).fill_null(value=True).arg_true()
        if bad.len():
            row = rows.row(int(bad[0]), named=True)
            said = next((f" (it says {row[name]!r})" for name in reversed(SAID[column]) if row[name]), "")
            raise DataError(
                f"{path}: row {int(bad[0]) + 1}: game {row['game_id']!r}: neither the game id nor a "
                f"column {where} tells its {column.replace('_', ' ')}{said} ({bad.len()} such rows). A game id is "
                f"written like 0022300001: league, kind, year, number; a season like 2023-24; kinds are "
                f"{', '.join(KINDS.values())}"
            )
