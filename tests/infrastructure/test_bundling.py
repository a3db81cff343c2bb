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

from backend.api import bundling, pruning
from backend.api.bundling import HOST, LAMBDA_ARM64, RUNTIME, Asset, Platform
from tooling.install import ROOT

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
    "#models.py#",
    "models.py.orig",
    "pages/.docs.html.swp",
    "pages/docs.html~",
    "notes.html",
]


@pytest.fixture(autouse=True)
def offline(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever isn't in the checkout's cache would have to be fetched: that fails."""
    for name in ("HOME", "UV_CACHE_DIR", "UV_OFFLINE"):
        monkeypatch.setenv(name, environ[name])


@pytest.fixture(params=[LAMBDA_ARM64, HOST], ids=["lambda", "host"])
def asset(request: pytest.FixtureRequest, offline: None, tmp_path: Path) -> Path:
    """The asset's files, as Lambda unpacks them."""
    return _unpack(bundling.build(RUNTIME, request.param), tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the function's code, to change."""
    copy = tmp_path / "runtime"
    shutil.copytree(RUNTIME, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture
def cache(offline: None, tmp_path: Path) -> Path:
    """A cache of the test's own, with the dependencies that the checkout has."""
    dependencies = bundling.fetch_dependencies(RUNTIME, HOST)
    (folder := tmp_path / "cache").mkdir()
    (folder / dependencies.name).hardlink_to(dependencies)
    return folder


def test_the_asset_holds_the_code_as_it_is(asset: Path) -> None:
    modules = sorted(RUNTIME.glob("*.py"))
    assert "lambda_function.py" in {module.name for module in modules}
    for module in modules:
        assert (asset / module.name).read_bytes() == module.read_bytes()


def test_everything_that_is_committed_ships() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
        cwd=RUNTIME,
    )
    committed = {name for name in listed.stdout.split("\0") if name}
    assert {str(path) for path in bundling.shipped(RUNTIME)} == committed - {"requirements.txt"}


def test_what_tools_leave_behind_does_not_ship(source: Path, cache: Path) -> None:
    before = bundling.build(source, HOST, cache=cache)
    for name in LEFT_BEHIND:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("left = True\n")
    assert bundling.shipped(source) == bundling.shipped(RUNTIME)
    assert bundling.build(source, HOST, cache=cache) == before


def test_a_package_among_the_modules_ships(source: Path) -> None:
    (source / "rules").mkdir()
    (source / "rules" / "__init__.py").touch()
    assert Path("rules", "__init__.py") in bundling.shipped(source)


def test_code_without_packages_ships_as_it_is(tmp_path: Path) -> None:
    (source := tmp_path / "runtime").mkdir()
    for name in ("hook.py", *LEFT_BEHIND):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("left = True\n")
    asset = bundling.build_plain(source, cache=tmp_path)
    with zipfile.ZipFile(asset.path) as archive:
        assert archive.namelist() == ["hook.py"]
        assert archive.read("hook.py") == b"left = True\n"
    (source / "hook.py").write_text("# another\n")
    assert bundling.build_plain(source, cache=tmp_path).digest != asset.digest


def test_the_asset_holds_what_renders_the_document_and_its_licence(asset: Path) -> None:
    shipped = asset / "pages" / "swagger-ui"
    renderer = ROOT / "node_modules" / "swagger-ui-dist"
    assert sorted(path.name for path in shipped.iterdir()) == [
        "LICENSE",
        "NOTICE",
        "swagger-ui-bundle.js.LICENSE.txt",
        "swagger-ui-bundle.js.gz",
        "swagger-ui.css.gz",
    ]
    for path in shipped.iterdir():
        original = (renderer / path.name.removesuffix(".gz")).read_bytes()
        content = path.read_bytes()
        assert original == (gzip.decompress(content) if path.suffix == ".gz" else content)


def test_the_asset_holds_the_committed_document(asset: Path) -> None:
    document = gzip.decompress((asset / "pages" / "openapi.json.gz").read_bytes())
    assert document == (ROOT / "docs" / "openapi.json").read_bytes()
    assert not (asset / "pages" / "openapi.json").exists()


def test_another_document_is_another_asset_with_the_same_dependencies(
    source: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bundling.build(source, HOST, cache=cache)
    (changed := tmp_path / "openapi.json").write_text("{}")
    monkeypatch.setattr(bundling, "_DOCUMENT", changed)
    after = bundling.build(source, HOST, cache=cache)
    assert before.digest != after.digest
    with zipfile.ZipFile(after.path) as archive:
        assert gzip.decompress(archive.read("pages/openapi.json.gz")) == b"{}"
    assert len(list(cache.glob("dependencies-*"))) == 1


def test_another_renderer_is_another_asset(
    source: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bundling.build(source, HOST, cache=cache)
    changed = tmp_path / "renderer"
    shutil.copytree(bundling._RENDERER, changed)
    (changed / "swagger-ui.css").write_text("/* changed */")
    monkeypatch.setattr(bundling, "_RENDERER", changed)
    # Archived with the packages, which take their time and aren't what this is about.
    monkeypatch.setattr(
        bundling, "_install", lambda _requirements, _platform, folder: folder.mkdir()
    )
    monkeypatch.setattr(pruning, "prune", lambda _folder: None)
    after = bundling.build(source, HOST, cache=cache)
    assert before.digest != after.digest
    with zipfile.ZipFile(after.path) as archive:
        style = archive.read("pages/swagger-ui/swagger-ui.css.gz")
    assert gzip.decompress(style) == b"/* changed */"


@pytest.mark.parametrize(
    ("missing", "path", "remedy"),
    [
        ("_RENDERER", "node_modules/nothing", "./scripts/run installs it"),
        ("_DOCUMENT", "docs/nothing", "./scripts/openapi writes it"),
    ],
)
def test_what_is_missing_is_said_with_its_remedy(
    missing: str, path: str, remedy: str, source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundling, missing, ROOT / path)
    with pytest.raises(RuntimeError, match=rf"^{path}\S* is missing: {remedy}\.$"):
        bundling.build(source, HOST, cache=cache)


def test_the_asset_holds_no_tests_and_each_package_once(asset: Path) -> None:
    for pattern in ("test", "tests", "test_*.py", "*_test.py", "conftest.py"):
        assert not list(asset.rglob(pattern))
    assert [path.relative_to(asset) for path in asset.rglob("botocore")] == [Path("botocore")]
    assert not (asset / "boto3").exists()
    packages = [path.name.split("-")[0] for path in asset.glob("*.dist-info")]
    assert len(packages) == len(set(packages))


def test_the_asset_holds_the_names_of_time_zones(asset: Path) -> None:
    assert "Europe/Berlin" in (asset / "tzdata" / "zones").read_text().split()


def test_bytecode_is_loaded_without_a_look_at_its_source(asset: Path) -> None:
    sources = [path for path in asset.rglob("*.py") if ".dist-info/" not in str(path)]
    assert len(sources) > 100
    for path in sources:
        bytecode = Path(importlib.util.cache_from_source(str(path))).read_bytes()
        assert bytecode[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(bytecode[4:8], "little") == UNCHECKED_HASH
        assert bytecode[8:16] == importlib.util.source_hash(path.read_bytes())
        code = marshal.loads(bytecode[16:])  # noqa: S302 this project's build made it
        assert isinstance(code, CodeType)
        assert code.co_filename == f"/var/task/{path.relative_to(asset).as_posix()}"


@pytest.mark.parametrize("architecture", ["aarch64", "x86_64"])
def test_of_a_native_package_it_takes_the_wheel_for_the_platform(
    architecture: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None ships today; what the package is doesn't matter, so nothing of it is pruned.
    monkeypatch.setattr(pruning, "prune", lambda _: None)
    wheels = [_make_wheel(tmp_path, name) for name in ("aarch64", "x86_64")]
    hashes = " ".join(
        f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}" for wheel in wheels
    )
    (source / "requirements.txt").write_text(
        f"--no-index\n--find-links {tmp_path.as_uri()}\nnative==1 {hashes}\n"
    )
    platform = Platform(architecture, f"{architecture}-manylinux_2_28")
    with zipfile.ZipFile(bundling.fetch_dependencies(source, platform, cache=tmp_path)) as archive:
        assert archive.read("native.so").decode() == architecture


def test_the_asset_for_this_machine_starts_on_it(tmp_path: Path) -> None:
    # Without site-packages: what it imports is in the asset.
    program = "import sys; sys.path.insert(0, sys.argv[1]); import lambda_function as function; "
    program += "print(function.__file__, callable(function.handler))"
    asset = _unpack(bundling.build(RUNTIME, HOST), tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program, str(asset)],
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
    assert done.stdout.split() == [str(asset / "lambda_function.py"), "True"], done.stderr


@pytest.mark.parametrize("platform", [LAMBDA_ARM64, HOST], ids=["lambda", "host"])
def test_the_same_code_elsewhere_and_later_is_the_same_asset(
    platform: Platform, source: Path, tmp_path: Path
) -> None:
    for path in source.rglob("*.py"):
        os.utime(path, (0, 0))
    # From nothing, in another process, whose sets have another order and which has imported less.
    program = (
        "import sys; from pathlib import Path; from backend.api import bundling as b; "
        "source, cache = map(Path, sys.argv[1:3]); "
        "a = b.build(source, b.Platform(sys.argv[3], sys.argv[4] or None), cache=cache); "
        "print(a.path, a.digest)"
    )
    arguments = [str(source), str(tmp_path / "cache"), platform.architecture, platform.wheels or ""]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=RUNTIME.parents[2],
    )
    path_of_copy, digest_of_copy = done.stdout.split()
    original = bundling.build(RUNTIME, platform)
    assert digest_of_copy == original.digest
    assert Path(path_of_copy).read_bytes() == original.path.read_bytes()


def test_unchanged_code_is_not_built_again(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = bundling.build(source, HOST, cache=cache)
    monkeypatch.setattr(subprocess, "run", None)  # nothing is started
    for path in source.rglob("*.py"):
        path.touch()
    assert bundling.build(source, HOST, cache=cache) == asset


def test_of_many_edits_the_last_few_are_kept(source: Path, cache: Path) -> None:
    module = source / "errors.py"
    for number in range(10):
        module.write_text(f"{number}")
        asset = bundling.build(source, HOST, cache=cache)
    assert asset.path.exists()
    assert len(list(cache.glob("function-*"))) == 8
    assert len(list(cache.glob("dependencies-*"))) == 1


def test_a_comment_in_the_build_is_the_same_asset(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The packages take their time and aren't what this is about.
    monkeypatch.setattr(
        bundling, "_install", lambda _requirements, _platform, folder: folder.mkdir()
    )
    monkeypatch.setattr(pruning, "prune", lambda _folder: None)
    before = bundling.build(source, HOST, cache=tmp_path)
    (changed := tmp_path / "pruning.py").write_text(f"{Path(pruning.__file__).read_text()}# more")
    monkeypatch.setattr(pruning, "__file__", str(changed))
    after = bundling.build(source, HOST, cache=tmp_path)
    assert before.path != after.path  # it was built again
    assert before.digest == after.digest


def test_another_compression_is_the_same_asset(source: Path, cache: Path, tmp_path: Path) -> None:
    built = bundling.build(source, HOST, cache=cache)
    elsewhere = tmp_path / "elsewhere.zip"
    with zipfile.ZipFile(built.path) as archive, zipfile.ZipFile(elsewhere, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith(".gz"):
                content = gzip.compress(gzip.decompress(content), 1)
            other.writestr(name, content)
    assert Asset(elsewhere).digest == built.digest


def test_changed_code_is_another_asset(source: Path, cache: Path) -> None:
    before = bundling.build(source, HOST, cache=cache)
    with (source / "errors.py").open("a") as module:
        module.write("\n# changed\n")
    after = bundling.build(source, HOST, cache=cache)
    assert before.digest != after.digest
    with zipfile.ZipFile(after.path) as archive:
        assert archive.read("errors.py").endswith(b"# changed\n")


def test_code_that_does_not_compile_is_an_error_with_its_place(source: Path, cache: Path) -> None:
    (source / "errors.py").write_text("x = 1\ndef broken(:\n")
    with pytest.raises(RuntimeError, match=r'(?s)"/var/task/errors\.py", line 2.*SyntaxError'):
        bundling.build(source, HOST, cache=cache)
    assert not list(cache.glob("function-*"))


def test_lambda_may_read_what_the_builder_made() -> None:
    with zipfile.ZipFile(bundling.build(RUNTIME, LAMBDA_ARM64).path) as archive:
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_a_wheel_that_cannot_be_had_is_an_error(source: Path, tmp_path: Path) -> None:
    (source / "requirements.txt").write_text(f"no-such-package==1 --hash=sha256:{'0' * 64}\n")
    cache = tmp_path / "cache"
    with pytest.raises(RuntimeError, match="no-such-package"):
        bundling.build(source, HOST, cache=cache)
    assert list(cache.iterdir()) == []


def test_bytecode_for_another_python_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling, "PYTHON_VERSION", (3, 12))
    with pytest.raises(RuntimeError, match=r"Use \.venv/bin/python"):
        bundling.build(RUNTIME, HOST)


def test_the_asset_stays_small() -> None:
    assert bundling.build(RUNTIME, LAMBDA_ARM64).path.stat().st_size < 4 * MEGABYTE


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


def _unpack(asset: Asset, folder: Path) -> Path:
    with zipfile.ZipFile(asset.path) as archive:
        archive.extractall(unpacked := folder / "asset")
    return unpacked
