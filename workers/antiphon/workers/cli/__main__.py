"""``python -m antiphon.workers.cli``: the ``agent`` command, where it is not on PATH."""

from antiphon.workers.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
