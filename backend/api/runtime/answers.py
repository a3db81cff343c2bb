"""How DynamoDB's answers are read: as they are, because JSON holds them in the client's own form.

botocore walks through each answer by the service's model, attribute by attribute, to turn dates
and binary values into Python's, which no answer to this function has.
"""

import json
from typing import Any, Final, Protocol

from botocore.parsers import ResponseParserFactory

_OK: Final = 200

type Response = dict[str, Any]


class _Parser(Protocol):
    def parse(self, response: Response, shape: Any) -> dict[str, Any]: ...


class Answers:
    """A factory of parsers, botocore's component `response_parser_factory`."""

    def __init__(self) -> None:
        self._standard = ResponseParserFactory()
        self._parsers: dict[str, _Parser] = {}

    def create_parser(self, protocol_name: str) -> _Parser:
        """The same parser for each answer: it holds nothing of any."""
        if protocol_name not in self._parsers:
            parser: _Parser = self._standard.create_parser(protocol_name)
            self._parsers[protocol_name] = (
                _JSONParser(parser) if protocol_name == "json" else parser
            )
        return self._parsers[protocol_name]


class _JSONParser:
    def __init__(self, standard: _Parser) -> None:
        self._standard = standard

    def parse(self, response: Response, shape: Any) -> dict[str, Any]:
        """Successes; errors, and what is no JSON, are for botocore to judge.

        response: status_code, headers, and the body as bytes.
        """
        if response["status_code"] == _OK:
            try:
                answer: dict[str, Any] = json.loads(response["body"].decode())
            except (
                ValueError
            ):  # damaged on its way: its checksum is wrong, so it is asked for again
                return self._standard.parse(response, shape)
            answer["ResponseMetadata"] = {
                "RequestId": response["headers"].get("x-amzn-requestid"),
                "HTTPStatusCode": _OK,
            }
            return answer
        return self._standard.parse(response, shape)
