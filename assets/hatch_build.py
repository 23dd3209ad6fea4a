"""The step of a wheel's build that fetches what the pages take from npm."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
import build


class Assets(BuildHookInterface):  # type: ignore[type-arg]
    """Makes the folder where it is missing; a checkout's own environment makes it by `make`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the files are gathered."""
        if version != "editable" and not (build.VENDOR / build.LICENSES).exists():
            build.build()
