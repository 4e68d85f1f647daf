"""The errors an operator can act on.

PocketMatteError                 the command line prints one line and exits 1
├── UsageError                   wrong use: exits 2
│   ├── UnknownNetworkError
│   ├── UnknownTierError
│   ├── UnknownFormatError
│   ├── UnknownRecipeError
│   └── MissingError             a file or folder that a command was given, and that is not there
├── CheckpointError              a weight file that is corrupt, hostile, or of another network
├── DeviceTableError            a device table that contradicts itself (pocketmatte.selection)
├── MediaError                   a picture or video that cannot be read or written
├── BundleError                  a build folder that is incomplete, changed, or escapes itself
├── ExportError                  a network that a format cannot take
├── RuntimeUnavailableError      a runtime this machine does not have
├── DeviceError                  a phone that is not there, will not do, or did not (devices_adb)
│   └── TransportError           the way to it broke
└── WorkerError                  a process of a build or a proof that died
"""


class PocketMatteError(Exception):
    """Something the operator can fix; the message holds the value, the limit and the way out."""


class UsageError(PocketMatteError):
    """The command was asked for something that does not exist or does not fit together."""


class UnknownNetworkError(UsageError):
    """No network of that name."""


class UnknownTierError(UsageError):
    """No tier of that name in the network's ladder."""


class UnknownFormatError(UsageError):
    """No export target of that name."""


class UnknownRecipeError(UsageError):
    """No precision recipe of that name."""


class CheckpointError(PocketMatteError):
    """A weight file that is truncated, corrupt, hostile, not finite, or of another network."""


class MediaError(PocketMatteError):
    """A picture or video that cannot be read or written."""


class BundleError(PocketMatteError):
    """A build folder that is incomplete, changed since it was built, or leads outside itself."""


class MissingError(UsageError):
    """A file or folder that is not there; of the kind that a damaged one is, too."""


class MissingCheckpointError(CheckpointError, MissingError):
    """No weight file of that name."""


class MissingMediaError(MediaError, MissingError):
    """No picture, video or clip of that name."""


class MissingBundleError(BundleError, MissingError):
    """No bundle, or file of one, of that name."""


class ExportError(PocketMatteError):
    """A program that the asked format cannot hold."""


class RuntimeUnavailableError(PocketMatteError):
    """A runtime that this machine does not have."""


class WorkerError(PocketMatteError):
    """A process that took part in a build or a proof and died."""


def was_interrupted(error: BaseException) -> bool:
    """Return whether an error arose where Ctrl-C was already ending things.

    What cleans up may itself fail because it was cut short: ``shutil.rmtree`` closes a folder
    twice if the interrupt falls between its closing and its note of that.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, KeyboardInterrupt):
            return True
        seen = seen.__context__
    return False
