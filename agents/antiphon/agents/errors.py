"""Every error this project raises on purpose, in one tree.

    AntiphonError
    ├── ConfigError         a setting is wrong: field, value and what is allowed
    ├── MisuseError         our API called out of order
    ├── ModelError          the realtime model, or the way to it
    │   ├── ModelUnavailable    cannot be reached, or fell silent
    │   ├── ModelRefused        answered, and said no
    │   ├── ModelProtocolError  sent something that is not the protocol
    │   └── SessionExpired      its session reached its cap
    ├── RoomError           the SFU, or the way to it
    │   └── ServerUnavailable   no LiveKit server could be reached, found or built
    ├── MediaError          a file or a device with sound in it
    └── AppError            the application file given to the command

The first split is whose fault it is. An error holds fields; its text is built from them and has
three parts: what happened, the value, what to do next. ``retryable`` answers the one question a
caller has without a look at the text.
"""

from __future__ import annotations

__all__ = [
    "AntiphonError",
    "AppError",
    "ConfigError",
    "MediaError",
    "MisuseError",
    "ModelError",
    "ModelProtocolError",
    "ModelRefused",
    "ModelUnavailable",
    "RoomError",
    "ServerUnavailable",
    "SessionExpired",
]


class AntiphonError(Exception):
    """The root. ``str()`` gives ``what (value). next step.``, leaving out what is empty.

    Args:
        what: What happened, a clause without a full stop.
        value: The value it happened to, shown in parentheses. Never a secret.
        hint: What to do next, a whole sentence.
    """

    retryable = False
    """Whether the same call may succeed later with nothing changed."""

    def __init__(self, what: str, *, value: object = None, hint: str = "") -> None:
        self.what = what
        self.value = value
        self.hint = hint
        super().__init__(what)

    def __str__(self) -> str:
        text = self.what if self.value is None else f"{self.what} ({self.value})"
        return f"{text}. {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        # Fields survive the pipe between processes; the default would pass only ``what``.
        return (_rebuild, (type(self), self.__dict__))


def _rebuild(cls: type[AntiphonError], fields: dict[str, object]) -> AntiphonError:
    error = cls.__new__(cls)
    Exception.__init__(error, fields.get("what", ""))
    error.__dict__.update(fields)
    return error


class ConfigError(AntiphonError):
    """A setting has a value it cannot have.

    Args:
        field: The setting's name as the user wrote it, e.g. ``TurnTaking.silence_s``.
        value: What was given.
        allowed: What would be accepted, e.g. ``0.1 to 5 s``.
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        self.field = field
        self.allowed = allowed
        super().__init__(f"{field} cannot be {value!r}", hint=f"Allowed: {allowed}.")
        self.value = value

    def __str__(self) -> str:
        return f"{self.what}. {self.hint}"


class MisuseError(AntiphonError):
    """Our API was called out of order or from the wrong place."""


class ModelError(AntiphonError):
    """The realtime model, or the way to it, failed."""


class ModelUnavailable(ModelError):
    """The model cannot be reached, or stopped answering."""

    retryable = True


class ModelRefused(ModelError):
    """The model answered and refused: key, quota, or an argument it does not take."""


class ModelProtocolError(ModelError):
    """The model's server sent something outside its protocol."""


class SessionExpired(ModelError):
    """The model's session reached its longest duration; a fresh one may be opened."""

    retryable = True


class RoomError(AntiphonError):
    """The LiveKit server or a room on it."""


class ServerUnavailable(RoomError):
    """No LiveKit server could be reached, found or built."""

    retryable = True


class MediaError(AntiphonError):
    """A sound file or device cannot be used."""


class AppError(AntiphonError):
    """The application given to the command cannot be run."""
