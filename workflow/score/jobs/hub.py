"""Whether the Hugging Face hub can be reached, and how to do without it.

Its libraries ask the hub about each file of a policy, even where the cache has it, and where nobody
answers they ask five times more, seconds apart. That is minutes for every job on a machine without a
network, so the workflow asks once and has all jobs use the cache alone.
"""

# An older Python must be able to import this, for the doctor to report it.
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable

OFFLINE, ENDPOINT = "HF_HUB_OFFLINE", "HF_ENDPOINT"
PATIENCE = 20  # seconds, since looking up a name may hang


def offline() -> bool:
    """Whether its libraries are told to use the cache alone."""
    return os.environ.get(OFFLINE, "").upper() in ("1", "ON", "YES", "TRUE")


def hub_answers() -> bool:
    """Whether the hub, or the mirror that HF_ENDPOINT names, answers; asked in a process of its own."""
    code = (
        "import sys, urllib.request, urllib.error\n"
        "request = urllib.request.Request(sys.argv[1], method='HEAD')\n"
        "try: urllib.request.urlopen(request, timeout=5)\n"
        "except urllib.error.HTTPError: pass\n"  # an error of the hub is an answer too
    )
    endpoint = os.environ.get(ENDPOINT) or "https://huggingface.co"
    try:
        asked = subprocess.run(
            [sys.executable, "-c", code, endpoint], capture_output=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def use_cache_where_out_of_reach(names: Iterable[str]) -> None:
    """Set HF_HUB_OFFLINE for this process and those it starts where these hub names can't be asked for.

    Call it before huggingface_hub is imported, which reads the variable then.
    """
    wanted = ", ".join(names)
    if wanted and OFFLINE not in os.environ and not hub_answers():
        os.environ[OFFLINE] = "1"
        print(f"The hub can't be reached: {wanted} can only come from its cache ({OFFLINE}=1).")
