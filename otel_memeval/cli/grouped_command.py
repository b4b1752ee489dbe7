"""A command whose help lists its options in groups with headings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import click


class GroupedCommand(click.Command):
    """A command with an argument and groups of options by heading; options that are added later are in the group Other."""

    def __init__(
        self,
        name: str,
        callback: Callable[..., object],
        argument: click.Argument,
        groups: Mapping[str, Sequence[click.Option]],
        help_text: str,
        epilog: str,
    ) -> None:
        self._groups = groups
        super().__init__(
            name,
            callback=callback,
            params=[argument, *(option for group in groups.values() for option in group)],
            help=help_text,
            epilog=epilog,
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
        )

    @property
    def groups(self) -> dict[str, Sequence[click.Option]]:
        """The options by the heading of their group."""
        grouped = [option for group in self._groups.values() for option in group]
        others = [each for each in self.params if isinstance(each, click.Option) and each not in grouped]
        return {**self._groups, "Other": others}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group; the option of the help is in the last one."""
        for heading, group in self.groups.items():
            options = [*group, *filter(None, [self.get_help_option(ctx)])] if heading == "Other" else group
            rows = [row for option in options if (row := option.get_help_record(ctx)) is not None]
            with formatter.section(heading):
                formatter.write_dl(rows, col_max=26)
