"""Every error that qbench raises on purpose.

    QBenchError
    |- InputError      what the user gave cannot be used
    |   |- ModelFileError, PlanError, ProfileError, StoreError, MissingExtraError
    |- DeviceError     something about one device
    |   |- NoDeviceError, UnauthorizedError, CommandError, CommandTimeoutError*,
    |   |  DisconnectedError*, TransferError*, TooHotError*,
    |   |  DeviceStorageError
    |- RunnerError     the runner (benchmark_model, the host process) misbehaved
        |- RunnerCrashedError, RunnerOutputError, RunnerVersionError, NotDelegatedError

`*` = retryable. A bug in qbench is never a QBenchError.
"""

from __future__ import annotations

from typing import ClassVar


class QBenchError(Exception):
    """Base of all errors that are not bugs.

    `message` reads `who: what, with the value`; `hint` says what the user can do about it.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class InputError(QBenchError):
    """What the user gave cannot be used."""


class ModelFileError(InputError):
    """A model file is missing, damaged or not a .tflite file."""


class PlanError(InputError):
    """A plan cannot be read or makes no sense."""


class ProfileError(InputError):
    """A device profile is missing, cannot be read, or holds a wrong key or value."""


class StoreError(InputError):
    """A session folder cannot be read or written."""


class MissingExtraError(InputError):
    """A command needs an optional package that is not installed."""


class DeviceError(QBenchError):
    """Something is wrong with one device.

    Carries what is known: the device's `serial`, the `command` that ran there, what it had
    printed, and its `exit_code` (None: it gave none).
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        serial: str | None = None,
        command: str | None = None,
        stdout: bytes = b"",
        stderr: bytes = b"",
        exit_code: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.serial = serial
        self.command = command
        self.stdout = stdout
        self.stderr = stderr
        self.exit_code = exit_code


class NoDeviceError(DeviceError):
    """No attached device fits what was asked for."""


class UnauthorizedError(DeviceError):
    """The device has not accepted this computer's key."""


class CommandError(DeviceError):
    """A command on the device ran and failed."""


class CommandTimeoutError(DeviceError):
    """A command on the device did not end within its deadline."""

    retryable = True


class DisconnectedError(DeviceError):
    """The device went away."""

    retryable = True


class TransferError(DeviceError):
    """A file arrived damaged, again and again."""

    retryable = True


class TooHotError(DeviceError):
    """The device is too hot to measure."""

    retryable = True


class DeviceStorageError(DeviceError):
    """The device has no room, or its storage cannot be written."""


class RunnerError(QBenchError):
    """The program that runs the model misbehaved."""


class RunnerCrashedError(RunnerError):
    """The runner died or was killed."""


class RunnerOutputError(RunnerError):
    """The runner's output is not what we know how to read."""


class RunnerVersionError(RunnerError):
    """The runner is of a version that cannot be used."""


class NotDelegatedError(RunnerError):
    """The model did not run on the delegate that was required."""
