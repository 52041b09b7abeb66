"""What steers a call from outside while it is on: push-to-talk and live changes.

`key` is the push-to-talk key, `changes` changes instructions, tools, voice and turn taking, `refusals`
hears what the model says to that, `requests` reads what a page asks for, `room` takes it from the linked
participant and nobody else, and `session` is all of it as methods of the session.
"""

from antiphon.agents.control.key import KeyResult, TalkKey
from antiphon.agents.control.requests import ALLOWED_TO_CHANGE, DEFAULT_REMOTE

__all__ = ["ALLOWED_TO_CHANGE", "DEFAULT_REMOTE", "KeyResult", "TalkKey"]
