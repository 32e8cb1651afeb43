"""The real console in processes of its own, for the browser to meet: `paydesk up` on free ports and an empty folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

READY, PATIENCE_S = "Stop: Ctrl-C", 120
STOPS_WITHIN_S = 5.0


class Console:
    """`up` and `down` may be called again and again: the folder and the port stay, so all that was done is still there."""

    def __init__(self, data_dir: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url, self.data_dir = f"http://127.0.0.1:{port}", data_dir
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PAYDESK_")}
        self._environment |= {"PAYDESK_DATA_DIR": str(data_dir), "PAYDESK_PORT": str(port)}
        self._process: subprocess.Popen[str] | None = None

    def up(self) -> None:
        """Returns when the console says that it is ready."""
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "up"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        too_late = threading.Timer(PATIENCE_S, process.kill)
        too_late.start()
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith(READY):
                break
        else:
            raise AssertionError(f"the console did not start within {PATIENCE_S} s:\n{''.join(said)}")
        too_late.cancel()
        threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would stop it

    def down(self) -> None:
        """As the person at the terminal or the init system asks for it; it has five seconds."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            assert self._process.wait(STOPS_WITHIN_S) == 0
        finally:
            self._process.kill()
            self._process = None

    def says(self, command: str) -> str:
        """What `paydesk <command>` prints in a second terminal."""
        told = subprocess.run(
            [sys.executable, "-m", "app.cli", command],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return told.stdout + told.stderr

    def rings(self, subject: str, severity: str, said: str) -> None:
        """A room above rings, in a process of its own."""
        code = """if True:
            import sys
            from app import create_app
            from app.alerts import bell
            from app.config import load
            from app.kernel.errors import Text
            from app.runtime.db import transaction
            subject, severity, said = sys.argv[1:]
            with create_app(load()).app_context(), transaction():
                bell.ring("books", subject, severity=bell.Severity(severity), said=Text(said), path="/sending/")
        """
        argv = [sys.executable, "-c", code, subject, severity, said]
        subprocess.run(argv, env=self._environment, check=True, timeout=60)

    def password_of(self, username: str) -> str:
        people = json.loads((self.data_dir / "demo-accounts.json").read_text())
        return next(str(person["password"]) for person in people if person["username"] == username)
