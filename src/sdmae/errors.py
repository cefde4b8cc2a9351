"""What can go wrong through no fault of the program: one line for the user, exit code 2, no traceback."""


class SdmaeError(Exception):
    """A problem a user can mend. The message is one line that names the thing and the remedy."""


class SourceError(SdmaeError):
    """A video, picture or folder that is missing, empty, broken or not what it claims to be."""


class BenchmarkError(SdmaeError):
    """A benchmark folder that differs from its official layout; the message names the files."""


class DetectorError(SdmaeError):
    """A detector file that is cut off, of a newer format, or not ours."""


class ConfigError(SdmaeError):
    """Settings that contradict one another or the video they are used on."""


class StoreError(SdmaeError):
    """A store of events that cannot be opened, read or written."""
