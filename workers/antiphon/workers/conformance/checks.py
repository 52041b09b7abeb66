"""The checks as a library: for pytest, or for whoever adapts a model.

    from antiphon.workers.conformance.checks import MODEL_CHECKS, ModelSubject

    @pytest.mark.parametrize("check", MODEL_CHECKS, ids=lambda check: check.name)
    async def test_my_model(check):
        await check.run(ModelSubject(make_my_model))     # raises Failure, or NotApplicable

Three subjects: a `Server` from outside, by its wire; a model, as livekit-agents drives it; an adapter of
this protocol, over a server whose faults are scripted.
"""

from antiphon.workers.conformance.fault_checks import FAULT_CHECKS, AdapterSubject
from antiphon.workers.conformance.model_checks import MODEL_CHECKS
from antiphon.workers.conformance.model_subject import ModelSubject
from antiphon.workers.conformance.result import (
    Check,
    Failure,
    NotApplicable,
    Outcome,
    Result,
    run_checks,
)
from antiphon.workers.conformance.server_replies import REPLY_CHECKS
from antiphon.workers.conformance.server_session import SESSION_CHECKS
from antiphon.workers.conformance.webrtc_checks import WEBRTC_CHECKS
from antiphon.workers.conformance.wire import Server

__all__ = [
    "FAULT_CHECKS",
    "MODEL_CHECKS",
    "SERVER_CHECKS",
    "WEBRTC_CHECKS",
    "AdapterSubject",
    "Check",
    "Failure",
    "ModelSubject",
    "NotApplicable",
    "Outcome",
    "Result",
    "Server",
    "run_checks",
]

SERVER_CHECKS = (*SESSION_CHECKS, *REPLY_CHECKS, *WEBRTC_CHECKS)
"""Of a `Server`."""
