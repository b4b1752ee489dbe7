"""Write the evidence of a report: lines, containers, references, stacks and resources that grow."""

from __future__ import annotations

from collections.abc import Sequence

from otel_memeval.exporters.html.growth_words import named_resources
from otel_memeval.exporters.html.markup import Html, escaped, join, listed, name, table, tag
from otel_memeval.exporters.terminal.advice import excerpt
from otel_memeval.exporters.terminal.text import code_location
from otel_memeval.records import WORDS, CodeLocation, Explanation, Holder, Result, Site
from otel_memeval.units import format_bytes, format_items

_MOST_EXCERPTS = 5
"""Growing lines that are shown with the source around them; each costs one reading of a file."""

_MOST_OPEN_LINES = 20
"""Growing lines that are not folded."""

_MOST_STACKS = 20
"""Stacks that are listed; the flame graph has all."""


def sites_section(result: Result, folder: str | None) -> Html:
    """Return the growing lines as bars, the first ones with the source around them; nothing without lines.

    ``folder``: the one that paths of the result are relative to; None: no source is read.
    """
    if not result.sites:
        return Html()
    most = max(abs(site.bytes_per_iteration) for site in result.sites) or 1.0
    rows = [
        [
            join([tag("code", _site(site)), _remark(site), _bar(abs(site.bytes_per_iteration) / most)]),
            format_bytes(site.bytes_per_iteration, signed=True),
            format_bytes(site.retained_bytes),
            f"{site.blocks:,}",
        ]
        for site in result.sites
    ]
    headings = ["line", "per iteration", "alive at the end", "blocks"]
    first = table("Live memory of each line, largest growth first", headings, rows[:_MOST_OPEN_LINES], numbers=3)
    rest = table("Further lines that grow", headings, rows[_MOST_OPEN_LINES:], numbers=3)
    folded = tag("details", tag("summary", f"{len(rows) - _MOST_OPEN_LINES:,} more lines"), rest) if rest else Html()
    more = tag("p", f"and {result.more_sites} more; --top shows them", class_="small") if result.more_sites else ""
    sources = [] if folder is None else [_source(site, folder) for site in result.sites[:_MOST_EXCERPTS]]
    return join([first, folded, more, *sources])


def _site(site: Site) -> str:
    return code_location(site.file, site.line, site.function)


def _remark(site: Site) -> Html:
    lines = [
        f"through {_location(site.through)}" if site.through is not None else "",
        f"allocated at {', '.join(map(_location, site.allocated_at[:3]))}" if site.allocated_at else "",
        "into a bounded container" if site.bounded else "",
    ]
    return join([tag("span", line, class_="small block") for line in lines if line])


def _location(line: CodeLocation) -> str:
    return code_location(line.file, line.line, line.function)


def _bar(share: float) -> Html:
    """Return a bar of a share from 0 to 1; the number stands beside it."""
    return Html(f'<svg class="bar" aria-hidden="true"><rect width="{100 * min(1.0, share):.1f}%" height="100%"/></svg>')


def _source(site: Site, folder: str) -> Html:
    """Return the source around a line without its texts; nothing where the file is not there, or is a library's."""
    lines = excerpt(site, folder)
    if not lines:
        return Html()
    content = [
        tag("mark", f"{number:5}  {text}") if is_site else escaped(f"{number:5}  {text}") for number, text, is_site in lines
    ]
    caption = tag("figcaption", tag("code", _site(site)))
    return tag("figure", caption, tag("pre", join(content, "\n"), tabindex="0"), class_="source")


def holders_section(result: Result) -> Html:
    """Return each growing container as a tree from the module that leads to it; nothing without containers."""
    if not result.holders:
        return Html()
    chain = result.explanation.chain if result.explanation is not None else []
    trees = [_holder_tree(holder) for holder in result.holders]
    more = tag("p", f"and {result.more_holders} more; --top shows them", class_="small") if result.more_holders else ""
    references = join([tag("p", tag("strong", "References to a retained object")), _chain_tree(chain)]) if chain else Html()
    return join([*trees, more, references])


def _holder_tree(holder: Holder) -> Html:
    """Return the path to a container, the container, and its newest items, one below the other."""
    steps = [name(step) for step in holder.path.split(" -> ")] if holder.path else [escaped("(no module leads to it)")]
    bound = f", at most {holder.bound:,}" if holder.bound is not None else ""
    bound += f", bounded: {holder.bound_from}" if holder.bound_from else ""
    kind = join([" ", name(holder.type), f", {holder.length:,} items{bound}"])
    steps[-1] = join([tag("strong", steps[-1]), tag("span", kind, class_="small")])
    return _tree([*steps, _newest(holder)])


