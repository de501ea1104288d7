"""A real sshd on loopback, which an ordinary user can run."""

import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest

from larq_el.benchmark.comparison import compare, parse_target
from larq_el.benchmark.devices.ssh import SshTarget
from larq_el.benchmark.devices.target import DeviceError
from larq_el.benchmark.devices.workspace import workspace
from larq_el.benchmark.result import Settings
from larq_el.benchmark.tools.failures import ToolError
from larq_el.benchmark.tools.tool import run_tool, tool_ready
from larq_el.errors import UserError

TRANSCRIPTS = Path(__file__).parent / "transcripts"
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
needs_sshd = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh-keygen") is None, reason="sshd is not installed (Debian: openssh-server)"
)
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
SetEnv PIP_NO_INDEX=1 PIP_FIND_LINKS={folder}/wheels
"""


class Server:
    """Where the server listens, and files for its clients."""

    def __init__(self, folder, user, port):
        self.folder, self.user, self.port = folder, user, port
        self.url = f"ssh://{user.pw_name}@127.0.0.1:{port}"
        self.device = folder / "device"

    def config(self, *, key="client", known="known"):
        """A client's configuration file."""
        path = self.folder / f"config-{key}-{known}"
        path.write_text(
            f"IdentityFile {self.folder}/{key}\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"UserKnownHostsFile {self.folder}/{known}\nGlobalKnownHostsFile /dev/null\n"
        )
        path.chmod(0o600)
        return str(path)

    def target(self, **files):
        return SshTarget(self.url, self.config(**files))

    def settings(self, tool, **more):
        given = {"tool": tool, "folder": str(self.device), "ssh_config": self.config(), "runs": 2, "warmup": 0}
        return Settings(**(given | more))

    def leftovers(self):
        return sorted(path.name for path in self.device.iterdir())


def ordinary_user():
    """Who runs the server: root finds somebody else where there is one."""
    me = pwd.getpwuid(os.getuid())
    shells = ("/bin/bash", "/bin/sh", "/bin/zsh")
    others = [user for user in pwd.getpwall() if user.pw_uid >= 1000 and user.pw_shell in shells]
    return others[0] if me.pw_uid == 0 and others else me


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server():
    # not pytest's own folder: that is closed to other users
    folder = Path(tempfile.mkdtemp(prefix="larq-el-sshd-"))
    folder.chmod(0o755)
    user, port = ordinary_user(), free_port()
    for key in ("host", "client", "stranger", "small_disk"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    keys = {key: (folder / f"{key}.pub").read_text() for key in ("host", "client", "stranger", "small_disk")}
    limited = 'restrict,command="ulimit -f 4; eval \\"$SSH_ORIGINAL_COMMAND\\"" '
    (folder / "authorized").write_text(keys["client"] + limited + keys["small_disk"])
    (folder / "known").write_text(f"[127.0.0.1]:{port} {keys['host']}")
    (folder / "changed").write_text(f"[127.0.0.1]:{port} {keys['stranger']}")
    (folder / "empty").write_text("")
    (folder / "sshd_config").write_text(CONFIG.format(port=port, folder=folder))
    (folder / "device").mkdir()
    (folder / "wheels").mkdir()
    other = {} if user.pw_uid == os.getuid() else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    if other:
        for path in ("host", "device"):
            os.chown(folder / path, user.pw_uid, user.pw_gid)
    elif user.pw_uid == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-f", folder / "sshd_config", "-D", "-e"], stderr=log, cwd=folder, **other)
        try:
            wait_for(lambda: process.poll() is not None or listens(port))
            if process.poll() is not None:
                pytest.skip(f"sshd does not start here: {(folder / 'log').read_text().strip()}")
            yield Server(folder, user, port)
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(folder)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition, seconds=20):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it took too long"
        time.sleep(0.05)


@pytest.fixture
def tool(tmp_path):
    """A stand-in for the benchmark tool that prints a transcript, or does what it is told."""

    def make(script="", transcript="profile"):
        path = tmp_path / "lce_benchmark_model"
        text = (TRANSCRIPTS / f"{transcript}.txt").read_text().split("--- stdout\n")[1].split("--- stderr")[0]
        path.write_text(f"#!/bin/sh\n{script}\ncat <<'END'\n{text}\nEND\n")
        return path

    return make


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from larq_el._keras import keras
    from larq_el.convert import convert

    path = tmp_path_factory.mktemp("model") / "it's a model.tflite"
    image = keras.Input((8, 8, 3))
    convert(keras.Model(image, keras.layers.Conv2D(4, 3)(image))).save(path)
    return path


