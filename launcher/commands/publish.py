"""`truestrength publish`: commits the results and the analysis of a sweep, or of all sweeps of a plan, to git."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from truestrength.launcher.database import PROJECT
from truestrength.launcher.expansion import Budget, expand_plan
from truestrength.launcher.publishing.chosen import known_passwords, published_files, refuse_secrets
from truestrength.launcher.publishing.link import web_address
from truestrength.launcher.publishing.notion import Entry, Place, find_place, put
from truestrength.launcher.publishing.notion_session import session
from truestrength.launcher.publishing.readme import Asset, relative, with_rows
from truestrength.launcher.publishing.repository import Commit, Repository
from truestrength.launcher.report.analysis import verdict_of
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.config.user import load_for_user
from truestrength.trainer.contract.errors import ConfigError, UserError, suggest
from truestrength.trainer.contract.files import write_bytes
from truestrength.trainer.contract.paths.outputs import OutputsRoot, run_name

README = "README.md"


def publish(args: argparse.Namespace) -> None:
    """`truestrength publish`.

    Raises:
        UserError: nothing of that name is there, git is not ready for it, a file holds a password, or git refused.
    """
    outputs, batch_ids = _chosen(args)
    repository = Repository.around(outputs.root)
    branch = repository.branch()
    readme = (repository.top / README).resolve()  # where it is a link, what that leads to
    if readme.exists() and repository.changed(readme):
        raise UserError(f"{readme}: has changes of yours: commit them first, because it gets a row here")
    files = published_files(outputs, batch_ids)
    if outside := [path for path in files if not path.resolve().is_relative_to(repository.top.resolve())]:
        raise UserError(f"{outside[0]}: lies outside of the repository {repository.top}")
    refuse_secrets(files, known_passwords(PROJECT))
    assets = [_asset(outputs, name, repository.top) for name in batch_ids]
    place = None if args.notion is None else _place(args.notion)  # before anything is committed
    commit = _committed(repository, readme, files, assets, args)
    said = (
        f"committed {commit.files} files to {branch} as {commit.name}" if commit else f"{branch} has all of it already"
    )
    say(said)
    if args.push:
        say(f"pushed to {repository.push(branch)}")
    if place:
        _tell_notion(place, outputs, repository, branch, args)


def _place(page: str) -> Place:
    with session() as asking:
        return find_place(asking, page)


def _tell_notion(
    place: Place, outputs: OutputsRoot, repository: Repository, branch: str, args: argparse.Namespace
) -> None:
    remote = repository.remote_url(branch)
    link = web_address(remote, branch, relative(outputs.sweeps, repository.top)) if remote else None
    with session() as asking:
        told = put(asking, place, _entry(outputs, link, repository.top, args))
    say(f"{'added to' if told.added else 'updated in'} Notion: {told.url}")
    if link is None:
        say(f"without a link: {branch} belongs to no remote that a browser can open", aside=True)


def _entry(outputs: OutputsRoot, link: str | None, top: Path, args: argparse.Namespace) -> Entry:
    """What is told of all sweeps of an outputs root that have results."""
    name = outputs.root.resolve().name
    first = run_name(load_for_user(args.config)[0].inference.run_id_base)
    assets = [_asset(outputs, sweep, top) for sweep in _ended(outputs)]
    lines = [f"{asset.batch_id}: {asset.trials} trials, best {asset.best}" for asset in assets]
    return Entry(
        title=f"{name[:1].upper()}{name[1:]} Phase I sweeps ({first}+)",
        summary="\n".join(filter(None, [verdict_of(outputs), *lines])),
        link=link,
    )


def _committed(
    repository: Repository, readme: Path, files: Sequence[Path], assets: Sequence[Asset], args: argparse.Namespace
) -> Commit | None:
    """Commit files and row; a README that is not committed after all is put back."""
    before = readme.read_bytes() if readme.exists() else None
    try:
        text = (before or b"").decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{readme}: is not UTF-8 text, so it gets no row: {error}") from None
    write_bytes(readme, with_rows(text, assets).encode())
    try:
        return repository.commit([*files, readme], f"Phase I: sweep results for {args.name}")
    except UserError:
        if before is None:
            readme.unlink()
        else:
            write_bytes(readme, before)
        raise


def _chosen(args: argparse.Namespace) -> tuple[OutputsRoot, list[str]]:
    """The outputs root and the sweeps that are meant: one by its name, or those of a plan.

    Raises:
        UserError: there is none of that name, or a sweep of the plan has no results yet.
    """
    config, origin = load_for_user(args.config)
    outputs = OutputsRoot(args.outputs or Path(config.paths.outputs))
    ended = _ended(outputs)
    if args.name in ended:
        return outputs, [args.name]
    if args.name not in config.plans:
        raise ConfigError(
            f"{args.name}: neither a sweep with results in {outputs.sweeps} nor a plan of {args.config}: "
            f"{suggest(args.name, [*ended, *config.plans])}"
        )
    wanted = expand_plan(config, args.name, Budget(), origin).batch_ids
    if missing := [name for name in wanted if name not in ended]:
        raise UserError(f"{args.name}: no results yet in {outputs.sweeps} of {', '.join(missing)}")
    return outputs, wanted


def _ended(outputs: OutputsRoot) -> list[str]:
    return [name for name in outputs.sweep_names() if outputs.sweep(name).summary.exists()]


def _asset(outputs: OutputsRoot, batch_id: str, folder: Path) -> Asset:
    sweep = outputs.sweep(batch_id)
    try:
        read: dict[str, Any] = msgspec.json.decode(sweep.summary.read_bytes())
        best = read["best"][read["objective"]]
        trials = f"{read['complete']}/{read['n_trials']}"
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise UserError(f"{sweep.summary}: is damaged ({error}): `truestrength report` writes it again") from None
    return Asset(
        batch_id=batch_id,
        folder=relative(sweep.folder, folder) + "/",
        trials=trials,
        best=f"{read['objective']} {best['value']:.4f}, {run_name(best['run_id'])}" if best else "none",
        report=relative(outputs.analysis, folder),
    )
