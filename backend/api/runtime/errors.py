"""The errors in HTTP requests. problems.py maps them to responses.

Every message is one sentence that tells a person what to do. None holds a value that a client sent.
"""


class RequestError(Exception):
    """The base class of errors in a request, apart from the domain's errors."""


class MalformedRequest(RequestError):
    """The body, a header field or the query can't be read."""


class ContentTooLarge(RequestError):
    """The body is over the limit."""


class UnsupportedMediaType(RequestError):
    """The call doesn't take the body's media type or content coding."""

    def __init__(self, accepted: tuple[str, ...], header: str, advice: str = "") -> None:
        """Make the error.

        Args:
            accepted: The media types or codings that the call takes, the preferred one first.
            header: The response header that lists them.
            advice: The message; without one, it says which Content-Type to send.
        """
        super().__init__(advice or f"Send the header Content-Type: {accepted[0]}.")
        self.accepted = accepted
        self.header = header


class PathNotFound(RequestError):
    """No route has this path."""

    def __init__(self) -> None:
        super().__init__("There is nothing at this path; correct it.")


class MethodNotAllowed(RequestError):
    """The path has routes, but none for this method."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__("Use one of the methods that the header Allow lists.")
        self.allowed = allowed


class PreconditionFailed(RequestError):
    """The user isn't in the state that If-Match or If-None-Match asks for."""

    def __init__(self) -> None:
        super().__init__(
            "The user is not in the state that the precondition asks for; "
            "get it again, and repeat the change on what you got."
        )


class NotModified(RequestError):
    """The client already has this state of the user.

    Attributes:
        etag: Names the state.
    """

    def __init__(self, etag: str) -> None:
        super().__init__("The user has not changed.")
        self.etag = etag
