"""Downloads a file once, into a folder of the user's, and never keeps what is not the file."""

import os
from collections.abc import Callable
from pathlib import Path

import pooch  # type: ignore[import-untyped]
import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from larq_el.errors import UserError, first_line

CACHE = "LARQ_EL_CACHE"
"""The environment variable that names the folder of downloaded files."""


TIMEOUT = 30
"""Seconds without a byte of the server's."""

CHUNK = 1 << 16
"""Bytes between two steps of the progress bar."""

_TELLING = (requests.exceptions.ProxyError, requests.exceptions.SSLError)


def cache_folder() -> Path:
    """The folder of downloaded files: of the variable `LARQ_EL_CACHE`, or `larq_el` in the user's cache folder.

    # Returns
        Its path; the folder need not exist.
    """
    return Path(os.environ.get(CACHE) or pooch.os_cache("larq_el")).expanduser()


def download(url: str, *, sha256: str, size: int, file_name: str) -> Path:
    """The path of a file with the given content: the one in the cache folder, or else downloaded into it.

    A file gets its name after its hash has been checked, by renaming; a file in the folder that has another hash is
    downloaded again. Progress is shown on a terminal alone.

    # Arguments
        url: where the file is.
        sha256: of its content, in hexadecimal digits.
        size: of the file in bytes; no more are read.
        file_name: what it is called in the cache folder.

    # Returns
        The path of the file in the cache folder.

    # Raises
        ValueError: where the file cannot be downloaded or stored, or something else was downloaded.
    """
    folder = cache_folder()
    by_hand = "download it by hand and give the path of the file instead"
    try:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", file_name, folder, downloader=_downloader(size)))
    except requests.RequestException as error:
        raise UserError(f"{url!r} could not be downloaded ({_reason(error)}); {by_hand}.") from error
    except ValueError as error:  # of pooch, where the hash is another
        raise UserError(
            f"what {url!r} sent is not the published file, whose SHA-256 is {sha256}; try again, or {by_hand}."
        ) from error
    except OSError as error:
        raise UserError(
            f"the file cannot be stored in {str(folder)!r} ({first_line(error)}); set the environment variable {CACHE} "
            "to a folder that can be written to."
        ) from error


def _downloader(size: int) -> Callable[[str, str, object], None]:
    """How pooch fetches a file of `size` bytes: its own downloader leaves the connection open where one fails."""

    def fetch(url: str, path: str, _: object) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        with (
            requests.get(url, stream=True, timeout=TIMEOUT) as response,
            Progress(*columns, console=console, disable=not console.is_terminal) as progress,
            open(path, "wb") as file,
        ):
            response.raise_for_status()
            task = progress.add_task(url.rsplit("/", 1)[-1], total=size)
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                progress.advance(task, len(chunk))
                if file.tell() > size:  # another file, perhaps an endless one: its hash will tell
                    break

    return fetch


def _reason(error: requests.RequestException) -> str:
    """Why, in words: the messages of requests hold the names of its objects."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    # their messages are about certificates and proxies, which a user can mend
    if isinstance(error, requests.ConnectionError) and not isinstance(error, _TELLING):
        return "there is no connection to the server"
    return first_line(error)
