"""Writes played games in the columns of nba_api's LeagueGameLog, under invented names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from trainer.data.demo.box_scores import Box
from trainer.data.demo.game_scores import Played
from trainer.data.demo.season import Season
from trainer.data.league import BOX

FIRST_TEAM_ID = 2_000_000_001
CLUBS = (
    "ALD Alder Bay Herons;ASH Ashford Foxes;BRI Brightwater Gulls;CAL Calder Anvils;COP Copperfield Bells;"
    "DUN Dunmore Badgers;EAS Eastmark Lanterns;FEN Fenwick Rams;GRA Granby Owls;HAR Harrow Point Sails;"
    "KEL Kelso Falls Otters;LIN Lindale Wrens;MAR Marlow Harbor Tides;NOR Northam Pines;OAK Oakhurst Stags;"
    "PEN Penrose Comets;QUI Quill Lake Loons;RED Redstone Miners;RIV Riverton Ferries;SAL Saltmarsh Cranes;"
    "SIL Silverton Arrows;STO Stonebridge Masons;SUN Sundown Mesa Coyotes;TAM Tamarack Wolves;THO Thornbury Hawthorns;"
    "UPL Upland Mustangs;VAL Valmont Kites;WES Westering Clippers;WIN Winterset Frost;YAR Yarrow Plains Bison"
).split(";")
ABBREVIATIONS = [club.split(" ", 1)[0] for club in CLUBS]
TEAM_NAMES = [club.split(" ", 1)[1] for club in CLUBS]
TEAM_IDS = np.arange(len(CLUBS)) + FIRST_TEAM_ID
FIRST_NAMES = (
    "Abel Amos Anton Arlo Basil Bruno Cato Cedric Dario Dorian Edgar Elias Emeka Enzo Felix Gavin Goran Hugo Ibrahim Ivo "
    "Jalen Jonas Kofi Lamar Leo Luca Malik Marek Milan Nico Noel Omar Otis Pavel Quincy Rafael Rufus Silas Soren Tariq "
    "Theo Tomas Ugo Viktor Wendell Xavier Yuri"
).split()
LAST_NAMES = (
    "Abara Alcott Amsel Banfield Barlow Beaumont Birk Bosko Calloway Carver Castell Dagger Darrow Delacroix Drummond "
    "Eastman Egerton Falk Farrow Fontaine Garrick Gable Halloran Harlan Hollis Ibsen Ingram Jarvis Juric Kovar Kessler "
    "Lachlan Larkin Lindqvist Mabry Marchetti Moreau Nakata Navarro Novak Oakes Okoro Ostrow Pell Penhallow Petrov "
    "Quist Radek Rowe Sandoval Sefton Sterling Tarrant Thorne Ulrich Vance Varga Wexler Whitlock Yates Zeller"
).split()


def teams() -> pl.DataFrame:
    """The table that `--teams` reads; the first fifteen are the East."""
    conference = np.where(np.arange(len(CLUBS)) < len(CLUBS) // 2, "East", "West")
    return pl.DataFrame(
        {"TEAM_ID": TEAM_IDS, "TEAM_ABBREVIATION": ABBREVIATIONS, "TEAM_NAME": TEAM_NAMES, "conference": conference}
    )


def opening_day(start: int) -> date:
    """A Tuesday in the second half of October."""
    first = date(start, 10, 18)
    return first + timedelta(days=(1 - first.weekday()) % 7)


def logs(
    season: Season, start: int, season_type: int, parts: Sequence[tuple[Played, Box]]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Team rows and player rows of some games of the season that starts in the year `start`.

    `season_type` is the first digit of SEASON_ID: 2 regular season, 4 playoffs, 5 play-in.
    """
    made = [_logs(season, start, season_type, played, box) for played, box in parts]
    return pl.concat(team for team, _ in made), pl.concat(player for _, player in made)


def _logs(season: Season, start: int, season_type: int, played: Played, box: Box) -> tuple[pl.DataFrame, pl.DataFrame]:
    games = _games(start, season_type, played)
    margin = games["PTS"] - games["OPPONENT_PTS"]
    sums = [pl.Series(name.upper(), box[name].sum(axis=1)) for name in BOX]
    minutes = pl.Series("MIN", played.minutes.sum(axis=1))
    keys = games.drop("PTS", "OPPONENT_PTS")
    team_rows = keys.with_columns(minutes, *sums, margin.alias("PLUS_MINUS"))
    row, place = np.nonzero(played.minutes)
    ids = season.player_id[played.roster[row, place]]
    names = pl.Series("PLAYER_NAME", [_name(int(player_id)) for player_id in ids])
    statistics = [pl.Series(name.upper(), box[name][row, place]) for name in (*BOX, "plus_minus")]
    player_rows = keys[row].with_columns(
        pl.Series("PLAYER_ID", ids), names, pl.Series("MIN", played.minutes[row, place]), *statistics
    )
    first = ["SEASON_ID", "PLAYER_ID", "PLAYER_NAME"]
    return team_rows, player_rows.select(first + [c for c in player_rows.columns if c not in first])


def _games(start: int, season_type: int, played: Played) -> pl.DataFrame:
    """A row per team-game: who, when, against whom and the result."""
    fixtures = played.fixtures
    home, away = np.array(ABBREVIATIONS)[fixtures.home], np.array(ABBREVIATIONS)[fixtures.away]
    at_home = [f"{h} vs. {a}" for h, a in zip(home, away, strict=True)]
    as_visitor = [f"{a} @ {h}" for h, a in zip(home, away, strict=True)]
    team = np.concatenate([fixtures.home, fixtures.away])
    dates = [(opening_day(start) + timedelta(days=int(day))).isoformat() for day in fixtures.day]
    home_points, away_points = np.split(played.points, 2)
    return pl.DataFrame(
        {
            "SEASON_ID": [f"{season_type}{start}"] * len(team),
            "TEAM_ID": TEAM_IDS[team],
            "TEAM_ABBREVIATION": np.array(ABBREVIATIONS)[team],
            "TEAM_NAME": np.array(TEAM_NAMES)[team],
            "GAME_ID": fixtures.game_id * 2,
            "GAME_DATE": dates * 2,
            "MATCHUP": at_home + as_visitor,
            "WL": np.where(np.concatenate([played.home_won, ~played.home_won]), "W", "L"),
            "PTS": played.points,
            "OPPONENT_PTS": np.concatenate([away_points, home_points]),
        }
    )


def _name(player_id: int) -> str:
    first, last = player_id * 7919 % len(FIRST_NAMES), player_id * 104_729 % len(LAST_NAMES)
    return f"{FIRST_NAMES[first]} {LAST_NAMES[last]}"
