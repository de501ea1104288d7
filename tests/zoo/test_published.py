"""Published weights: the registry, and the download from a server that may fail in every way."""

import contextlib
import hashlib
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest
import requests
from rich.console import Console

from larq_el import zoo
from larq_el.errors import UserError
from larq_el.zoo import recipes
from larq_el.zoo.backbones import Options
from larq_el.zoo.weights import published
from larq_el.zoo.weights.download import cache_folder, download
from larq_el.zoo.weights.loading import load_weights
from larq_el.zoo.weights.packed import save_weights
from larq_el.zoo.weights.published import PublishedWeights, find_published

CONTENT = bytes(range(256)) * 1000
SMALL = {"input_shape": (32, 32, 3), "width": 0.125, "classes": 10}


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


class Server(ThreadingHTTPServer):
    """Sends `content` from "/file.npz", and fails in another way from each other path."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.requests = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests.append(self.path)
        if self.path == "/missing.npz":
            self.send_error(404)
            return
        if self.path == "/busy.npz":
            self.send_error(503)
            return
        if self.path == "/loop.npz":
            self.send_response(302)
            self.send_header("Location", "/loop.npz")
            self.end_headers()
            return
        self.send_response(200)
        if self.path not in ("/without_length.npz", "/endless.npz"):
            self.send_header("Content-Length", str(len(server.content)))
        self.end_headers()
        if self.path == "/endless.npz":
            with contextlib.suppress(ConnectionError):  # the client hangs up
                while True:
                    self.wfile.write(server.content)
        half = server.content[: len(server.content) // 2]
        self.wfile.write(half if self.path in ("/truncated.npz", "/without_length.npz") else server.content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of the test's own, which does not exist yet."""
    monkeypatch.setenv("LARQ_EL_CACHE", str(tmp_path / "deep" / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    pooch.get_logger().setLevel(logging.WARNING)
    return tmp_path / "deep" / "cache"


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def fetch(url, content=CONTENT):
    return download(url, sha256=_sha256(content), size=len(content), file_name="x.npz")


def test_a_file_is_downloaded_once(server, cache):
    for _ in range(3):
        assert fetch(f"{server.url}/file.npz") == cache / "x.npz"
    assert files(cache) == {"x.npz": CONTENT}
    assert server.requests == ["/file.npz"]


@pytest.mark.parametrize("damage", [CONTENT[:-1], CONTENT[::-1], b""])
def test_a_damaged_file_in_the_cache_is_downloaded_again(server, cache, damage):
    cache.mkdir(parents=True)
    (cache / "x.npz").write_bytes(damage)
    fetch(f"{server.url}/file.npz")
    assert files(cache) == {"x.npz": CONTENT}
    assert server.requests == ["/file.npz"]


def test_a_file_in_the_cache_needs_no_server(cache):
    cache.mkdir(parents=True)
    (cache / "x.npz").write_bytes(CONTENT)
    assert fetch("http://127.0.0.1:1/file.npz") == cache / "x.npz"


def refuses(url, cache, message, content=CONTENT):
    before = files(cache)
    with pytest.raises(UserError, match=message) as caught:
        fetch(url, content)
    assert "\n" not in str(caught.value)
    assert "object at 0x" not in str(caught.value)
    assert caught.value.__cause__ is not None
    assert files(cache) == before


BY_HAND = "; download it by hand and give the path of the file instead.$"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.npz", "/missing.npz' could not be downloaded .the server answered 404 Not Found." + BY_HAND),
        ("busy.npz", "/busy.npz' could not be downloaded .the server answered 503 Service Unavailable." + BY_HAND),
        ("loop.npz", "/loop.npz' could not be downloaded .Exceeded 30 redirects.*" + BY_HAND),
        ("truncated.npz", "/truncated.npz' could not be downloaded .the connection broke off." + BY_HAND),
        ("without_length.npz", "/without_length.npz' sent is not the published file, whose SHA-256 is [0-9a-f]{64}"),
    ],
)
def test_a_download_that_fails_leaves_nothing(server, cache, path, message):
    refuses(f"{server.url}/{path}", cache, message)
    # and what is in the way of it is no better
    (cache / "x.npz").write_bytes(b"damaged")
    refuses(f"{server.url}/{path}", cache, message)


