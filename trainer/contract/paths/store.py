"""The stage store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StorePaths:
    """The stage store (`paths.batch_cache`): one flat folder per stage."""

    root: Path

    def stage(self, stage: str) -> Path:
        """The entries of one stage."""
        return self.root / stage

    def entry(self, stage: str, digest: str, depth: int) -> Path:
        """A stage's content trained to `depth` (epochs, rounds, trees); 0 where there is no such thing."""
        return self.stage(stage) / f"{digest}.{depth:06d}.safetensors"

    def entries(self, stage: str = "*", digest: str = "*") -> list[tuple[Path, int]]:
        """Files and their depths, sorted by stage, digest and depth."""
        found = sorted(self.root.glob(f"{stage}/{digest}.{'[0-9]' * 6}.safetensors"))
        return [(path, int(path.name.split(".")[-2])) for path in found]

    def leftovers(self) -> list[Path]:
        """Temporary files; those of dead writers stay until the store is pruned."""
        return list(self.root.glob("*/.*.tmp"))
