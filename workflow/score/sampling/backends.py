"""What samples attempts: transformers, or vLLM where it is installed."""

from importlib.util import find_spec

BACKENDS = ("transformers", "vllm")


def check_backend(name: str) -> None:
    """ValueError unless the backend is known and installed. Imports nothing, so it costs nothing."""
    if name not in BACKENDS:
        raise ValueError(
            f"rollout_backend is {name!r}; expected one of {', '.join(BACKENDS)}. Choose one."
        )
    if name == "vllm" and find_spec("vllm") is None:
        raise ValueError(
            "rollout_backend is 'vllm', which is not installed here; expected it in the environment "
            "of every job. Install it with `pip install -r requirements-vllm.txt`, or set "
            "rollout_backend: transformers."
        )
