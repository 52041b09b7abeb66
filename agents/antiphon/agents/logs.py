"""Structured logs: fixed text with fields, JSON for machines and columns for people.

Every record, ours and livekit's, passes through one handler on the root logger. Each carries what
`bind_call` put in the context of its task (call, room, job). A field whose name starts with
``personal_`` (transcripts, identities) is dropped unless `configure` was told to keep it, and so are
the fields in which livekit's own records carry such things. Secrets are masked always.

`get_logger` may be called at import, before `configure`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import IO, Any, Literal

import structlog

__all__ = ["bind_call", "configure", "configure_child", "get_logger"]

PERSONAL_PREFIX = "personal_"

# Fields under which livekit and livekit-agents 1.8 log what a person said or who they are.
_FOREIGN_PERSONAL = frozenset(
    {
        "identity",
        "participant",
        "participant_identity",
        "participants",
        "transcript",
        "user_transcript",
        "user_input",
        "text",
        "arguments",
        "instructions",
        "speech",
        "message",
        "output",
        "attributes",
        "metadata",
    }
)
_SECRET = re.compile(
    r"(?:sk|ek)[-_][A-Za-z0-9_-]{8,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    r"|(?<=Bearer )[^\s\"']+|(?<=access_token=)[^&\s\"']+"
)
_SECRET_FIELD = re.compile(r"secret|password|api_?key|token$", re.IGNORECASE)

# Attributes every LogRecord has; the rest came as ``extra``.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

Fields = MutableMapping[str, Any]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for the module ``name``: ``log.info("fixed text", field=value)``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def configure_child() -> None:
    """Sends this process's own records through its plain `logging`, unless `configure` was called.

    For job processes, whose records livekit-agents carries to the worker, and for an app that runs under
    another command: fields travel as ``extra``.
    """
    if not structlog.is_configured():
        structlog.configure(
            processors=[structlog.contextvars.merge_contextvars, structlog.stdlib.render_to_log_kwargs],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
            cache_logger_on_first_use=False,
        )


def bind_call(*, call: str, room: str, job: str) -> None:
    """Adds the three fields to every record of this task and of the tasks it starts."""
    structlog.contextvars.bind_contextvars(call=call, room=room, job=job)


def _extra(_: object, __: str, fields: Fields) -> Fields:
    """Moves a foreign record's ``extra`` into fields."""
    record = fields.get("_record")
    if fields.get("_from_structlog") or not isinstance(record, logging.LogRecord):
        return fields
    for key, value in record.__dict__.items():
        if key not in _STANDARD and not key.startswith("_"):
            fields.setdefault(key, value)
    return fields


class _Personal:
    """Drops personal fields, of ours by prefix and of livekit's by name, unless told to keep them."""

    def __init__(self, keep: bool) -> None:
        self._keep = keep

    def __call__(self, _: object, __: str, fields: Fields) -> Fields:
        if self._keep:
            return fields
        foreign = not fields.get("_from_structlog")
        for key in [
            key for key in fields if key.startswith(PERSONAL_PREFIX) or (foreign and key in _FOREIGN_PERSONAL)
        ]:
            del fields[key]
        return fields


def _mask(_: object, __: str, fields: Fields) -> Fields:
    """Masks keys and tokens wherever they stand."""
    for key, value in fields.items():
        if isinstance(value, str):
            if _SECRET_FIELD.search(key) and value:
                fields[key] = "***"
            elif _SECRET.search(value):
                fields[key] = _SECRET.sub("***", value)
    return fields


def _processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]


def configure(
    *,
    format: Literal["json", "console"] = "json",
    personal: bool = False,
    level: str = "info",
    stream: IO[str] | None = None,
) -> None:
    """Sends every log record of this process through one handler. May be called again.

    Args:
        format: ``json``, an object a line; or ``console``, for people.
        personal: Keep transcripts and identities.
        level: Least level of our own and livekit's records; other libraries log from ``warning``.
        stream: Where to; standard error when not given.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty(), pad_event_to=0)
    )
    shared = _processors()
    finish = [
        _extra,
        _Personal(personal),
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _mask,
        renderer,
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=finish))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # configure may be called again
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in ("antiphon", "livekit"):
        logger = logging.getLogger(name)
        logger.setLevel(level.upper())
        logger.propagate = True
        for old in logger.handlers[:]:
            logger.removeHandler(old)
