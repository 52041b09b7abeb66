// A conversation with a model through the official client, told to the test by `window.state`.
import { OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession } from "/bundle/openai-realtime-agents.mjs";

const state = { connected: false, errors: [], events: [], history: [], loudest: 0, loudFrames: 0, quietFrames: 0 };
window.state = state;

/** Measures what the agent's track sounds like, 50 times a second: RMS of full scale. */
function listen(stream) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const rms = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
    state.loudest = Math.max(state.loudest, rms);
    if (rms > 0.01) state.loudFrames += 1;
    else state.quietFrames += 1;
    state.rms = rms;
  }, 20);
}

window.listen = listen;

window.converse = async ({ url, key, instructions }) => {
  const audioElement = document.createElement("audio");
  const transport = new OpenAIRealtimeWebRTC({ baseUrl: url, audioElement });
  const agent = new RealtimeAgent({ name: "Agent", instructions });
  const session = new RealtimeSession(agent, { transport, model: "local" });
  window.session = session;
  session.on("error", (error) => state.errors.push(JSON.stringify(error)));
  session.on("history_updated", (history) => {
    state.history = history.filter((item) => item.type === "message").map((item) => ({
      role: item.role,
      text: item.content.map((part) => part.transcript ?? part.text ?? "").join(" "),
    }));
  });
  session.transport.on("*", (event) => state.events.push(event.type));
  await session.connect({ apiKey: key });
  state.connected = true;
  state.callId = transport.callId;
  listen(audioElement.srcObject);
};
