"""The settings of verification."""

from dataclasses import dataclass

from score.verifiers.settings import VerifierSettings


@dataclass(kw_only=True)
class VerifySettings(VerifierSettings):
    """How attempts are judged, and by how many resamples the intervals of the metrics are found."""

    bootstrap_samples: int = 10_000
    bootstrap_seed: int = 0
