"""The figures as a picture: throughput against the peers, and cost against subscribers and distance."""
import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot  # noqa: E402 (the backend is chosen first)

COLORS = {"tool": "#1f77b4", "limit": "#9e9e9e", "peer": "#d98c3f"}


def draw_bars(axes, group):
    rows = [row for row in reversed(group["rows"]) if row["values"]]
    values = [row["median"] / 1000 for row in rows]
    spread = [[value - min(row["values"]) / 1000 for value, row in zip(values, rows)],
              [max(row["values"]) / 1000 - value for value, row in zip(values, rows)]]
    axes.barh([row["name"] for row in rows], values, color=[COLORS[row["kind"]] for row in rows], xerr=spread,
              error_kw={"elinewidth": 1, "capsize": 2})
    axes.set_title(group["title"], fontsize=9)
    axes.set_xlabel("1000 messages/s")


def draw_subscribers(axes, group):
    for kind, label in (("tool", "chat-pub, N chat-sub"), ("limit", "raw hiredis")):
        rows = [row for row in group["rows"] if row["kind"] == kind and row["values"]]
        axes.plot([row["x"] for row in rows], [row["median"] for row in rows], "o-", color=COLORS[kind], label=label)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_title(group["title"], fontsize=9)
    axes.set_xlabel("subscribers")
    axes.set_ylabel(group["unit"])
    axes.legend(fontsize=8)


def draw_distance(axes, *groups):
    """Each program's curve; those that show the limit are broken lines."""
    curves = {}
    for row in (row for group in groups for row in group["rows"] if row["values"]):
        curves.setdefault((row["name"].rpartition(",")[0], row["kind"]), []).append((row["x"], row["median"]))
    for (name, kind), points in curves.items():
        axes.plot(*zip(*points), "o--" if kind == "limit" else "o-", label=name, markersize=3)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_yscale("log")
    axes.set_xlabel("ms to Redis and back")
    axes.set_ylabel(groups[0]["unit"])
    axes.legend(fontsize=7)


def draw_far_throughput(axes, publishing, replaying, *_):
    draw_distance(axes, publishing, replaying)
    axes.set_title("from far away: publishing and replaying", fontsize=9)


def draw_far_time(axes, _, __, starting, *___):
    draw_distance(axes, starting)
    axes.set_title("from far away: " + starting["title"], fontsize=9)


PANELS = [("publish", draw_bars), ("end to end", draw_bars), ("replay", draw_bars), ("subscribers", draw_subscribers),
          ("far", draw_far_throughput), ("far", draw_far_time)]


def plot(figures, file):
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 8})
    picture, panels = pyplot.subplots(3, 2, figsize=(11, 9.5), layout="constrained")
    for axes, (name, draw) in zip(panels.flat, PANELS):
        groups = [group for group in figures["groups"] if group["group"] == name]
        axes.spines[["top", "right"]].set_visible(False)
        if groups:
            draw(axes, *groups)
    picture.savefig(file, format="svg", metadata={"Date": None})
