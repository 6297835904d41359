"""Errors that a contributor reads: each says what, where, and how to mend it."""


class SubmitError(Exception):
    """An error whose text is written for the contributor; the CLI prints it and nothing else."""
