"""A record that can't work is refused where it is written, with a sentence."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from backend.api.options import APIOptions, Domain, Throttle
from backend.database.options import DatabaseOptions
from backend.environment import Environment, Target
from backend.identity.options import IdentityOptions, Issuer
from backend.monitoring.options import MonitoringOptions, Objectives, Operators

RECORD = Environment(
    app_name="Example",
    name="Production",
    removal_policy="DESTROY",
    deletion_protection=False,
    log_retention="ONE_DAY",
    database=DatabaseOptions(point_in_time_recovery=False),
    monitoring=MonitoringOptions(runbook="https://example.com"),
)
OBJECTIVES = Objectives(available_percent=99.9, fast_percent=99, fast_milliseconds=1000)
CERTIFICATE = "arn:aws:acm:us-east-1:111111111111:certificate/1"
URL = "https://login.example.com"


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda: replace(RECORD, app_name="Customer Directory"), "APP_NAME can't be 'Customer Dir"),
        (lambda: replace(RECORD, app_name="2Directory"), "with a letter first"),
        (lambda: replace(RECORD, app_name="Directory-"), "no hyphen last"),
        (lambda: replace(RECORD, name="Prod_EU"), "environment's name can't be 'Prod_EU'"),
        (lambda: replace(RECORD, app_name="A" * 47), "shorten it to 57"),
        (
            lambda: replace(RECORD, database=replace(RECORD.database, encryption_key="arn:…")),
            "Production: an encryption_key needs a target",
        ),
        (lambda: Target(account="1234", region="eu-west-1"), "'1234' is no account"),
        (lambda: Target(account="1" * 12, region="Ireland"), "'Ireland' is no region"),
        (lambda: Throttle(rate=0, burst=10), "refuses every request"),
        (lambda: Throttle(rate=10, burst=0), "refuses every request"),
        (lambda: Domain(name="https://a.example.com", certificate_arn=CERTIFICATE), "no https://"),
        (lambda: Domain(name="a.example.com", certificate_arn="1"), "'1' is no certificate"),
        (lambda: APIOptions(cors_origins=("https://a.example.com/",)), "without a slash"),
        (lambda: APIOptions(cors_origins=("a.example.com",)), "use the scheme and the host"),
        (lambda: APIOptions(debug_share=-0.01), "debug_share must be from 0 to 1"),
        (lambda: APIOptions(debug_share=1.01), "debug_share must be from 0 to 1"),
        (lambda: replace(RECORD.database, max_read_units=0), "max_read_units must be 1 or more"),
        (lambda: replace(RECORD.database, max_write_units=-1), "max_write_units must be 1 or more"),
        (
            lambda: replace(RECORD.database, backup_retention_days=0),
            "backup_retention_days must be 1 or more",
        ),
        (lambda: replace(RECORD.database, adopted_table="arn:aws:d/users"), "not its ARN"),
        (lambda: Issuer(url="http://login.example.com", audience=("users",)), "with https://"),
        (lambda: Issuer(url=URL, audience=()), "name at least one audience"),
        (lambda: IdentityOptions(clients=()), "clients must name at least one client"),
        (lambda: IdentityOptions(token_minutes=4), "token_minutes must be 5 to 1440"),
        (lambda: IdentityOptions(token_minutes=1441), "token_minutes must be 5 to 1440"),
        (lambda: replace(OBJECTIVES, available_percent=100.5), "which would permit no failure"),
        (lambda: replace(OBJECTIVES, available_percent=100), "which would permit no failure"),
        (lambda: replace(OBJECTIVES, fast_percent=93), "and above 93.06"),
        (lambda: replace(OBJECTIVES, fast_milliseconds=0), "every request would be slow"),
        (lambda: Operators(pages=("desk",), tickets=()), "can't notify 'desk'"),
        (
            lambda: replace(RECORD.monitoring, operators=Operators(pages=(), tickets=())),
            "Operators need objectives",
        ),
        (lambda: replace(RECORD.monitoring, concurrency_quota=0), "concurrency_quota must be 1"),
    ],
)
def test_what_cannot_work_is_refused(write: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        write()


def test_what_can_work_is_accepted() -> None:
    replace(RECORD, app_name="A", name="B")
    replace(
        RECORD,
        app_name="Customer-Directory",
        name="Production-EU",
        target=Target(account="1" * 12, region="us-gov-west-1"),
        identity=IdentityOptions(issuer=Issuer(url=URL, audience=("users",)), clients=()),
        api=APIOptions(
            cors_origins=("*", "http://localhost:3000", "https://app.example.com"),
            domain=Domain(name="api.example.com", certificate_arn=CERTIFICATE),
        ),
    )
