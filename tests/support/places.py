"""Where this repository is, what its default config says, and where real data sets lie beside it."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
DEFAULT = yaml.safe_load((ROOT / "configs/config.yaml").read_text())


def names_in(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
