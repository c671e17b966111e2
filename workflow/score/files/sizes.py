"""Numbers of bytes as a person reads them."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def size_text(count: float) -> str:
    """Bytes in the largest decimal unit of which there is one: 134 bytes, 1.5 kB, 147.9 MB, 65 GB."""
    if count == 1:
        return "1 byte"
    power = 0
    while power < len(_UNITS) - 1 and round(count / 1000**power, 1) >= 1000:
        power += 1
    number = f"{count / 1000**power:.1f}".removesuffix(".0")
    return f"{number} {_UNITS[power]}"
