"""Groups of commands that are imported only when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from drgpay.cli.chinese import chinese_words
from drgpay.cli.lang import LANG
from drgpay.ground.languages import is_chinese


class LazyGroup(click.Group):
    """A group whose commands are (module, attribute) until they are called."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of use."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None when there is none of that name."""
        if cmd_name not in self.lazy:
            return None
        module, attribute = self.lazy[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return chinese_words(command) if is_chinese(LANG) else command
