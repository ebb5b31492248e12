"""An editor without a screen: speaks the Language Server Protocol with a server over its stdio."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any

LIMIT = 30.0  # seconds that any answer may take

# Schemas come from the files' own first lines, and nothing is fetched from anywhere.
SETTINGS = {
    "yaml": {
        "validate": True,
        "hover": True,
        "completion": True,
        "schemaStore": {"enable": False},
        "kubernetesCRDStore": {"enable": False},
    }
}
_CAPABILITIES = {
    "workspace": {"configuration": True},
    "textDocument": {
        "completion": {"completionItem": {"snippetSupport": True}},
        "hover": {"contentFormat": ["markdown"]},
        "publishDiagnostics": {},
    },
}


class Editor:
    """A window with one file at a time; positions are lines and columns from 0."""

    def __init__(self, argv: Sequence[str], folder: Path) -> None:
        self.folder = folder
        self._server = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._heard: Queue[dict[str, Any]] = Queue()
        self._waiting: deque[dict[str, Any]] = deque()
        self._asked = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        root = {"processId": None, "rootUri": folder.as_uri(), "capabilities": _CAPABILITIES}
        self._ask("initialize", root)
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": SETTINGS})

    def open(self, path: Path, text: str | None = None) -> list[dict[str, Any]]:
        """Open a file, with another text than it has if one is given; return what is wrong in it.

        A file is opened once; `path` says where its schema line leads from.
        """
        said = path.read_text("utf-8") if text is None else text
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": said}
        self._tell("textDocument/didOpen", {"textDocument": document})
        while True:
            message = self._next(lambda one: one.get("method") == "textDocument/publishDiagnostics")
            if message["params"]["uri"] == path.as_uri():
                found: list[dict[str, Any]] = message["params"]["diagnostics"]
                return found

    def completion(self, path: Path, line: int, column: int) -> dict[str, str]:
        """Ask what could be written at a place: what is inserted, by the label that is shown."""
        answer = self._ask("textDocument/completion", _at(path, line, column))
        return {item["label"]: item.get("insertText", "") for item in answer["items"]}

    def hover(self, path: Path, line: int, column: int) -> str:
        """Ask what is shown of the word at a place."""
        answer = self._ask("textDocument/hover", _at(path, line, column))
        return str(answer["contents"]["value"]) if answer else ""

    def close(self) -> None:
        """End the server."""
        self._server.kill()
        self._server.wait()
        self._reader.join()
        for stream in (self._server.stdin, self._server.stdout):
            assert stream is not None
            stream.close()

    def _ask(self, method: str, params: Mapping[str, object]) -> Any:
        self._asked += 1
        number = self._asked
        self._send({"id": number, "method": method, "params": params})
        answer = self._next(lambda one: one.get("id") == number and "method" not in one)
        assert "error" not in answer, answer
        return answer["result"]

    def _tell(self, method: str, params: Mapping[str, object]) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: Mapping[str, object]) -> None:
        assert self._server.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._server.stdin.flush()

    def _next(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        for message in list(self._waiting):
            if wanted(message):
                self._waiting.remove(message)
                return message
        while True:
            try:
                message = self._heard.get(timeout=LIMIT)
            except Empty as error:
                raise AssertionError(f"the language server said nothing for {LIMIT:g} s") from error
            if message.get("method") and "id" in message:
                self._answer(message)
            elif wanted(message):
                return message
            else:
                self._waiting.append(message)

    def _answer(self, message: Mapping[str, Any]) -> None:
        # The server asks for settings by section, and wants its other questions acknowledged.
        result: object = None
        if message["method"] == "workspace/configuration":
            sections = (item.get("section") for item in message["params"]["items"])
            result = [SETTINGS.get(section) for section in sections]
        self._send({"id": message["id"], "result": result})

    def _read(self) -> None:
        stream = self._server.stdout
        assert stream is not None
        while header := stream.readline():
            length = int(header.partition(b":")[2])
            while stream.readline().strip():
                pass
            self._heard.put(json.loads(stream.read(length)))


def _at(path: Path, line: int, column: int) -> dict[str, object]:
    return {
        "textDocument": {"uri": path.as_uri()},
        "position": {"line": line, "character": column},
    }
