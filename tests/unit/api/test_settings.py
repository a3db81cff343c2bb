import pytest

from backend.api.runtime.settings import Settings, load

ENVIRON = {
    "TABLE_NAME": "table",
    "METRICS_NAMESPACE": "namespace",
    "LOG_LEVEL": "INFO",
    "DEBUG_SHARE": "0.01",
    "DYNAMODB_ENDPOINT": "https://dynamodb.eu-west-1.amazonaws.com",
    "AWS_REGION": "eu-west-1",
}
SETTINGS = Settings(
    "table",
    "namespace",
    "INFO",
    0.01,
    "https://dynamodb.eu-west-1.amazonaws.com",
    "eu-west-1",
    None,
)


def test_the_environment_is_read() -> None:
    assert load(ENVIRON) == SETTINGS


def test_an_address_that_is_configured_counts_and_the_service_s_own_first() -> None:
    everywhere = {**ENVIRON, "AWS_ENDPOINT_URL": "http://localhost:1"}
    assert load(everywhere).endpoint == "http://localhost:1"
    own = {**everywhere, "AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:2"}
    assert load(own).endpoint == "http://localhost:2"


def test_other_authorities_can_be_trusted() -> None:
    assert load({**ENVIRON, "AWS_CA_BUNDLE": "/a.pem"}) == SETTINGS._replace(authorities="/a.pem")


@pytest.mark.parametrize("name", ENVIRON)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        load({other: value for other, value in ENVIRON.items() if other != name})
