import gzip
import hashlib
import importlib.util
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import CodeType

import pytest

from backend.api.asset import ASSET
from backend.functions import bundling
from backend.functions.bundling import Archive, Asset
from backend.functions.platform import HOST, LAMBDA_ARM64, Platform
from tooling import lock
from tooling.install import ROOT

# A function without packages, so that a build takes no time.
SMALL = Asset(
    code=("backend/users", "backend/api/routes.py"),
    files={"served/page.txt.gz": bundling.File("docs/page.txt", "write it")},
)
ERRORS = Path("backend", "users", "errors.py")
RUNTIME = Path("backend", "api", "runtime")
UNCHECKED_HASH = 0b01
MEGABYTE = 1_000_000
# By linters, tests, coverage, notebooks, Python, environments, Finder, editors, patch, and people.
LEFT_BEHIND = [
    ".mypy_cache/3.13/models.data.json",
    ".pytest_cache/README.md",
    "htmlcov/index.html",
    "htmlcov/coverage.js",
    ".ipynb_checkpoints/models.py",
    "models.ipynb",
    "__pycache__/models.cpython-313.pyc",
    "venv/lib/python3.13/site-packages/pip/main.py",
    ".DS_Store",
    "models 2.py",
    ".models.py.swp",
    "models.py~",
    "private_key.pem",
    "#models.py#",
    "models.py.orig",
    "static/.docs.html.swp",
    "static/docs.html~",
    "notes.html",
]


