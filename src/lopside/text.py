"""Numbers of bytes and seconds as short texts."""

from __future__ import annotations


def bytes_text(count: float) -> str:
    """Return a number of bytes as a text of three digits.

    >>> bytes_text(999), bytes_text(2_000_000), bytes_text(31_400_000_000)
    ('999 B', '2 MB', '31.4 GB')
    """
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count:.0f} B"


def seconds_text(seconds: float) -> str:
    """Return a time as a text of two digits.

    >>> seconds_text(0.0123), seconds_text(4.2), seconds_text(900), seconds_text(20000)
    ('12 ms', '4.2 s', '15 min', '5.6 h')
    """
    if seconds < 1.0:
        return f"{1e3 * seconds:.2g} ms"
    if seconds < 120.0:
        return f"{seconds:.2g} s"
    return f"{seconds / 60.0:.2g} min" if seconds < 7200.0 else f"{seconds / 3600.0:.2g} h"
