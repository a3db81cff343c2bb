"""The parts of the pipeline, which toolchain.py composes."""