def test_another_content_is_refused(server, cache):
    server.content = b"<html>log in first</html>"
    refuses(f"{server.url}/file.npz", cache, f"/file.npz' sent is not the .* is {_sha256(CONTENT)}; try again, or down")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x.npz", "http://no-such-host.invalid/x.npz"])
def test_without_a_server_the_file_is_to_be_downloaded_by_hand(cache, url):
    refuses(url, cache, re.escape(f"{url!r} could not be downloaded (there is no connection to the server)") + BY_HAND)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (requests.ConnectTimeout("HTTPConnectionPool"), "the server does not answer"),
        (requests.ReadTimeout("HTTPConnectionPool"), "the server does not answer"),
        (requests.exceptions.SSLError("certificate has expired"), "certificate has expired"),
        (requests.exceptions.ProxyError("no route to proxy"), "no route to proxy"),
        (requests.exceptions.MissingSchema("no scheme\nat all"), "no scheme"),
    ],
)
def test_the_reason_is_told_in_words(cache, monkeypatch, error, reason):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(requests, "get", fail)
    refuses("http://127.0.0.1:1/x.npz", cache, f"could not be downloaded .{reason}." + BY_HAND)


def test_an_interrupted_download_leaves_nothing_that_is_taken_for_whole(server, cache, monkeypatch):
    class Killed(BaseException):
        pass

    def half(response, chunk_size):
        yield CONTENT[:1000]
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(requests.Response, "iter_content", half)
        with pytest.raises(Killed):
            fetch(f"{server.url}/file.npz")
    assert files(cache) == {}
    fetch(f"{server.url}/file.npz")
    assert files(cache) == {"x.npz": CONTENT}


def test_what_a_killed_process_left_is_not_in_the_way(server, cache):
    cache.mkdir(parents=True)
    (cache / "tmpabcdef").write_bytes(CONTENT[:1000])
    fetch(f"{server.url}/file.npz")
    assert files(cache) == {"x.npz": CONTENT, "tmpabcdef": CONTENT[:1000]}


def test_downloads_at_the_same_time_leave_one_whole_file(server, cache):
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: fetch(f"{server.url}/file.npz").read_bytes(), range(8)))
    assert paths == [CONTENT] * 8
    assert files(cache) == {"x.npz": CONTENT}


