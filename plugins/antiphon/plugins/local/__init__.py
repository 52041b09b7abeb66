"""The offline realtime server: a demonstration model that speaks the OpenAI Realtime protocol."""
