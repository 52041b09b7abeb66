"""Runs a scene through a call's own parts: `MediaCall` with its ingress, windows, gate, controller and
playout, on a clock that is moved 20 ms at a time. There is no second shell that could behave otherwise.

What stands in for the rest: the person's frames arrive on time; replies arrive all at once; the application
confirms a cancelled reply after `CANCEL_S`; the ear hears at once; the microphone hears the ear through the
scene's echo. Nothing waits for real time, and nothing reads a clock: the same scene and setup give the
same events, bit for bit. That holds for judges too if they answer alike to the same question: each is asked
at once and its answer arrives after the time that is stated for it, not after the time it took here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.agents.endpointing import Endpointer, TurnEndEstimator, endpointer_for
from antiphon.agents.interruption import Arbiter, InterruptionController
from antiphon.agents.interruption.evidence import Evidence
from antiphon.agents.interruption.fusion import arbiter_for
from antiphon.agents.interruption.judges import Judge
from antiphon.agents.media.call import RATE_HZ, MediaCall
from antiphon.agents.media.ingress import VoiceDetector
from antiphon.agents.media.router import Samples
from antiphon.agents.media.thread import MediaThread
from antiphon.agents.options import TurnTaking
from antiphon.plugins.silero import SileroVad
from antiphon.workers.replay.asking import NOMINAL_S, VirtualAsker
from antiphon.workers.replay.scene import Echo, Reply, Scene
from antiphon.workers.replay.virtual import EPOCH_S, VirtualMedia, VirtualSource

__all__ = ["FRAME_S", "Replayed", "Setup", "replay"]

FRAME_S: Final = 0.020  # s; the ingress's frame
_FRAME: Final = round(FRAME_S * RATE_HZ)
CANCEL_S: Final = 0.030  # s from a yield to the model's confirmation; chosen, of a near model


@dataclass(frozen=True, slots=True)
class Setup:
    """What decides in the call."""

    options: TurnTaking = field(default_factory=TurnTaking)
    judges: tuple[Judge, ...] = ()
    """Whose opinions are asked; with none, duration alone decides."""
    turn_end: TurnEndEstimator | None = None
    """Who is asked at a pause whether the turn is over."""
    takes_s: Mapping[str, float] = field(default_factory=lambda: NOMINAL_S)
    """From question to answer, s, by judge and estimator."""
    arbiter: Callable[[TurnTaking], Arbiter] | None = None
    """Makes what weighs opinions; that of a call when not given."""
    language: str = ""
    """What the call speaks, as BCP 47; empty when it is not known."""
    endpointer: Callable[[TurnTaking], Endpointer] | None = None
    """Makes what tells that a turn is over; that of a call when not given."""
    detector: Callable[[], VoiceDetector] = SileroVad
    """Makes the speech detector."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What would have happened. Times are s from the scene's beginning."""

    scene: Scene = field(repr=False)
    events: tuple[tl.Event, ...]
    """The call's timeline, its clock left out."""
    window_at_s: NDArray[np.float64] = field(repr=False)
    """When each window's last sample arrived."""
    speech: NDArray[np.float64] = field(repr=False)
    """The detector's probability for each window."""
    heard: Samples = field(repr=False)
    """The agent's voice at the ear, mono, 24 kHz, as long as the scene."""
    microphone: Samples = field(repr=False)
    """The person's sound with the echo in it, likewise."""
    evidence: tuple[tuple[float, Evidence], ...] = field(default=(), repr=False)
    """What a speech sounded like so far, and when, s; frame by frame while one is on, where it was wanted."""

    def records(self) -> list[dict[str, object]]:
        """The events as flat dicts for JSON, times rounded to a microsecond."""
        return [tl.to_record(event) for event in self.events]


def replay(
    scene: Scene, setup: Setup, *, speech: Sequence[float] | None = None, evidence: bool = False
) -> Replayed:
    """Runs a scene.

    Args:
        scene: The call.
        setup: What decides in it.
        speech: Probabilities of the windows as they were found in an earlier run of the same scene, to
            save the detector's work; only right where nothing of the agent's is in the microphone.
        evidence: Keep the evidence of each frame, too; a tenth of real time more.
    """
    return _Run(scene, setup, speech).run(evidence)


class _Watched:
    """A detector whose answers are kept."""

    def __init__(self, detector: VoiceDetector, now: Callable[[], float]) -> None:
        self._detector = detector
        self._now = now
        self.at: list[float] = []
        self.speech: list[float] = []

    def window(self, samples: NDArray[np.int16]) -> float:
        found = self._detector.window(samples)
        self.at.append(self._now() - EPOCH_S)
        self.speech.append(found)
        return found

    def reset(self) -> None:
        self._detector.reset()


class _Recalled:
    """A detector that says again what one has said before."""

    def __init__(self, speech: Sequence[float]) -> None:
        self._rest = iter(speech)

    def window(self, samples: NDArray[np.int16]) -> float:
        return next(self._rest)

    def reset(self) -> None:
        """Changes nothing: what is said again was said with its resets."""