@pytest.fixture(autouse=True)
def offline(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever isn't in the checkout's cache would have to be fetched: that fails."""
    for name in ("HOME", "UV_CACHE_DIR", "UV_OFFLINE"):
        monkeypatch.setenv(name, environ[name])


@pytest.fixture(params=[LAMBDA_ARM64, HOST], ids=["lambda", "host"])
def unpacked(request: pytest.FixtureRequest, offline: None, tmp_path: Path) -> Path:
    """The archive's files, as Lambda unpacks them."""
    return _unpack(bundling.build(ASSET, request.param), tmp_path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with what SMALL ships, to change."""
    copy = tmp_path / "repository"
    for path in bundling.shipped(SMALL):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy / path)
    (copy / "docs").mkdir()
    (copy / "docs" / "page.txt").write_text("a page")
    return copy


def build(root: Path, asset: Asset = SMALL) -> Archive:
    return bundling.build(asset, HOST, root=root, cache=root.parent / "cache")


def test_the_archive_holds_the_code_at_its_place_and_as_it_is(unpacked: Path) -> None:
    code = bundling.shipped(ASSET)
    assert {RUNTIME / "lambda_function.py", ERRORS, Path("backend/__init__.py")} <= set(code)
    assert not [path for path in code if path.name == "infrastructure.py"]
    for path in code:
        assert (unpacked / path).read_bytes() == (ROOT / path).read_bytes()


def test_everything_that_is_committed_ships() -> None:
    folders = ("backend/users", str(RUNTIME))
    listed = subprocess.run(
        ["git", "ls-files", "-z", *folders],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    committed = {name for name in listed.stdout.split("\0") if name}
    shipped = {str(path) for path in bundling.shipped(Asset(code=folders))}
    assert shipped - {"backend/__init__.py", "backend/api/__init__.py"} == (
        committed - {ASSET.requirements}
    )


def test_what_tools_leave_behind_does_not_ship(root: Path) -> None:
    before = build(root)
    for name in LEFT_BEHIND:
        path = root / "backend" / "users" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left = True\n")
    assert bundling.shipped(SMALL, root=root) == bundling.shipped(SMALL)
    assert build(root) == before


def test_the_archive_holds_each_file_from_elsewhere_as_it_is(unpacked: Path) -> None:
    for path, file in ASSET.files.items():
        content = (unpacked / path).read_bytes()
        shipped = gzip.decompress(content) if path.endswith(".gz") else content
        assert shipped == (ROOT / file.source).read_bytes()


def test_a_package_of_npm_ships_with_its_licence() -> None:
    shipped = {file.source for file in ASSET.files.values()}
    for package in lock.NODE_PACKAGES:
        folder = ROOT / "node_modules" / package
        texts = {str(p.relative_to(ROOT)) for n in ("LICENSE*", "NOTICE*") for p in folder.glob(n)}
        assert texts, package
        assert texts <= shipped


def test_the_archive_holds_the_committed_document(unpacked: Path) -> None:
    static = unpacked / RUNTIME / "static"
    document = gzip.decompress((static / "openapi.json.gz").read_bytes())
    assert document == (ROOT / "docs" / "openapi.json").read_bytes()
    assert not (static / "openapi.json").exists()


def test_another_file_is_another_archive(root: Path) -> None:
    before = build(root)
    (root / "docs" / "page.txt").write_text("another page")
    after = build(root)
    assert before.digest != after.digest
    with zipfile.ZipFile(after.path) as archive:
        assert gzip.decompress(archive.read("served/page.txt.gz")) == b"another page"


def test_what_is_missing_is_said_with_its_remedy(root: Path) -> None:
    (root / "docs" / "page.txt").unlink()
    with pytest.raises(RuntimeError, match=r"^docs/page\.txt is missing: write it\.$"):
        build(root)


def test_the_archive_holds_no_tests_and_each_package_once(unpacked: Path) -> None:
    for pattern in ("test", "tests", "test_*.py", "*_test.py", "conftest.py"):
        assert not list(unpacked.rglob(pattern))
    assert [path.relative_to(unpacked) for path in unpacked.rglob("botocore")] == [Path("botocore")]
    assert not (unpacked / "boto3").exists()
    packages = [path.name.split("-")[0] for path in unpacked.glob("*.dist-info")]
    assert len(packages) == len(set(packages))


def test_the_archive_holds_the_names_of_time_zones(unpacked: Path) -> None:
    assert "Europe/Berlin" in (unpacked / "tzdata" / "zones").read_text().split()


def test_bytecode_is_loaded_without_a_look_at_its_source(unpacked: Path) -> None:
    sources = [path for path in unpacked.rglob("*.py") if ".dist-info/" not in str(path)]
    assert len(sources) > 100
    for path in sources:
        bytecode = Path(importlib.util.cache_from_source(str(path))).read_bytes()
        assert bytecode[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(bytecode[4:8], "little") == UNCHECKED_HASH
        assert bytecode[8:16] == importlib.util.source_hash(path.read_bytes())
        code = marshal.loads(bytecode[16:])  # noqa: S302 this project's build made it
        assert isinstance(code, CodeType)
        assert code.co_filename == f"/var/task/{path.relative_to(unpacked).as_posix()}"


@pytest.mark.parametrize("architecture", ["aarch64", "x86_64"])
def test_of_a_native_package_it_takes_the_wheel_for_the_platform(
    architecture: str, root: Path, tmp_path: Path
) -> None:
    # None ships today.
    wheels = [_make_wheel(tmp_path, name) for name in ("aarch64", "x86_64")]
    hashes = " ".join(
        f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}" for wheel in wheels
    )
    native = _requiring(root, f"--no-index\n--find-links {tmp_path.as_uri()}\nnative==1 {hashes}")
    platform = Platform(architecture, f"{architecture}-manylinux_2_28")
    packages = bundling.build_packages(native, platform, root=root, cache=tmp_path)
    assert packages
    with zipfile.ZipFile(packages) as archive:
        assert archive.read("native.so").decode() == architecture


def test_the_archive_for_this_machine_starts_on_it(tmp_path: Path) -> None:
    # Without site-packages: what it imports is in the archive.
    program = "import sys; sys.path.insert(0, sys.argv[1]); "
    program += "from backend.api.runtime import lambda_function as function; "
    program += "print(function.__file__, callable(function.handler))"
    unpacked = _unpack(bundling.build(ASSET, HOST), tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program, str(unpacked)],
        check=False,
        capture_output=True,
        text=True,
        env={
            "TABLE_NAME": "users",
            "METRICS_NAMESPACE": "Tests",
            "LOG_LEVEL": "INFO",
            "DEBUG_SHARE": "0",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-west-1",
            "DYNAMODB_ENDPOINT": "https://dynamodb.eu-west-1.amazonaws.com",
        },
    )
    module = unpacked / RUNTIME / "lambda_function.py"
    assert done.stdout.split() == [str(module), "True"], done.stderr


@pytest.mark.parametrize("platform", [LAMBDA_ARM64, HOST], ids=["lambda", "host"])
def test_the_same_code_elsewhere_and_later_is_the_same_archive(
    platform: Platform, tmp_path: Path
) -> None:
    # From nothing, in another process, whose sets have another order and which has imported less.
    program = (
        "import sys; from pathlib import Path; from backend.functions import bundling as b; "
        "from backend.api.asset import ASSET; "
        "from backend.functions.platform import Platform; "
        "platform = Platform(sys.argv[2], sys.argv[3] or None); "
        "a = b.build(ASSET, platform, cache=Path(sys.argv[1])); print(a.path, a.digest)"
    )
    arguments = [str(tmp_path / "cache"), platform.architecture, platform.wheels or ""]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    path_of_copy, digest_of_copy = done.stdout.split()
    original = bundling.build(ASSET, platform)
    assert digest_of_copy == original.digest
    assert Path(path_of_copy).read_bytes() == original.path.read_bytes()


def test_unchanged_code_is_not_built_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = build(root)
    monkeypatch.setattr(subprocess, "run", None)  # nothing is started
    for path in root.rglob("*.py"):
        os.utime(path, (0, 0))
    assert build(root) == archive


def test_of_many_edits_the_last_few_are_kept(root: Path) -> None:
    for number in range(10):
        (root / ERRORS).write_text(f"{number}")
        archive = build(root)
    assert archive.path.exists()
    assert len(list(archive.path.parent.glob("function-*"))) == 8


def test_a_comment_in_the_build_is_the_same_archive(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = _requiring(root, "")
    before = build(root, asset)
    (changed := tmp_path / "bundling.py").write_text(f"{Path(bundling.__file__).read_text()}# more")
    monkeypatch.setattr(bundling, "__file__", str(changed))
    after = build(root, asset)
    assert before.path != after.path  # it was built again
    assert before.digest == after.digest


def test_another_compression_is_the_same_archive(root: Path, tmp_path: Path) -> None:
    built = build(root)
    elsewhere = tmp_path / "elsewhere.zip"
    with zipfile.ZipFile(built.path) as archive, zipfile.ZipFile(elsewhere, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith(".gz"):
                content = gzip.compress(gzip.decompress(content), 1)
            other.writestr(name, content)
    assert Archive(elsewhere).digest == built.digest


def test_changed_code_is_another_archive(root: Path) -> None:
    before = build(root)
    with (root / ERRORS).open("a") as module:
        module.write("\n# changed\n")
    after = build(root)
    assert before.digest != after.digest
    with zipfile.ZipFile(after.path) as archive:
        assert archive.read(str(ERRORS)).endswith(b"# changed\n")


def test_code_that_does_not_compile_is_an_error_with_its_place(root: Path) -> None:
    (root / ERRORS).write_text("x = 1\ndef broken(:\n")
    with pytest.raises(RuntimeError, match=rf'(?s)"/var/task/{ERRORS}", line 2.*SyntaxError'):
        build(root)
    assert not list((root.parent / "cache").glob("function-*"))


def test_lambda_may_read_what_the_builder_made() -> None:
    with zipfile.ZipFile(bundling.build(ASSET, LAMBDA_ARM64).path) as archive:
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_a_wheel_that_cannot_be_had_is_an_error(root: Path) -> None:
    asset = _requiring(root, f"no-such-package==1 --hash=sha256:{'0' * 64}")
    with pytest.raises(RuntimeError, match="no-such-package"):
        build(root, asset)
    assert list((root.parent / "cache").iterdir()) == []


def test_bytecode_for_another_python_is_not_built(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundling, "PYTHON_VERSION", (3, 12))
    with pytest.raises(RuntimeError, match=r"Use \.venv/bin/python"):
        build(root)


def test_the_archive_stays_small() -> None:
    assert bundling.build(ASSET, LAMBDA_ARM64).path.stat().st_size < 4 * MEGABYTE


def _requiring(root: Path, requirements: str) -> Asset:
    """An asset with these packages and little else."""
    (root / "requirements.txt").write_text(f"{requirements}\n")
    return Asset(code=(str(ERRORS),), requirements="requirements.txt")


def _make_wheel(folder: Path, architecture: str) -> Path:
    tag = f"cp313-cp313-manylinux_2_28_{architecture}"
    path = folder / f"native-1-{tag}.whl"
    information = {
        "METADATA": "Metadata-Version: 2.1\nName: native\nVersion: 1\n",
        "WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
        "RECORD": "native.so,,\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("native.so", architecture)
        for name, content in information.items():
            wheel.writestr(f"native-1.dist-info/{name}", content)
    return path


def _unpack(archive: Archive, folder: Path) -> Path:
    with zipfile.ZipFile(archive.path) as opened:
        opened.extractall(unpacked := folder / "unpacked")
    return unpacked
