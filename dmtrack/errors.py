"""Errors that a user can act on.

Every error says in one sentence what is wrong, where, what was expected and what to do about it. The command line
prints that sentence and exits with code 2; library callers catch `DMTrackError`.
"""


class DMTrackError(Exception):
    """Base of every error that dmtrack raises on purpose."""

    exit_code = 2

    def __str__(self) -> str:
        # Reasons of other libraries, and names of files, may have line ends in them.
        return " ".join(line.strip() for line in super().__str__().splitlines())


class ConfigError(DMTrackError):
    """A config file or an override that cannot be used: unknown key, wrong type, missing base, code in a config."""


class WeightsError(DMTrackError):
    """A weights file that cannot be used: truncated, of another architecture, holding foreign classes."""


class MediaError(DMTrackError):
    """An image, video or camera that cannot be read or written."""


class DataError(DMTrackError):
    """A dataset folder or annotation that does not have the expected layout or content."""


class BoxError(DMTrackError):
    """A box that is no box: NaN, zero or negative size, outside the image."""


class TrainingError(DMTrackError):
    """Training cannot start or go on as asked: too many devices, a checkpoint of another run, loss not finite."""


class EvaluationError(DMTrackError):
    """Results that cannot be scored, or stored results that do not belong to the run at hand."""


class OutputError(DMTrackError):
    """A result, checkpoint or report that cannot be written: disk full, read-only folder."""
