"""How a program ends when something fails."""

import errno
import os

import pytest

from tooling.progress import Failure, failures_explained


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (Failure("Mend it.", "what a tool said"), "\nwhat a tool said\n\nMend it.\n"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
            "No space left on device: make room on the disk.\n",
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/checkout/.local"),
            "Permission denied (/checkout/.local): "
            "give yourself the permission, or use a checkout that is your own.\n",
        ),
        (
            OSError(errno.EROFS, os.strerror(errno.EROFS), "/checkout/.local"),
            "Read-only file system (/checkout/.local): "
            "use a checkout on a file system that can be written.\n",
        ),
    ],
)
def test_it_ends_with_a_sentence(
    failure: Exception, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end, failures_explained():
        raise failure
    assert end.value.code == 1
    assert capsys.readouterr().err == sentence


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(FileNotFoundError), failures_explained():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "our.py")
