"""Why a line of the guide is no PASS."""


class Broken(Exception):
    """What was seen is not what was promised; the text says what was seen."""


class Unfit(Exception):
    """It cannot be tried here; the text says why."""
