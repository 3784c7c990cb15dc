"""A database URL as text: divided strictly, and whatever it is, nothing of its password is ever shown."""

from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import parse_dsn

from truestrength.trainer.contract.database import url as urls
from truestrength.trainer.contract.errors import DatabaseError

SIGNS = "/?#@%[] :&=+,;!$'()*\\\"<>|^~{}-_."
NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=12)
PASSWORDS = st.text(st.sampled_from(SIGNS + "abcXYZ019é"), min_size=3, max_size=20).map(lambda text: f"Pw7{text}t77")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://admin:S3cr/t77@127.0.0.1:5432/x",
        "postgresql://admin:S3cr%t77@127.0.0.1:5432/x",
        "postgresql://admin:S3cr@t77@127.0.0.1:5432/x",
        "postgresql://admin:S3cr?t77@127.0.0.1:5432/x",
        "postgresql://admin:S3cr#t77@127.0.0.1:5432/x",
        "postgresql://admin:S3cr[t77@127.0.0.1:5432/x",
        "postgresql://admin:S3cr]t77@127.0.0.1:5432/x",
        "postgresql://admin:S3cr t77@127.0.0.1:5432/x",
        "postgresql://admin:1234/t77@127.0.0.1:5432/x",
        "postgresql://admin:S3crt77@127.0.0.1:54x2/x",
        "postgresql://admin:S3crt77@127.0.0.1:99999/x",
        "postgresql://admin:S3crt77",
        "postgresqk://admin:S3crt77@127.0.0.1/x",
        "postgresql:/admin:S3crt77@127.0.0.1/x",
        "admin:S3crt77@127.0.0.1/x",
        "S3crt77",
    ],
)
def test_what_cannot_be_divided_is_refused_and_nothing_of_it_shown(url):
    with pytest.raises(DatabaseError) as refused:
        urls.normalise(url, "DATABASE_URL")
    said = str(refused.value)
    assert said.startswith("DATABASE_URL: expected postgresql://USER:PASSWORD@HOST:PORT/NAME, found ")
    assert not any(piece in said for piece in ("t77", "S3cr", "1234", "admin", "127.0.0.1", "54x2"))


def test_the_message_says_how_to_quote():
    with pytest.raises(DatabaseError, match=r"% as %25, / as %2F, .* @ as %40, .* a blank as %20"):
        urls.normalise("postgresql://me:a/b@db/x")


@given(PASSWORDS)
def test_no_password_is_ever_shown_raw_or_quoted(password):
    for text in (password, quote(password, safe="")):
        url = f"postgresql://me:{text}@db.example:5432/x"
        try:
            said = urls.shown(urls.normalise(url))
        except DatabaseError as error:
            said = str(error)
        assert text not in said
        assert password not in said
        assert "t77" not in said


@given(PASSWORDS)
def test_a_quoted_password_is_understood_and_cut_from_the_drivers_sentence(password):
    url = urls.normalise(f"postgres://me:{quote(password, safe='')}@db/x?sslmode=require")
    assert urls.parse(url).password == quote(password, safe="")
    assert urls.shown(url) == "postgresql://me:***@db/x"
    said = urls.without_password(f'could not translate "{password}" or {quote(password, safe="")} of {url}', url)
    assert "t77" not in said


@given(user=NAMES, password=NAMES, name=NAMES)
def test_quoted_parts_of_any_signs_are_what_libpq_understands(user, password, name):
    quoted = [quote(part, safe="") for part in (user, password, name)]
    url = urls.normalise("postgresql+psycopg2://{}:{}@db.example:5433/{}?sslmode=require".format(*quoted))
    assert parse_dsn(url) == {
        "user": user, "password": password, "host": "db.example", "port": "5433", "dbname": name, "sslmode": "require",
    }  # fmt: skip
    assert parse_dsn(urls.with_database(url, "other"))["password"] == password
    assert urls.normalise(urls.sqlalchemy_url(url)) == url
    assert urls.shown(url) == f"postgresql://{quoted[0]}:***@db.example:5433/{quoted[2]}"


@given(PASSWORDS)
def test_a_password_among_the_parameters_is_never_shown(password):
    quoted = quote(password, safe="")
    url = urls.normalise(f"postgresql://me@db/x?password={quoted}&sslmode=require")
    for said in (urls.shown(url), urls.redact(url), urls.without_password(f"{url} {password} {quoted}", url)):
        assert "t77" not in said


@given(st.text(max_size=60))
def test_any_text_at_all_is_divided_or_refused(text):
    with suppress(DatabaseError):
        assert urls.normalise(text).startswith("postgresql://")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:x@h1:5432,h2:5432/db?target_session_attrs=read-write",
        "postgresql://u@[::1]:5432/db",
        "postgresql://u@%2Fvar%2Frun%2Fpostgresql/db",
        "postgresql:///db?service=lab",
        "postgresql://",
        "postgresql://u:p:q@h/db",
        "postgresql://u@h/db?sslrootcert=/etc/ssl/ca.pem&options=-c%20search_path%3Dmine",
    ],
)
def test_what_libpq_takes_is_taken(url):
    assert urls.normalise(url) == url
    assert urls.sqlalchemy_url(url) == url.replace("postgresql:", "postgresql+psycopg2:")


def test_hosts_are_told_whatever_their_form():
    assert urls.host_names("postgresql://u:x@h1:5432,h2/db") == ["h1", "h2"]
    assert urls.host_names("postgresql:///db?host=h3") == ["h3"]
    assert urls.host_names("postgresql:///db") == [""]
