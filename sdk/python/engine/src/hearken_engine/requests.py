"""Requests over `wasi:http`."""

from typing import Any

from componentize_py_types import Err
from engine_world.imports import outgoing_handler, poll, streams
from engine_world.imports import wasi_http_types as http
from hearken._errors import FetchError

from . import bounds

#: Bytes of a body that are written at once: what the node takes with one call.
WRITTEN = 4096
#: Bytes that are read at once.
READ = 64 << 10

_METHODS: dict[str, Any] = {
    "GET": http.Method_Get,
    "HEAD": http.Method_Head,
    "POST": http.Method_Post,
    "PUT": http.Method_Put,
    "DELETE": http.Method_Delete,
    "OPTIONS": http.Method_Options,
    "PATCH": http.Method_Patch,
}


class Request:
    """A request that is under way, and then its answer."""

    def __init__(
        self, scheme: str, authority: str, path: str, method: str, headers: list[tuple[str, str]], body: bytes | None
    ) -> None:
        self._stream: streams.InputStream | None = None
        self._kept: list[Any] = []
        try:
            entries = [(bounds.name(name), str(value).encode()) for name, value in headers]
            bounds.check_all([bounds.size(name) + len(value) for name, value in entries])
            fields = http.Fields.from_list(entries)
            request = http.OutgoingRequest(fields)
            request.set_method(_METHODS[method]() if method in _METHODS else http.Method_Other(bounds.name(method)))
            request.set_scheme(http.Scheme_Https() if scheme == "https" else http.Scheme_Http())
            request.set_authority(bounds.name(authority))
            request.set_path_with_query(bounds.name(path))
            # Of a request without one too: it ends the request.
            outgoing = request.body()
        except Err as error:
            message = f"fetch: the method, the URL or a header cannot be sent: {error.value}"
            raise FetchError("invalid", message) from None
        try:
            self._response: Any = outgoing_handler.handle(request, None)
        except Err as error:
            raise _error(error.value) from None
        _write(outgoing, body or b"")

    def subscribe(self) -> poll.Pollable:
        return (self._stream or self._response).subscribe()

    def get(self) -> tuple[int, list[tuple[str, str]]] | None:
        """Status and headers, once they are there."""
        answered = self._response.get()
        if answered is None:
            return None
        # Whether it was asked for before, and whether there is an answer.
        answered = answered.value
        if isinstance(answered, Err):
            raise _error(answered.value)
        response = answered.value
        headers = [(name, value.decode(errors="replace")) for name, value in response.headers().entries()]
        body = response.consume()
        self._stream = body.stream()
        # What others depend on ends after them.
        self._kept = [body, response]
        return response.status(), headers

    def read(self) -> bytes | None:
        """What has come of the body; `None` at its end."""
        if self._stream is None:
            return None
        try:
            return self._stream.read(READ)
        except Err as error:
            if isinstance(error.value, streams.StreamError_Closed):
                return None
            code = http.http_error_code(error.value.value)
            why = error.value.value.to_debug_string() if code is None else _told(code)
            raise FetchError("broken-off", f"fetch: the body broke off: {why}") from None

    def close(self) -> None:
        for kept in (self._stream, *self._kept, self._response):
            if kept is not None:
                kept.__exit__(None, None, None)
        self._stream, self._kept, self._response = None, [], None


def _write(body: http.OutgoingBody, content: bytes) -> None:
    """Writes a body. If that fails, so does the request, which says why."""
    try:
        if content:
            with body.write() as stream:
                for at in range(0, len(content), WRITTEN):
                    stream.blocking_write_and_flush(content[at : at + WRITTEN])
        http.OutgoingBody.finish(body, None)
    except Err:
        pass


def _error(code: http.ErrorCode) -> FetchError:
    name = type(code).__name__.removeprefix("ErrorCode_")
    kebab = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
    return FetchError(kebab, f"fetch: {_told(code)}")


def _told(code: http.ErrorCode) -> str:
    match code:
        case http.ErrorCode_HttpRequestDenied():
            return "its host is not allowed; add it to `[allow] http` of the manifest"
        case http.ErrorCode_DestinationIpProhibited():
            return 'its host is in a private network; say so in `[allow] http` of the manifest: "HOST private"'
        case http.ErrorCode_ConnectionRefused():
            return "the connection was refused"
        case http.ErrorCode_DnsError():
            return "there is no such host"
        case http.ErrorCode_InternalError(why) if why is not None:
            return why
    return type(code).__name__.removeprefix("ErrorCode_")
