"""What was asked, with which code, when and where: a list of names and words.

Commit, image and device are those of each sweep's best run, by what its folder says; of thousands of runs not every
folder is opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from truestrength.launcher.report.page.facts import Facts
from truestrength.launcher.report.reading import read_file
from truestrength.launcher.report.trials import Sweep, best_trial
from truestrength.trainer.contract.records.provenance import Provenance
from truestrength.trainer.contract.text_table import counted
from truestrength.trainer.contract.words import Method, Sampler

MOST_HOSTS = 8
"""Named; more are counted."""
TIME = "%Y-%m-%d %H:%M"


def asked(facts: Facts) -> list[tuple[str, str]]:
    """Names and words, in the order of the page; what is not known is left out."""
    records = list(_records(facts))
    found = [
        ("search", _search(facts.sweeps)),
        ("command", _distinct(_commands(facts))),
        ("commit", _distinct(map(_commit, records))),
        ("image", _distinct(map(_image, records))),
        ("seasons", _distinct(_seasons(facts.sweeps))),
        ("seeds", _distinct(map(_seeds, facts.sweeps))),
        ("when", _when(facts.sweeps)),
        ("where", _where(facts.sweeps, records)),
    ]
    return [(name, words) for name, words in found if words]


def _records(facts: Facts) -> Iterator[Provenance]:
    for sweep in facts.sweeps:
        best = best_trial(sweep.ranked, sweep.spec.objective)
        if best and best.run_id is not None:
            run = facts.outputs.sweep(sweep.spec.batch_id).run(best.run_id)
            if record := read_file(run.provenance, Provenance):
                yield record


def _commands(facts: Facts) -> Iterator[str]:
    for sweep in facts.sweeps:
        path = facts.outputs.sweep(sweep.spec.batch_id).command
        if path.exists():
            yield path.read_text(encoding="utf-8", errors="replace").strip()


def _search(sweeps: Sequence[Sweep]) -> str:
    kinds = Counter(map(_kind, sweeps))
    return "; ".join(f"{counted(n, 'sweep')} of {kind}" for kind, n in kinds.items())


def _kind(sweep: Sweep) -> str:
    spec = sweep.spec
    sampler = f", {spec.sampler}" if spec.method is Method.OPTUNA and spec.sampler is not Sampler.TPE else ""
    return f"{counted(spec.n_trials, 'trial')} ({spec.phase}: {spec.method}{sampler})"


def _commit(record: Provenance) -> str:
    version = f"truestrength {record.versions.get('truestrength', '')}"
    if record.git_commit is None:
        return version
    return f"{record.git_commit[:12]}{', with changes that are not committed' if record.git_dirty else ''} ({version})"


def _image(record: Provenance) -> str:
    digest = f" ({record.image_digest})" if record.image_digest else ""
    return f"{record.image}{digest}" if record.image else "none: plain processes"


def _seasons(sweeps: Sequence[Sweep]) -> Iterator[str]:
    read = [trial for sweep in sweeps for trial in sweep.complete if trial.metrics]
    for seasons in dict.fromkeys(trial.metrics.seasons for trial in read if trial.metrics):
        yield f"validation {', '.join(seasons)}"
    for seasons in dict.fromkeys(trial.holdout.seasons for trial in read if trial.holdout):
        yield f"held out {', '.join(seasons)}"


def _seeds(sweep: Sweep) -> str:
    first, repeats = sweep.spec.config.training.seed, sweep.spec.repeats
    return f"{first} to {first + repeats - 1}, their mean counts" if repeats > 1 else str(first)


def _when(sweeps: Sequence[Sweep]) -> str:
    trials = [trial for sweep in sweeps for trial in sweep.trials]
    starts = [trial.started_at for trial in trials if trial.started_at]
    ends = [trial.finished_at for trial in trials if trial.finished_at]
    if not starts or not ends:
        return ""
    minutes = (max(ends) - min(starts)).total_seconds() / 60
    return f"{min(starts):{TIME}} to {max(ends):{TIME} UTC} ({minutes:.1f} minutes)"


def _where(sweeps: Sequence[Sweep], records: Sequence[Provenance]) -> str:
    hosts = Counter(trial.host for sweep in sweeps for trial in sweep.trials if trial.host)
    named = [f"{host} ({counted(n, 'attempt')})" for host, n in sorted(hosts.items())]
    more = [f"and {len(named) - MOST_HOSTS} more"] if len(named) > MOST_HOSTS else []
    devices = _distinct(record.device for record in records)
    said = ", ".join([*named[:MOST_HOSTS], *more])
    return f"{said}; {devices}" if said and devices else said


def _distinct(words: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, words)))
