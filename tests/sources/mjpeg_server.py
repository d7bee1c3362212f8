"""A network camera on the loopback interface that can be unplugged."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

import cv2
import numpy as np

_IMAGE = np.zeros((48, 64, 3), np.uint8)
_IMAGE[:, :32] = (20, 20, 220)  # red, in OpenCV's order
JPEG = cv2.imencode(".jpg", _IMAGE)[1].tobytes()
_PART = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(JPEG), JPEG)


class MjpegServer:
    """Serves MJPEG over HTTP at 50 pictures a second until stopped.

    Parameters
    ----------
    port : int
        0 = any free one; `port` then tells which.
    n_pictures : int, optional
        Hang after so many pictures with the connection open; 0 never answers at all.
    head : bytes
        What it answers first.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        n_pictures: int | None = None,
        head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n",
    ) -> None:
        self._n_pictures = n_pictures
        self._head = head
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.settimeout(1.0)
                connection.recv(4096)
                if self._n_pictures != 0:
                    connection.sendall(self._head)
                n_sent = 0
                while not self._stopped.wait(0.02):
                    if self._n_pictures is None or n_sent < self._n_pictures:
                        connection.sendall(_PART)
                        n_sent += 1
            except OSError:
                return