def _newest(holder: Holder) -> Html:
    if not holder.items_per_iteration:
        return tag("mark", "grows inside its items")
    items = "item" if holder.items_per_iteration == 1 else "items"
    text = f"newest: {format_items(holder.items_per_iteration)} {items} per iteration"
    if holder.bytes_per_iteration is not None:
        each = format_bytes(holder.bytes_per_iteration / holder.items_per_iteration)
        text += f", about {each} each, {format_bytes(holder.bytes_per_iteration, signed=True)} per iteration"
    return tag("mark", text)


def _chain_tree(chain: Sequence[object]) -> Html:
    steps = [join([name(getattr(step, "step", "")), tag("span", " ", name(getattr(step, "type", "")), class_="small")])
             for step in chain]  # fmt: skip
    steps[-1] = tag("mark", steps[-1])
    return _tree(steps)


def _tree(steps: Sequence[Html]) -> Html:
    """Return steps as lists inside each other, the first one outermost."""
    inner = Html()
    for step in reversed(steps):
        inner = tag("ul", tag("li", step, inner))
    return Html(inner.replace("<ul>", '<ul class="tree">', 1))


def explanation_section(result: Result, run: int) -> Html:
    """Return flame graph, types and stacks of ``--explain``; ``run`` is the place of the result on the page."""
    explanation = result.explanation
    if explanation is None:
        return Html()
    rows = [
        [
            tag("code", name(grown.type)),
            format_bytes(grown.bytes_per_iteration, signed=True),
            format_items(grown.objects_per_iteration),
        ]
        for grown in explanation.types
    ]
    types = table("Types of retained objects", ["type", "per iteration", "objects"], rows, numbers=2)
    notes = listed([f"not explained: {note}" for note in explanation.notes], class_="small")
    return join([_flame(explanation, run), types, _stacks(explanation), notes])


def _flame(explanation: Explanation, run: int) -> Html:
    """Return the place of the flame graph, which the page's script draws."""
    if not explanation.stacks:
        return Html()
    is_peak = all(stack.bytes_per_iteration is None for stack in explanation.stacks)
    what = "Flame graph of what is alive at the peak" if is_peak else "Flame graph of what is kept per iteration"
    caption = tag("figcaption", f"{what}: outermost frame on top, a click or Enter zooms", id=f"flame-{run}")
    readout = tag("p", "", class_="readout", aria_live="polite")
    unit = "" if is_peak else " per iteration"
    return tag(
        "figure",
        caption,
        tag("div", class_="plot"),
        readout,
        data_flame=True,
        data_run=str(run),
        data_unit=unit,
        class_="chart",
    )


def _stacks(explanation: Explanation) -> Html:
    """Return the stacks as lists, the innermost frame first."""
    parts = []
    for stack in explanation.stacks[:_MOST_STACKS]:
        if stack.peak_bytes is not None:
            heading = f"{format_bytes(stack.peak_bytes)} alive at the peak"
        else:
            heading = f"{format_bytes(stack.bytes_per_iteration or 0, signed=True)} per iteration"
        frames = [tag("code", _location(frame)) for frame in stack.frames if frame.file or frame.function]
        parts.append(tag("details", tag("summary", heading), tag("ol", *(tag("li", frame) for frame in frames))))
    return join([tag("p", tag("strong", "Stacks")), *parts]) if parts else Html()


def resources_section(result: Result) -> Html:
    """Return resources beside memory, each with its own verdict; nothing if none was read."""
    if result.resources is None:
        return Html()
    rows = [
        [
            WORDS[key][1],
            tag("strong", "grows") if resource.growing else "does not keep growing",
            _examples(resource.examples, resource.made_at),
            f"{resource.before:,}",
            f"{resource.after:,}",
            format_items(resource.per_iteration),
        ]
        for key, resource in named_resources(result)
    ]
    memory = result.resources.child_memory_bytes
    if memory is not None:
        grows = tag("strong", "grows") if memory.growing else escaped("does not keep growing")
        sizes = [format_bytes(memory.before), format_bytes(memory.after), format_bytes(memory.per_iteration, signed=True)]
        rows.append(["memory of child processes", grows, _examples(memory.examples, []), *sizes])
    headings = ["resource", "verdict", "newest", "before", "after", "per iteration"]
    return table("Resources beside memory", headings, rows, numbers=3)


def _examples(examples: Sequence[str], made_at: Sequence[CodeLocation]) -> Html:
    lines = [f"made at {_location(line)}" for line in made_at[:1]]
    return join([", ".join(examples[:3]), *(tag("span", line, class_="small block") for line in lines)])
