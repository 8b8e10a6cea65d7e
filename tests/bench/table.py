"""The figures as a table for people."""


def ratio(row, other, more_is_better, of=lambda row: row["median"]):
    """How many times as fast one row is as another; None when one of them has no figures."""
    if not row["values"] or not other["values"]:
        return None
    one, two = of(row), of(other)
    return one / two if more_is_better else two / one


def best(more_is_better):
    return lambda row: max(row["values"]) if more_is_better else min(row["values"])


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def times(value):
    return "-" if value is None else f"{value:.2f}"


def by_name(group, name):
    return next((row for row in group["rows"] if row["name"] == name), None)


def cells(group, row, peers):
    more = group["more_is_better"]
    limit = by_name(group, row.get("limit"))
    line = [row["name"], number(row.get("median")),
            f"{number(min(row['values'], default=None))} – {number(max(row['values'], default=None))}"]
    line.append(f"{times(ratio(row, limit, more))} ({times(ratio(row, limit, more, best(more)))})" if limit else "")
    other = row.get("other")
    line.append(f"{times(ratio(row, other, more))} ({times(ratio(row, other, more, best(more)))})" if other else "")
    line += [times(ratio(row, peer, more)) if row["kind"] == "tool" else "" for peer in peers]
    line.append(f"{max(row['memory_kib'], default=0) / 1024:.1f}")
    if row["wrong"]:
        line[0] += f" [{len(row['wrong'])} wrong]"
    return line


def group_table(group):
    """Title, head and rows; each column as wide as it must be."""
    peers = [row for row in group["rows"] if row["kind"] == "peer"]
    head = ["", "median", "min – max"]
    head.append("of limit (best)")
    head.append("of other (best)")
    head += [f"× {peer['name']}" for peer in peers] + ["MiB"]
    table = [head, *(cells(group, row, peers) for row in group["rows"])]
    for column in (4, 3):
        if not any(row[column] for row in table[1:]):
            table = [row[:column] + row[column + 1:] for row in table]
    widths = [max(map(len, column)) for column in zip(*table)]
    out = [f"{group['title']} ({group['unit']})"]
    for row in table:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths))
        out.append(f"  {row[0].ljust(widths[0])}  {'  '.join(others)}".rstrip())
    return "\n".join(out)


EXPLANATION = """A ratio above 1 means faster. "of limit" compares medians, and in brackets the best runs, with the raw
hiredis program beside it; "of other" does so with the tools of --against. MiB is the highest peak of resident memory of one of the programs in any run."""


def table(figures):
    machine = figures["machine"]
    head = (f"{machine['cpus']} CPUs, {machine['system']}, Redis {machine['redis']}, Unix socket; "
            f"{figures['rounds']} rounds")
    return "\n\n".join([head, *map(group_table, figures["groups"]), EXPLANATION])
