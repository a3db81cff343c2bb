import pytest

from settings import Settings, load

ENVIRON = {
    "TABLE_NAME": "table",
    "METRICS_NAMESPACE": "namespace",
    "LOG_LEVEL": "INFO",
    "DEBUG_SHARE": "0.01",
}


def test_the_environment_is_read() -> None:
    assert load(ENVIRON) == Settings("table", "namespace", "INFO", 0.01)


@pytest.mark.parametrize("name", ENVIRON)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        load({other: value for other, value in ENVIRON.items() if other != name})