@needs_sshd
def test_a_model_is_measured_and_nothing_is_left(server, tool, model):
    (result,), failures = compare([model], [server.url], server.settings(tool(), threads=2))
    assert failures == []
    assert (result.target, result.runtime, result.runs) == (server.url, "lce_benchmark_model", 20)
    assert (result.mean_ms, result.std_ms, result.median_ms) == (1.52535, 0.054, None)
    assert result.split["binary"] == pytest.approx(0.48)
    assert result.device.machine == os.uname().machine
    assert server.leftovers() == []


@needs_sshd
def test_the_tool_gets_its_arguments_as_they_are(server, tool, model):
    script = f'printf "%s\\n" "$@" > {server.folder}/device/arguments; id -un >> {server.folder}/device/arguments'
    hostile = "--benchmark_name=$(touch /tmp/x) `id` 'a b'; exit"
    settings = server.settings(tool(script, "plain"), tool_arguments=(hostile,), profile=False, threads=3, cpus="1")
    _, failures = compare([model], [server.url], settings)
    assert failures == []
    graph, *rest, user = (server.device / "arguments").read_text().splitlines()
    (server.device / "arguments").unlink()
    assert graph.startswith(f"--graph={server.device}/larq-el.")
    assert rest == [
        "--num_runs=2",
        "--warmup_runs=0",
        "--min_secs=0",
        "--warmup_min_secs=0",
        "--num_threads=3",
        hostile,
    ]
    assert user == server.user.pw_name


@needs_sshd
@pytest.mark.parametrize("status", [1, 7, 255])
def test_the_tools_exit_status_is_not_the_connections(server, tool, status):
    with workspace(server.target(), str(server.device)) as space:
        ready = tool_ready(space, "", tool(f"exit {status}"), None)
        with pytest.raises(ToolError, match=f"failed with exit status {status}: it gave no reason"):
            run_tool(space, ready, "model.tflite", runs=1, warmup=0, threads=1)
    assert server.leftovers() == []


@needs_sshd
def test_a_crash_is_a_crash(server, tool, model):
    _, (failure,) = compare([model], [server.url], server.settings(tool("kill -SEGV $$")))
    assert "the tool crashed with exit status 139: a segmentation fault" in failure
    assert server.leftovers() == []


@needs_sshd
@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"known": "empty"}, r"its host key is not known; connect once by hand with `ssh -F .* -p \d+ .*@127.0.0.1`"),
        ({"known": "changed"}, r"its host key is not the one that is known; .*ssh-keygen -R '\[127.0.0.1\]:\d+'"),
        ({"key": "stranger"}, "it accepts none of your keys; install one with `ssh-copy-id"),
    ],
)
def test_a_server_or_a_client_that_is_not_trusted(server, files, message):
    with pytest.raises(DeviceError, match=message), workspace(server.target(**files), str(server.device)):
        pass
    assert server.leftovers() == []


@pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")
def test_nobody_listens():
    port = free_port()
    with (
        pytest.raises(DeviceError, match="it cannot be reached .*(refused|not known)"),
        workspace(SshTarget(f"ssh://127.0.0.1:{port}", "/dev/null")),
    ):
        pass


@needs_sshd
def test_a_dropped_connection_leaves_nothing(server, tool, model):
    note = server.folder / "device" / "process"
    # the first sshd among its ancestors serves this connection; then the tool runs on alone
    drop = (
        f'echo $$ > {note}; p=$$; while ! grep -q "^sshd" /proc/$p/comm; do '
        "read -r a b c p rest < /proc/$p/stat; done; kill -9 $p; sleep 60"
    )
    _, (failure,) = compare([model], [server.url], server.settings(tool(drop)))
    assert "the connection was lost" in failure
    process = int(note.read_text())
    note.unlink()
    wait_for(lambda: not Path(f"/proc/{process}").exists())
    assert server.leftovers() == []


@needs_sshd
def test_a_full_disk_is_named(server, tool, model):
    settings = server.settings(tool("#" + 8000 * "x"), ssh_config=server.config(key="small_disk"))
    _, (failure,) = compare([model], [server.url], settings)
    assert "cannot copy" in failure
    assert "make room there, or name another folder with --device-folder" in failure
    assert server.leftovers() == []


@needs_sshd
def test_a_folder_that_cannot_be_made(server):
    with (
        pytest.raises(DeviceError, match="cannot make a folder on .*No such file.*--device-folder"),
        workspace(server.target(), "/none/such"),
    ):
        pass


@needs_sshd
def test_a_folder_that_cannot_be_removed_is_told(server):
    def measure():
        with workspace(server.target(), str(server.device)) as space:
            # as if the key were taken away in the meantime
            space.target = server.target(key="stranger")
            raise UserError("the tool failed.")

    with pytest.raises(
        DeviceError, match="the tool failed; besides, '.*larq-el.*' is still on ssh://.*remove it by hand"
    ):
        measure()
    (left,) = server.leftovers()
    (server.device / left).rmdir()


