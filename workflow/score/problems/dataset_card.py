"""Which columns hold class numbers, by the README.md that a data set of the hub has beside its files.

Parquet says so itself in most cases; CSV and JSON can't.
"""

import re
from pathlib import Path

import yaml

_HEAD = re.compile(r"\A\ufeff?---\r?\n(.*?)\r?\n---\s*$", re.DOTALL | re.MULTILINE)


def class_features(path: Path) -> dict[str, dict]:
    """Columns of class numbers of the data set to which a file or folder belongs.

    By column, the form that Features.to_dict() has. Empty where no README.md in the folder, or up to two
    above it, tells of any.
    """
    folder = path if path.is_dir() else path.parent
    for place in [folder, *folder.absolute().parents[:2]]:
        card = place / "README.md"
        if card.is_file() and (infos := _infos(card)):
            named = [info for info in infos if info.get("config_name") in path.absolute().parts]
            features = (named or infos)[0].get("features") if len(named or infos) == 1 else None
            return _classes(features) if isinstance(features, list) else {}
    return {}


def _infos(card: Path) -> list[dict]:
    head = _HEAD.search(card.read_text(encoding="utf-8", errors="replace"))
    try:
        # BaseLoader takes everything as text, so that a class `No` is not False
        told = yaml.load(head[1], Loader=yaml.BaseLoader) if head else None
    except yaml.YAMLError:
        return []
    infos = told.get("dataset_info") if isinstance(told, dict) else None
    infos = infos if isinstance(infos, list) else [infos]
    return [info for info in infos if isinstance(info, dict)]


def _classes(features: list) -> dict[str, dict]:
    found = {}
    for feature in features:
        if isinstance(feature, dict) and "name" in feature:
            several = feature.get("list", feature.get("sequence"))
            names = _class_names(feature if several is None else several)
            if names:
                labels = {"_type": "ClassLabel", "names": names}
                many = {"_type": "List", "feature": labels}
                found[feature["name"]] = labels if several is None else many
    return found


def _class_names(feature) -> list[str] | None:
    """The names in `dtype: {class_label: {names: {'0': …}}}` or `class_label: …`, in order."""
    kind = feature.get("dtype", feature) if isinstance(feature, dict) else None
    label = kind.get("class_label") if isinstance(kind, dict) else None
    names = label.get("names") if isinstance(label, dict) else None
    if isinstance(names, dict):
        names = [name for _, name in sorted(names.items(), key=lambda item: int(item[0]))]
    return names if isinstance(names, list) else None
