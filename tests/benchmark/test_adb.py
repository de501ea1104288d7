"""The real adb client against a real adbd on loopback, and a stand-in of the client for what that cannot show.

Debian 13 has `adbd`; elsewhere LARQ_EL_ADBD may hold the words that start one.
"""

import os
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from larq_el.benchmark.comparison import compare, parse_target
from larq_el.benchmark.devices.adb import AdbTarget
from larq_el.benchmark.devices.target import DeviceError
from larq_el.benchmark.devices.workspace import workspace
from larq_el.benchmark.result import Settings
from larq_el.errors import UserError

HERE = Path(__file__).parent
ADBD = shlex.split(os.environ.get("LARQ_EL_ADBD", "")) or ([found] if (found := shutil.which("adbd")) else [])
needs_adbd = pytest.mark.skipif(
    not ADBD or shutil.which("adb") is None or shutil.which("cc") is None,
    reason="adb, adbd (Debian 13: adb, adbd; or LARQ_EL_ADBD) and a C compiler are needed",
)
TOOL = "#!/bin/sh\n{script}\ncat <<'END'\n{text}\nEND\n"


def free_port(low=15000):
    """Not among 5555 to 5585, where every adb server looks for emulators."""
    start = low + os.getpid() % 400  # other workers look at the same time
    for port in range(start, start + 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no free port")


def listening_addresses(port):
    """The addresses, in hexadecimal, on which somebody listens."""
    rows = [row.split() for file in ("tcp", "tcp6") for row in Path(f"/proc/net/{file}").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    """The target, and the folder to work in."""
    folder = tmp_path_factory.mktemp("adb")
    shim = folder / "loopback.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, HERE / "adbd_loopback.c", "-ldl"], check=True)
    port, server = free_port(), free_port(16000)
    patch = pytest.MonkeyPatch()
    # a server of our own: the user's, with their devices, is left alone
    patch.setenv("ANDROID_ADB_SERVER_PORT", str(server))
    patch.setenv("ADB_VENDOR_KEYS", str(folder))
    environment = {**os.environ, "ADBD_PORT": str(port), "LD_PRELOAD": str(shim)}
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(ADBD, env=environment, stdout=log, stderr=log, cwd=folder)
        try:
            limit = time.monotonic() + 20
            while daemon.poll() is None and not listening_addresses(port) and time.monotonic() < limit:
                time.sleep(0.05)
            loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
            if not listening_addresses(port) or not listening_addresses(port) <= loopback:
                pytest.skip(f"adbd does not start on loopback alone: {(folder / 'log').read_text()[-300:]}")
            subprocess.run(["adb", "start-server"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            subprocess.run(["adb", "connect", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, check=True)
            (folder / "device").mkdir()
            yield f"adb:127.0.0.1:{port}", folder / "device"
        finally:
            subprocess.run(["adb", "kill-server"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            daemon.terminate()
            daemon.wait()
            patch.undo()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from larq_el._keras import keras
    from larq_el.convert import convert

    path = tmp_path_factory.mktemp("model") / "a model.tflite"
    image = keras.Input((8, 8, 3))
    convert(keras.Model(image, keras.layers.Conv2D(4, 3)(image))).save(path)
    return path


@pytest.fixture
def settings(tmp_path):
    """Settings with a stand-in tool."""

    def make(folder, script="", transcript="profile"):
        text = (HERE / f"transcripts/{transcript}.txt").read_text().split("--- stdout\n")[1].split("--- stderr")[0]
        (tmp_path / "benchmark_model").write_text(TOOL.format(script=script, text=text))
        return Settings(tool=tmp_path / "benchmark_model", folder=str(folder), runs=2)

    return make


@needs_adbd
def test_a_model_is_measured_and_nothing_is_left(device, settings, model):
    target, folder = device
    (result,), failures = compare([model], [target], settings(folder))
    assert failures == []
    assert (result.target, result.runtime, result.mean_ms) == (target, "benchmark_model", 1.52535)
    assert result.split["binary"] == pytest.approx(0.48)
    assert list(folder.iterdir()) == []


@needs_adbd
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 7", "the tool failed with exit status 7: it gave no reason"),
        ("echo 'ERROR: no luck.' >&2; exit 255", "the tool failed with exit status 255: no luck"),
        ("kill -SEGV $$", "the tool crashed with exit status 139: a segmentation fault"),
    ],
)
def test_failures_of_the_tool(device, settings, model, script, message):
    target, folder = device
    _, (failure,) = compare([model], [target], settings(folder, script))
    assert message in failure
    assert list(folder.iterdir()) == []


@needs_adbd
def test_bytes_arrive_as_they_are(device, tmp_path):
    target, folder = device
    (tmp_path / "bytes").write_bytes(bytes(range(256)) * 3 + b"\r\n\n")
    with workspace(parse_target(target), str(folder)) as space:
        pushed = Path(space.push(tmp_path / "bytes", "bytes"))
        assert pushed.read_bytes() == (tmp_path / "bytes").read_bytes()


@needs_adbd
def test_a_device_that_is_not_there(device):
    with (
        pytest.raises(DeviceError, match="adb:nobody: it is not there; switch on USB debugging"),
        workspace(AdbTarget("nobody")),
    ):
        pass


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A stand-in for the adb client."""

    def make(script):
        path = tmp_path / "bin" / "adb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")

    return make


def test_old_devices_pass_on_no_status_and_a_terminals_line_ends(client):
    # as before Android 7: everything on standard output, always status 0
    client('[ "$1" = shell ] && sh -c "$2" 2>&1 | sed "s/$/\\r/"; exit 0')
    done = AdbTarget().run("echo out; echo err >&2; exit 3")
    assert (done.status, done.stdout, done.stderr) == (3, "out\nerr\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("error: device unauthorized.", "it does not trust this computer yet; unlock it"),
        ("error: more than one device/emulator", "several devices are there; name one as adb:SERIAL"),
        ("error: no devices/emulators found", "it is not there; switch on USB debugging"),
        ("error: device offline", "it is offline; unplug it"),
        ("error: closed", r"the connection was lost \(error: closed\)"),
    ],
)
def test_failures_of_the_connection(client, words, message):
    client(f"echo '{words}' >&2; exit 1")
    with pytest.raises(DeviceError, match=f"^adb: {message}"):
        AdbTarget().run("true")


def test_a_connection_that_ends_without_a_word(client):
    client("exit 0")
    with pytest.raises(DeviceError, match=r"the connection was lost \(adb ended with status 0\)"):
        AdbTarget().run("true")


def test_a_device_that_does_not_answer(client):
    client("sleep 5")
    with pytest.raises(DeviceError, match="adb gave no answer in 0 seconds"):
        AdbTarget().run("true", timeout=0.2)
    with pytest.raises(DeviceError, match="adb did not take '.*' in 0 seconds"):
        AdbTarget().push(Path(__file__), "/x", timeout=0.2)


def test_a_full_device(client):
    client("echo 'adb: error: failed to copy: No space left on device' >&2; exit 1")
    with pytest.raises(DeviceError, match="on adb: adb: error: failed to copy: No space left on device; make room"):
        AdbTarget().push(Path(__file__), "/data/local/tmp/x")


def test_a_file_that_arrives_in_part(client):
    client('[ "$1" = push ] || sh -c "echo 5; ${2##*)}"')
    with pytest.raises(DeviceError, match="5 of its bytes arrived; make room"):
        AdbTarget().push(Path(__file__), "/data/local/tmp/x")


def test_no_client(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match="there is no program 'adb' on this machine; adb:x needs it"):
        AdbTarget("x").run("true")
    with pytest.raises(DeviceError, match="there is no program 'adb' on this machine"):
        AdbTarget("x").push(Path(__file__), "/x")


def test_a_serial_number_that_is_none():
    with pytest.raises(UserError, match="'-H' is no serial number of a device; `adb devices` lists them"):
        parse_target("adb:-H")