def test_a_cache_folder_that_cannot_be_made_is_told(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LARQ_EL_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(
        UserError, match="cannot be stored in '.*file/cache' .* set the environment variable LARQ_EL_CAC"
    ):
        fetch(f"{server.url}/file.npz")


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_alone(server, capsys, monkeypatch, terminal):
    monkeypatch.setattr(Console, "is_terminal", terminal)
    fetch(f"{server.url}/file.npz")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("256.0/256.0 kB" in captured.err) is terminal


def test_an_endless_file_is_not_read_to_its_end(server, cache):
    refuses(f"{server.url}/endless.npz", cache, "/endless.npz' sent is not the published file")


def test_the_cache_folder_is_the_users_without_the_variable(monkeypatch, tmp_path):
    monkeypatch.delenv("LARQ_EL_CACHE")
    assert cache_folder() == Path(pooch.os_cache("larq_el"))
    monkeypatch.setenv("LARQ_EL_CACHE", "~/weights")
    assert cache_folder() == Path.home() / "weights"


@pytest.fixture
def publish(server, tmp_path, monkeypatch):
    """Publishes the weights of a model on the server; returns the model."""

    def publish(name="el_resnet26", suffix="npz", **changes):
        model = zoo.create_model(name, **SMALL)
        path = tmp_path / f"published.{suffix}"
        if suffix == "npz":
            save_weights(model, path)
        else:
            model.save_weights(path)
        server.content = path.read_bytes()
        entry = {
            **{"model": name, "name": "imagenet", "url": f"{server.url}/file.{suffix}"},
            **{"sha256": _sha256(server.content), "size": len(server.content)},
            **{"input_shape": (32, 32, 3), "classes": 10, "preprocessing": "larq_el.zoo.preprocess_input"},
            **{"top1": 1.0, "dataset": "none", "recipe": "elastic_link", "licence": "Apache-2.0"},
            "options": Options(width=0.125),
        }
        monkeypatch.setattr(published, "PUBLISHED", (PublishedWeights(**entry | changes),))
        return model

    return publish


def _images():
    return np.random.default_rng(0).normal(scale=60, size=(2, 32, 32, 3)).astype(np.float32)


@pytest.mark.parametrize("suffix", ["npz", "h5", "keras"])
def test_published_weights_are_loaded_by_their_name(publish, server, cache, suffix):
    model = publish(suffix=suffix)
    for _ in range(2):
        other = zoo.create_model("el_resnet26", weights="imagenet", **SMALL)
        np.testing.assert_array_equal(other(_images()), model(_images()))
    assert server.requests == [f"/file.{suffix}"]
    assert list(files(cache)) == [f"el_resnet26-imagenet-{_sha256(server.content)[:8]}.{suffix}"]


def test_another_set_is_found_by_its_own_name(publish):
    model = publish()
    entry = published.PUBLISHED[0]
    assert find_published("el_resnet26", "imagenet") is entry
    assert find_published("el_resnet26", "other") is None
    assert find_published("el_resnet18", "imagenet") is None
    other = zoo.create_model("el_resnet26", name="mine", **SMALL)
    load_weights(other, "imagenet", model_name="el_resnet26", options=Options(width=0.125))
    np.testing.assert_array_equal(other(_images()), model(_images()))


def test_the_features_of_published_weights_are_loaded_without_the_top(publish):
    publish()
    features = zoo.create_model("el_resnet26", weights="imagenet", include_top=False, **SMALL | {"classes": 7})
    assert features.output_shape == (None, 4, 4, 256)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 7}, "are of 10 classes, and the model has 7; give classes=10, or include_top=False and a class"),
        (
            {"input_shape": (32, 32, 1)},
            r"for images of 3 channels, and the model's have 1; give input_shape=.32, 32, 3",
        ),
        (
            {"input_shape": (96, 96, 3)},
            r"are for images of \(32, 32, 3\), and the model's are of \(96, 96, 3\), for which it is built with",
        ),
    ],
)
def test_published_weights_that_do_not_fit_are_refused_before_the_download(publish, server, arguments, message):
    publish()
    with pytest.raises(UserError, match=f"^weights 'imagenet' of 'el_resnet26' {message}|{message}"):
        zoo.create_model("el_resnet26", weights="imagenet", **SMALL | arguments)
    assert server.requests == []


def test_published_weights_of_other_options_are_refused(publish, server):
    publish()
    model = zoo.create_model("el_resnet26", **SMALL)
    options = Options(width=0.125, stride_on="spatial", pad_values=1)
    with pytest.raises(
        UserError,
        match="are for stride_on='reduce', pad_values=0.0, and the model was built with stride_on='spatial', "
        "pad_values=1; give stride_on='reduce', pad_values=0.0.",
    ):
        load_weights(model, "imagenet", options=options)
    assert server.requests == []


def test_published_weights_of_another_width_are_refused(publish):
    publish()
    with pytest.raises(UserError, match="width=0.125|does not hold the weights of 'el_resnet26': '.*' is .* of shape"):
        zoo.create_model("el_resnet26", weights="imagenet", **SMALL | {"width": 0.25})


def test_published_weights_with_another_hash_are_refused(publish, server, cache):
    publish(sha256="0" * 64)
    with pytest.raises(UserError, match="sent is not the published file, whose SHA-256 is 0{64}; try again, or"):
        zoo.create_model("el_resnet26", weights="imagenet", **SMALL)
    assert files(cache) == {}


def test_every_entry_of_the_registry_is_complete():
    for entry in published.PUBLISHED:
        assert entry.model in zoo.list_models()
        assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
        assert entry.url.startswith("https://")
        assert entry.url.endswith((".npz", ".h5", ".keras"))
        assert entry.recipe in recipes.RECIPES or entry.recipe.startswith("https://")
        assert entry.size > 0
        assert 0 < entry.top1 < 100


def test_no_two_entries_of_the_registry_have_the_same_name():
    names = [(entry.model, entry.name) for entry in published.PUBLISHED]
    assert len(names) == len(set(names))
