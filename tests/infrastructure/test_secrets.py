"""No secret is committed: whatever looks like one is accepted here, with a reason."""

import secrets
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.secrets import Secret, find
from tooling import git
from tooling.install import ROOT

HEX, WORD, BASE64 = "Hex High Entropy String", "Secret Keyword", "Base64 High Entropy String"
# In whichever file: the word "test", which every emulator takes for a key.
KEY_OF_EMULATORS = "a94a8fe5"
ACCEPTED = {
    Secret("README.md", HEX, "39720fee"): "The entity tag of an answer that is shown.",
    Secret("backend/api/routes.py", WORD, "ee977806"): "The name of a kind of access.",
    Secret("backend/api/openapi/schemas.py", HEX, "2f23ba6b"): "The entity tag of an example.",
    Secret("benchmarks/runtime/calls.py", WORD, "0f12541a"): "The name of a token's claim.",
    Secret("benchmarks/runtime/function.py", "AWS Access Key", "9f48d1bf"): "EXAMPLE, twice.",
    Secret("tests/compatibility/released/openapi.json", WORD, "a7f0e3a9"): "Prose about tokens.",
    Secret("tests/infrastructure/test_identity.py", WORD, "be2e2bb6"): "A unit of time.",
    Secret("tests/infrastructure/test_asset.py", WORD, "ee977806"): "One letter.",
    Secret("tests/infrastructure/test_smoke.py", WORD, "fffdace5"): "Three words with dots.",
    Secret("tests/sandbox/test_door.py", WORD, "77361fca"): "A word, which must not be used.",
    Secret("tests/sandbox/test_sandbox.py", WORD, "c9c64e07"): "A word, which must not be used.",
    Secret("tests/unit/api/test_idempotency.py", HEX, "411dac3b"): "The digest of two words.",
    Secret("tests/unit/api/test_listing.py", BASE64, "e5824290"): "The alphabet of base64.",
} | {
    # Digests of certificates and of public keys.
    Secret(file, HEX, digest): "It tells which authority is meant."
    for file, digests in {
        "tests/infrastructure/test_asset.py": (
            "05814422",
            "10bb822d",
            "1380b48f",
            "3bfadb5a",
            "d9503173",
        ),
    }.items()
    for digest in digests
}


def test_nothing_committed_looks_like_a_secret_but_what_is_accepted() -> None:
    names = git.ask(ROOT, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    found = find(ROOT, [name for name in names if name and (ROOT / name).is_file()])
    found = {secret for secret in found if secret.digest != KEY_OF_EMULATORS}
    lines = [
        f"{secret} looks like a secret: take it out, or accept this line, with a reason, in "
        "tests/infrastructure/test_secrets.py."
        for secret in sorted(found - ACCEPTED.keys())
    ]
    lines += [f"{secret} is gone: don't accept it." for secret in sorted(ACCEPTED.keys() - found)]
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def made(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


# They are made when they are needed: written here, they would be found.
UPPER = string.ascii_uppercase + string.digits
PLANTED: dict[str, Callable[[], str]] = {
    "AWS Access Key": lambda: "AK" + "IA" + made(UPPER, 16),
    "GitHub Token": lambda: "gh" + "p_" + made(string.ascii_letters, 36),
    "Private Key": lambda: (
        f"-----BEGIN RSA {'PRIVATE'} KEY-----\n{made(string.ascii_letters, 64)}\n"
    ),
    "JSON Web Token": lambda: (
        "eyJhbGciOiJub25lIn0." + "eyJzdWIiOiJqYW5lIn0." + made(string.ascii_letters, 43)
    ),
    BASE64: lambda: f'key = "{made(string.ascii_letters + string.digits, 64)}"',
    HEX: lambda: f'key = "{secrets.token_hex(32)}"',
}


HASHES = {
    "settings.py": "",
    "notes.md": "",
    "requirements.txt": f"six==1 \\\n    --hash=sha256:{secrets.token_hex(32)} \\\n    # via boto3",
    "items.json": f'    "etag": {{"S": "{secrets.token_hex(12)}"}},',
    "sbom.cdx.json": f'    "content": "{secrets.token_hex(64)}"',
}


def test_a_hash_is_no_secret_and_hides_none(tmp_path: Path) -> None:
    for file, line in HASHES.items():
        (tmp_path / file).write_text(f"{line}\n")
    planted = {(f"{number}-{file}", kind) for number, kind in enumerate(PLANTED) for file in HASHES}
    for file, kind in planted:
        line = HASHES[file.partition("-")[2]]
        (tmp_path / file).write_text(f"{line}\n{PLANTED[kind]()}\n")
    found = find(tmp_path, [*HASHES, *(file for file, _ in planted)])
    assert {secret.file for secret in found}.isdisjoint(HASHES)
    assert planted <= {(secret.file, secret.kind) for secret in found}
