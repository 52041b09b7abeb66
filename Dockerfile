# A worker for an app of yours: docker build -t my-agent . && docker run --env-file .env my-agent
FROM python:3.12-slim AS build
COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/uv
WORKDIR /srv
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY agents agents
COPY plugins plugins
COPY workers workers
ARG EXTRAS=""
RUN uv sync --locked --no-dev --no-editable $EXTRAS

FROM python:3.12-slim
RUN useradd --create-home antiphon
COPY --from=build /srv/.venv /srv/.venv
COPY examples /srv/examples
USER antiphon
WORKDIR /srv
ENV PATH=/srv/.venv/bin:$PATH PYTHONUNBUFFERED=1
# SIGTERM drains; give the container as long as your longest call (docker stop -t 1800).
STOPSIGNAL SIGTERM
ENTRYPOINT ["agent"]
CMD ["start", "examples/receptionist.py"]
