"""The texts of click in Chinese: of help pages and of usage errors.

Click looks its texts up with `gettext`; `speak_chinese` gives its modules a look-up in `TEXTS`
instead. A text that is not there stays as click wrote it, so a newer click is at worst English.
"""

from __future__ import annotations

import gettext
import sys
from typing import Any

import click

TEXTS = {
    "Usage:": "用法：",
    "Options": "选项",
    "Commands": "命令",
    "Positional arguments": "参数",
    "Show this message and exit.": "显示本帮助并退出",
    "Show the version and exit.": "显示版本并退出",
    "default: {default}": "默认：{default}",
    "env var: {var}": "环境变量：{var}",
    "required": "必填",
    "(dynamic)": "（动态）",
    "path": "路径",
    "file": "文件",
    "directory": "文件夹",
    "Error: {message}": "错误：{message}",
    "Try '{command} {option}' for help.": "帮助：{command} {option}",
    "Missing argument": "缺少参数",
    "Missing option": "缺少选项",
    "Missing parameter": "缺少参数",
    "Missing {param_type}": "缺少 {param_type}",
    "Missing parameter: {param_name}": "缺少参数：{param_name}",
    "Missing command.": "缺少命令。",
    "Invalid value: {message}": "值不对：{message}",
    "Invalid value for {param_hint}: {message}": "{param_hint} 的值不对：{message}",
    "No such option {name!r}.": "没有选项“{name}”。",
    "No such option: {name}": "没有选项“{name}”。",
    "No such command {name!r}.": "没有命令“{name}”。",
    "Did you mean {possibility}?": "是否想写 {possibility}？",
    "(Did you mean one of: {possibilities}?)": "（是否想写其中之一：{possibilities}？）",
    "Option {name!r} does not take a value.": "选项“{name}”后面不跟值。",
    "Option {name!r} requires an argument.": "选项“{name}”后面要跟一个值。",
    "Option {name!r} requires {nargs} arguments.": "选项“{name}”后面要跟 {nargs} 个值。",
    "Argument {name!r} takes {nargs} values.": "参数“{name}”要 {nargs} 个值。",
    "Takes {nargs} values but 1 was given.": "要 {nargs} 个值，只给了1个。",
    "Takes {nargs} values but {len} were given.": "要 {nargs} 个值，给了 {len} 个。",
    "Got unexpected extra argument ({args})": "多出了参数：{args}",
    "Got unexpected extra arguments ({args})": "多出了参数：{args}",
    "Choose from:\n\t{choices}": "可选：{choices}",
    "{value!r} is not {choice}.": "“{value}”不是 {choice}。",
    "{value!r} is not one of {choices}.": "“{value}”不在可选值中：{choices}。",
    "{value!r} is not a valid {number_type}.": "“{value}”不是{number_type}。",
    "{value} is not in the range {range}.": "{value} 超出范围（{range}）。",
    "{name} {filename!r} does not exist.": "{name} {filename} 不存在。",
    "{name} {filename!r} is a file.": "{name} {filename} 是文件。",
    "{name} {filename!r} is a directory.": "{name} {filename} 是文件夹。",
    "{name} {filename!r} is not readable.": "{name} {filename} 不可读。",
    "{name} {filename!r} is not writable.": "{name} {filename} 不可写。",
    "Could not open file {filename!r}: {message}": "打不开文件 {filename}：{message}",
    "unknown error": "原因不明",
    "Aborted!": "已中断",
}
KINDS = {
    "integer": "整数",
    "integer range": "整数",
    "float": "数",
    "float range": "数",
    "text": "文本",
}


class _Pattern(str):
    """A text to be filled in; the kinds of numbers that click names are put into Chinese."""

    def format(self, *values: object, **named: object) -> str:
        chinese = {k: KINDS.get(v, v) if isinstance(v, str) else v for k, v in named.items()}
        return super().format(*values, **chinese)


def _text(message: str) -> str:
    return _Pattern(TEXTS[message]) if message in TEXTS else gettext.gettext(message)


def _one_or_many(one: str, many: str, number: int) -> str:
    message = one if number == 1 else many
    return _Pattern(TEXTS[message]) if message in TEXTS else gettext.ngettext(one, many, number)


def speak_chinese() -> None:
    """Make click write Chinese; to be called before commands are defined."""
    for name, module in list(sys.modules.items()):
        if name == "click" or name.startswith("click."):
            if getattr(module, "_", None) is gettext.gettext:
                vars(module)["_"] = _text
            if getattr(module, "ngettext", None) is gettext.ngettext:
                vars(module)["ngettext"] = _one_or_many


def chinese_words(command: click.Command) -> click.Command:
    """Return a command with the words that stand for values in its usage line in Chinese."""
    if command.options_metavar == "[OPTIONS]":
        command.options_metavar = "[选项]"
    if isinstance(command, click.Group):
        if str(command.subcommand_metavar).startswith("COMMAND"):
            command.subcommand_metavar = "命令 [参数]..."
        for inner in getattr(command, "commands", {}).values():
            chinese_words(inner)
    for param in command.params:
        kind: Any = param.type.name
        if isinstance(param, click.Option) and param.metavar is None and kind in KINDS:
            param.metavar = KINDS[kind]
    return command
