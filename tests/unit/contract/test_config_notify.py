"""Who is told: mistakes are found when the configuration is read, and change no sweep's identity."""

import re

import pytest

from truestrength.trainer.contract.config.notify import Notify
from truestrength.trainer.contract.config.settings import Config, identity, load_config
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.run.folder import config_text


def file_of(tmp_path, text):
    file = tmp_path / "config.yaml"
    file.write_text(f"notify: {text}\n")
    return file


def load(tmp_path, text):
    return load_config(file_of(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{url: ftp://host/s3cret}", "notify.url: expected http://HOST… or https://HOST…"),
        ("{url: s3cret}", "notify.url: expected http"),
        ("{url: 'https://me:s3cret@host/'}", "notify.url: expected http"),
        ("{url: 'https://host/a b'}", "notify.url: expected http"),
        ("{url: 'https://host:99999/'}", "notify.url: expected http"),
        ("{url: ''}", "notify.url: expected http"),
        ("{url: 'http://host', command: ['true']}", "notify: has a url and a command: leave one of the two out"),
        ("{command: ['']}", "notify.command: expected a program as the first word"),
        ("{command: mail me}", "notify.command: "),
        ('{command: ["a\\0b"]}', "notify.command: 'a\\x00b' has a sign"),
        ("{uri: x}", "notify.uri"),
    ],
)
def test_a_mistake_names_its_key_and_no_secret(tmp_path, text, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as found:
        load(tmp_path, text)
    assert "s3cret" not in str(found.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:8080", "https://hooks.example.org/services/T0/B0?x=1", "http://[::1]:80/x"]
)
def test_a_url_or_a_command_is_taken(tmp_path, url):
    assert load(tmp_path, f"{{url: '{url}'}}").notify.is_there
    assert load(tmp_path, "{command: [mail, -s, 'two words', me]}").notify.command == ("mail", "-s", "two words", "me")
    assert not load(tmp_path, "{}").notify.is_there


@pytest.mark.parametrize("word", ["notify.url=https://host/x", "notify={url: 'https://host/x'}"])
def test_a_url_on_the_command_line_is_refused_because_commands_are_kept(tmp_path, word):
    with pytest.raises(ConfigError, match=r"notify.url: a command is kept .* write it into a file"):
        load_config(file_of(tmp_path, "{}"), [word])


def test_who_is_told_changes_no_result_and_is_in_no_runs_folder():
    told = Config(notify=Notify(url="https://hooks.example.org/s3cret"))
    assert identity(told) == identity(Config())
    assert config_text(told) == config_text(Config())
    assert "s3cret" not in config_text(told)
