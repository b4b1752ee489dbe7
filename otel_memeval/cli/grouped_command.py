"""A command whose help lists its options in groups with headings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click


class GroupedCommand(click.Command):
    """A command with one argument and groups of options, each with a heading.

    ``project_defaults`` returns defaults by the name of the option, which the command line overrides.
    """

    def __init__(self, name: str | None, *, groups: Mapping[str, Sequence[click.Option]], **attributes: object) -> None:
        self.groups = groups
        options = [option for group in groups.values() for option in group]
        super().__init__(name, **{**attributes, "params": [*_params(attributes), *options]})  # type: ignore[arg-type]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group; the option of the help itself is in the last one."""
        last = list(self.groups)[-1]
        help_option = self.get_help_option(ctx)
        for heading, group in self.groups.items():
            options = [*group, help_option] if heading == last and help_option is not None else group
            rows = [row for option in options if (row := option.get_help_record(ctx)) is not None]
            with formatter.section(heading):
                formatter.write_dl(rows, col_max=26)


def _params(attributes: Mapping[str, object]) -> Sequence[click.Parameter]:
    params = attributes.get("params") or ()
    assert isinstance(params, Sequence)
    return params
