"""What each problem type means, and what a client should do. Plain text, for people."""

from typing import Final

EXPLANATIONS: Final[dict[str, str]] = {
    "malformed-request": "The body, a header field or a query parameter can't be read: the body is "
    "not one JSON object in UTF-8, or a field or parameter is unknown, repeated or of another form "
    "than the API takes. The detail says which. Correct it: the same request fails each time.",
    "user-not-found": "No user has this username, or none has it any more. Check the spelling; "
    "upper and lower case make no difference. List the users to find the one you mean.",
    "path-not-found": "The API has nothing at this path. Compare the path with the API's document. "
    "No username holds a slash, also not as %2F.",
    "method-not-allowed": "The path exists, but not for this method. The header field Allow lists "
    "the methods that it has.",
    "username-taken": "Another user has this username; upper and lower case make no difference. "
    "Nothing was stored. Choose another username, or change the user who has this one.",
    "email-taken": "Another user has this email address; upper and lower case make no difference. "
    "Nothing was stored. Use another address, or remove it from the user who has it first.",
    "precondition-failed": "The user is not in the state that If-Match or If-None-Match asks for: "
    "somebody has changed it since you read it. Nothing was stored. Get the user again, make your "
    "change to what you got, and send it with the new ETag.",
    "content-too-large": "The body is longer than the API takes; the detail says how long it may "
    "be. Shorten it, most likely the attributes.",
    "unsupported-media-type": "The body is of a media type, or in a content coding, that this call "
    "doesn't take. The detail says which header field to send; Accept, Accept-Patch or "
    "Accept-Encoding lists what the call takes.",
    "invalid-user": "The body is JSON, but breaks the rules for users. The member errors lists "
    "every fault: a JSON Pointer to the member, and what the member must be. Nothing was stored. "
    "Correct all of them, and send the request again.",
    "idempotency-key-reused": "You created a user with this Idempotency-Key in the last 24 hours, "
    "from another body. Nothing was stored. Repeat a request with the same key only with the same "
    "body, and use a new key for a new user.",
    "unavailable": "The API could not complete the request in time: the database is busy or can't "
    "be reached, or too many writers met at one user. No part of the request took effect alone. "
    "Wait for as long as Retry-After says, and repeat it, with the same Idempotency-Key if it had "
    "one.",
    "internal-error": "The request met a bug in the API. Report it with the request's id, which is "
    "in the member instance and in the header field X-Request-Id. If it was a write, get the user "
    "to see whether it took effect before you repeat it.",
}
"""By the last part of the type's URI reference; 1 to 4 sentences each."""
