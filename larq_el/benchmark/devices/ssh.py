"""A device behind ssh, by way of the system's own client: its keys, agents, aliases and jump hosts all work.

Files go through a remote `cat`: small devices have no sftp server.
"""

import re
import shlex
from urllib.parse import urlsplit

from larq_el.benchmark.devices.target import Target
from larq_el.errors import UserError

_OPTIONS = {
    "BatchMode": "yes",  # never ask
    "ConnectTimeout": "10",
    "StrictHostKeyChecking": "yes",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "4",
    "LogLevel": "ERROR",
}
_NAME = r"[A-Za-z0-9_][\w.-]*"


class SshTarget(Target):
    """A machine behind ssh.

    # Arguments
        url: `ssh://[user@]host[:port]`.
        config: a file to use in place of the user's `~/.ssh/config`; None for that.

    # Raises
        ValueError: where the URL is none.
    """

    folder = "/tmp"

    def __init__(self, url: str, config: str | None = None) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise UserError(f"{url!r} is no target ({error}); write ssh://user@host:port.") from error
        host, user = parts.hostname or "", parts.username
        # what starts with a dash would be an option of ssh's
        valid = re.fullmatch(rf"{_NAME}|[0-9a-fA-F:]+(%\w+)?", host) and (user is None or re.fullmatch(_NAME, user))
        if not valid or parts.path.strip("/") or parts.query or parts.fragment or parts.password is not None:
            raise UserError(f"{url!r} is no target; write ssh://user@host:port, without a path or a password.")
        self.name = url.rstrip("/")
        self._login = f"{user}@{host}" if user else host
        self._port = [] if port is None else ["-p", str(port)]
        self._known_as = host if port in (None, 22) else f"[{host}]:{port}"
        self._config = [] if config is None else ["-F", config]

    def command(self, script: str) -> list[str]:
        """The remote login shell sees one quoted word, whatever shell it is."""
        options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
        remote = f"sh -c {shlex.quote(script)}"
        return ["ssh", *self._config, *options, *self._port, "-T", "--", self._login, remote]

    def explain(self, status: int, message: str) -> str:
        """What to do about the usual failures; the client's own words for the others."""
        manual = " ".join(["ssh", *self._config, *self._port, self._login])
        if "IDENTIFICATION HAS CHANGED" in message:
            return (
                "its host key is not the one that is known; if the machine was set up anew, forget the old key with "
                f"`ssh-keygen -R '{self._known_as}'`, and accept the new one by hand with `{manual}`"
            )
        if "Host key verification failed" in message or "host key is known" in message:
            return f"its host key is not known; connect once by hand with `{manual}`, compare the key, and accept it"
        if re.search(r"Permission denied \(", message):
            return f"it accepts none of your keys; install one with `{manual.replace('ssh', 'ssh-copy-id', 1)}`"
        lines = [line.strip() for line in message.splitlines() if line.strip()]
        words = lines[-1].rstrip(".") if lines else f"ssh ended with status {status}"
        if status == 255 and re.search(r"resolve|refused|timed out|No route|unreachable", words):
            return f"it cannot be reached ({words})"
        return f"the connection was lost ({words})"
