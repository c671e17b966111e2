"""The error of a machine that is in the way of a job: no mistake of its user, and none of the code."""


class SiteError(RuntimeError):
    """A disk that is full, a folder in use: its message is all that a user needs, and no traceback."""