@needs_sshd
def test_a_device_without_a_tool(server, model):
    _, (failure,) = compare([model], [server.url], server.settings(None))
    assert "has no benchmark tool; name a file of this machine with --tool PATH" in failure
    assert "https://github.com/larq/compute-engine" in failure
    assert server.leftovers() == []


@needs_sshd
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_nothing(server, tool, model, number):
    started = server.folder / "device" / "started"
    path = tool(f"echo $$ > {started}.new; mv {started}.new {started}; sleep 60")
    command = [sys.executable, "-m", "larq_el.cli", "benchmark", str(model), "--on", server.url, "--tool", str(path)]
    command += ["--device-folder", str(server.device), "--ssh-config", server.config()]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(started.exists, 60)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.endswith("Error: interrupted.\n")
    running = int(started.read_text())
    started.unlink()
    wait_for(lambda: not Path(f"/proc/{running}").exists())
    assert server.leftovers() == []


def make_wheel(folder, name, files):
    """A wheel of some files; one of this interpreter's packages stands in for what an index would give."""
    package, version = name.split("-")[:2]
    about = f"{package}-{version}.dist-info"
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return folder / name


@pytest.fixture
def wheels(server, tmp_path):
    """A wheel of larq_el, and on the server's index what it needs."""
    import numpy

    import larq_el

    site = Path(numpy.__file__).parents[1]
    make_wheel(server.folder / "wheels", "numpy-1.26.4-py3-none-any.whl", {"site.pth": f"{site}\n"})
    make_wheel(server.folder / "wheels", "ai_edge_litert-2.0-py3-none-any.whl", {"_none.py": ""})
    package = Path(larq_el.__file__).parent
    can = server.target().run(f"PYTHONPATH={site} python3 -c 'import numpy, ai_edge_litert'").status == 0
    if not can or not (package / "runtime/lib/liblarq_el_delegate.so").is_file():
        pytest.skip("the server's user needs this version of Python and its packages, and the delegate must be built")
    names = [
        "__init__.py",
        "_version.py",
        "errors.py",
        *(f"runtime/{path.name}" for path in package.glob("runtime/*.py")),
    ]
    names.append("runtime/lib/liblarq_el_delegate.so")
    files = {f"larq_el/{name}": (package / name).read_bytes() for name in names}
    return make_wheel(tmp_path, "larq_el-0.1-py3-none-any.whl", files)


@needs_sshd
def test_a_wheel_measures_where_there_is_no_tool(server, wheels, model):
    settings = server.settings(None, wheel=wheels, runs=5, warmup=1)
    results, failures = compare([model], [server.url], settings)
    if failures and "virtual environments" in failures[0]:
        pytest.skip(failures[0])
    assert failures == []
    (result,) = results
    assert (result.runtime.split(" (")[0], result.runs) == ("larq_el.runtime", 5)
    assert 0 < result.min_ms <= result.low_ms <= result.median_ms <= result.high_ms <= result.max_ms
    assert server.leftovers() == []


@needs_sshd
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("larq_el-0.1-py3-none-win_amd64.whl", b"", "the wheel is not for the processor or the Python of ssh://"),
        ("larq_el-0.1-py3-none-any.whl", b"no zip file", "cannot install 'larq_el-0.1-py3-none-any.whl': "),
        (
            "other-0.1-py3-none-any.whl",
            b"",
            "'other-0.1-py3-none-any.whl', which --wheel names, is no wheel of larq_el",
        ),
        (None, b"", "there is no file .*, which --wheel names"),
    ],
)
def test_wheels_that_do_not_fit(server, tmp_path, model, name, content, message):
    wheel = tmp_path / (name or "none.whl")
    if name:
        wheel.write_bytes(content)
    _, (failure,) = compare([model], [server.url], server.settings(None, wheel=wheel))
    with pytest.raises(UserError, match=message):
        raise UserError(failure)
    assert server.leftovers() == []


@pytest.mark.parametrize(
    "url", ["ssh://", "ssh://-oProxyCommand=x", "ssh://u:p@h", "ssh://h/path", "ssh://-u@h", "ssh://h:x", "ssh://a b"]
)
def test_urls_that_are_none(url):
    with pytest.raises(UserError, match="is no target.*; write ssh://user@host:port|, without"):
        parse_target(url)


def test_the_command_is_one_quoted_word():
    argv = SshTarget("ssh://pi@[fe80::1]:2222").command("echo 'a b'")
    assert argv[0] == "ssh"
    assert argv[-3:] == ["--", "pi@fe80::1", "sh -c " + shlex.quote("echo 'a b'")]
    assert argv[argv.index("-p") + 1] == "2222"
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10"} <= set(argv)
