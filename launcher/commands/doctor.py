"""`truestrength doctor`: what would keep a plan from running, and what to do about it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from truestrength.launcher.containers.settings import ContainerSettings, parse_container
from truestrength.launcher.doctor import machine, probe
from truestrength.launcher.doctor.findings import Finding, exit_code
from truestrength.launcher.slurm.profile import load_profile
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.config.user import load_for_user
from truestrength.trainer.contract.text_table import text_table


def doctor(args: argparse.Namespace) -> int:
    """`truestrength doctor`.

    Raises:
        ConfigError: the configuration or the profile is not valid.
    """
    config, _ = load_for_user(args.config, args.set)
    container = parse_container(args.container) if args.container else ContainerSettings()
    profile = load_profile(args.cluster) if args.cluster else None
    findings = machine.examined(config.paths, container)
    if profile is not None:
        findings += probe.examined(profile, config.paths, sys.executable)
    say(_json(findings) if args.json else _table(findings))
    return exit_code(findings)


def _json(findings: list[Finding]) -> str:
    return json.dumps({"exit_code": exit_code(findings), "checks": [asdict(one) for one in findings]}, indent=2)


def _table(findings: list[Finding]) -> str:
    lines = [text_table(["check", "state", "found"], [[one.check, one.state, one.found] for one in findings])]
    lines += [f"{one.check}: {one.next}" for one in findings if one.next]
    return "\n".join(lines)
