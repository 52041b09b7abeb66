"""The media plane: sound in and out of a call, on a thread and event loop of its own.

One `MediaThread` a process is shared by its calls. Application code runs on other loops; what it does,
even blocking for seconds, costs no audio frame here. The crossing is ``call_soon_threadsafe``, one
direction at a time, and no lock is held across an await.

    thread      the loop
    router      native frames in, by stream
    windows     24 kHz to the detector's windows
    gate        what reaches the model
    playout     what the person hears, and has heard
    source      native frames out
    call        the shell around the controller
    io, room    AgentSession's side, and the LiveKit room's
"""
