"""What is installed, and how: of the build that CGISRV names."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.binary import BUILD
from support.commands import run


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`cmake --install` into a folder of its own."""
    prefix = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", BUILD, "--prefix", prefix)
    return prefix
