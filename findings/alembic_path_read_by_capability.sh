#!/usr/bin/env bash
# alembic 1.20.1 (and so Optuna's RDBStorage, and whoever else migrates by it): "Path doesn't exist" for a folder that it can read.
#
# One would swear that what a process can list and open does exist. alembic asks access(2) first, which answers by the
# REAL user and without its ambient capabilities; open(2) answers by the effective ones. So a service that may read
# everything by CAP_DAC_READ_SEARCH (a systemd unit's AmbientCapabilities=, setpriv, a rootless worker of a closed home)
# imports the library, lists its scripts, and is told that they are not there. os.access(…, effective_ids=True), which is
# faccessat(2) with AT_EACCESS, counts the capabilities and says that the folder is there.
# Needs root (to make such a process) and setpriv (util-linux). Exits 0 while that is so, and 1 when it has changed.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 2; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv --copies "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check alembic==1.20.1 >/dev/null 2>&1
mkdir "$place/scripts"
touch "$place/scripts/env.py"
chmod 700 "$place"
cat > "$place/ask.py" <<'PY'
import os
import sys

import alembic
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

folder = sys.argv[1]
listed, opened = os.listdir(folder), open(f"{folder}/env.py").read() == ""
config = Config()
config.set_main_option("script_location", folder)
try:
    ScriptDirectory.from_config(config)
    said = "found"
except CommandError as error:
    said = str(error).split(":")[0]
effective = os.access(folder, os.F_OK, effective_ids=True)
print(f"alembic {alembic.__version__}: listed {listed}, opened {opened}, os.access {os.access(folder, os.F_OK)}, "
      f"effective_ids {effective}; alembic says: {said}")
sys.exit(0 if opened and said == "Path doesn't exist" and effective else 1)
PY
setpriv --reuid 4242 --regid 4242 --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search \
    "$place/venv/bin/python" "$place/ask.py" "$place/scripts"
