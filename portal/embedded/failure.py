"""The one exception of starting up: its message is a sentence for the person at the terminal."""


class StartError(Exception):
    """Starting cannot go on; `str()` says what is wrong and what to do about it."""
