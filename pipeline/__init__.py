"""What takes a commit from a pull request to production; toolchain.py composes it."""
