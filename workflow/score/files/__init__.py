"""What every job reads and writes: whole files, digests of them, and its settings."""