class _Run:
    """One scene on its way. It is also the call's `Listener`: the application's side."""

    def __init__(self, scene: Scene, setup: Setup, speech: Sequence[float] | None) -> None:
        self._scene = scene
        self._media = VirtualMedia()
        self._loop = self._media.loop
        self._source = VirtualSource(RATE_HZ, scene.length_s)
        self._timeline = tl.Timeline(now=self._loop.time)
        self._detector = _Watched(
            _Recalled(speech) if speech is not None else setup.detector(), self._loop.time
        )
        options = setup.options
        self._call = MediaCall(
            media=cast(MediaThread, self._media),
            options=options,
            controller=InterruptionController(
                options,
                arbiter=setup.arbiter(options) if setup.arbiter else arbiter_for(options, setup.judges),
                endpointer=setup.endpointer(options)
                if setup.endpointer
                else endpointer_for(options, estimated=setup.turn_end is not None),
                strict=True,
            ),
            detector=self._detector,
            source=self._source,
            listener=self,
            timeline=self._timeline,
            asker=VirtualAsker(setup.judges, setup.turn_end, self._loop, setup.takes_s),
            language=setup.language,
        )

    def run(self, evidence: bool) -> Replayed:
        heard: list[tuple[float, Evidence]] = []
        count = -(-len(self._scene.caller) // _FRAME)
        microphone = np.zeros(count * _FRAME, dtype=np.int16)
        microphone[: len(self._scene.caller)] = self._scene.caller
        echo = _EchoPath(self._scene.echo) if self._scene.echo is not None else None
        for number, reply in enumerate(self._scene.replies):
            self._loop.call_at(EPOCH_S + reply.at_s, self._reply, f"reply {number + 1}", reply)
        self._call.start()
        for number in range(count):
            self._loop.advance_to(EPOCH_S + (number + 1) * FRAME_S)
            frame = microphone[number * _FRAME : (number + 1) * _FRAME]
            if echo is not None:
                echo.add(frame, self._source, number * _FRAME)
            self._call.ingress.audio(frame)
            if evidence and (found := self._call.evidence()).on:
                heard.append((self._loop.time() - EPOCH_S, found))
        self._call.close()
        return Replayed(
            scene=self._scene,
            events=tuple(_from_beginning(e) for e in self._timeline if not isinstance(e, tl.Clock)),
            window_at_s=np.array(self._detector.at),
            speech=np.array(self._detector.speech),
            heard=self._source.heard(0, count * _FRAME)[: len(self._scene.caller)],
            microphone=microphone[: len(self._scene.caller)],
            evidence=tuple(heard),
        )

    def _reply(self, reply_id: str, reply: Reply) -> None:
        self._call.reply_requested(reply_id, True)
        self._call.reply_audio(reply_id, True, reply.audio)
        self._call.reply_complete(reply_id)

    # The application's side.

    def turn_audio(self, samples: Samples) -> None:
        """The model hears nothing here."""

    def turn_committed(self, speech_ended_at: float) -> None:
        """Replies come when the scene says."""

    def turn_discarded(self) -> None:
        """There is no model that held any."""

    def floor_yielded(self, reply_id: str, heard: int) -> None:
        """The model confirms after a moment."""
        self._loop.call_later(CANCEL_S, self._call.reply_over, reply_id, True)

    def speech(self, speaking: bool, at: float) -> None:
        """The timeline has it."""

    def playout_started(self, reply_id: str, at: float) -> None:
        """The timeline has it."""

    def playout_ended(self, reply_id: str, heard: int) -> None:
        """The application is through with the reply as soon as it knows."""
        self._loop.call_later(0.0, self._call.reply_over, reply_id, False)


class _EchoPath:
    """The agent's voice on its way from the ear to the microphone, frame by frame."""

    def __init__(self, echo: Echo) -> None:
        response = echo.response()
        self._history = len(response) - 1
        self._delay = round(echo.delay_s * RATE_HZ)
        size = 1 << (self._history + _FRAME - 1).bit_length()
        self._size = size
        self._transfer = np.fft.rfft(response, size)

    def add(self, frame: Samples, source: VirtualSource, first: int) -> None:
        """Adds to a frame what gets there of what was played.

        Args:
            frame: Changed in place.
            source: What the ear heard.
            first: Position of the frame's first sample.
        """
        stop = first + _FRAME - self._delay
        played = source.heard(stop - _FRAME - self._history, stop)
        if not played.any():
            return
        spectrum = np.fft.rfft(played.astype(np.float32), self._size) * self._transfer
        echo = np.fft.irfft(spectrum, self._size)[self._history : self._history + _FRAME]
        frame[:] = np.clip(np.rint(frame + echo), -32768, 32767).astype(np.int16)


_TIMES: Final = frozenset({"at", "began_at", "ended_at", "speech_ended_at"})  # fields on the events' clock


def _from_beginning(event: tl.Event) -> tl.Event:
    """The event with its times counted from the scene's beginning."""
    changed: dict[str, Any] = {
        spec.name: getattr(event, spec.name) - EPOCH_S for spec in fields(event) if spec.name in _TIMES
    }
    return replace(event, **changed)
