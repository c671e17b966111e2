"""Tables as parquet files whose pages carry checksums, so that damage is found when they are read.

Names and types of columns stand in the footer, which parquet has no checksum for.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from score.files.atomic import replace_file


def write_parquet(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table, without its index, in one step."""
    replace_file(path, frame.to_parquet(index=False, write_page_checksum=True))


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table, or some columns of it. OSError or ValueError where it is not what was written."""
    try:
        return pd.read_parquet(path, columns=columns, page_checksum_verification=True)
    except (OSError, ValueError):  # those of pyarrow among them
        raise
    except Exception as error:  # damage to what pandas adds about columns raises anything
        raise ValueError(f"{type(error).__name__}: {error}") from error
