"""Python text as a worker that is forked: `forked.py TEXT WORD… --forks FOLDER`, from `forked(TEXT, WORD…)`."""

import sys
from pathlib import Path

from truestrength.trainer.worker.forks import serve


def forked(text, *words):
    """What is said to the interpreter; the launcher adds the folder."""
    return [__file__, text, *words]


def nothing():
    """Import nothing, try out nothing."""


def main(text, *words):
    *words, _, folder = words

    def work(_batch_ids):
        sys.argv = ["worker", *words]
        exec(compile(text, "<worker>", "exec"), {"__name__": "__main__"})
        return 0

    return serve(Path(folder), work, nothing, nothing)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
