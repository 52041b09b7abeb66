"""The line between a worker and the dispatcher: one WebSocket, kept by the worker."""
