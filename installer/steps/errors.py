"""What stops a set-up."""


class SetupError(Exception):
    """The set-up cannot go on. The text says what was found and what to do next; it is shown without a traceback."""
