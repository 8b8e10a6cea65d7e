"""The figures as a picture: throughput against the peers, and cost against the number of subscribers."""
import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot  # noqa: E402 (the backend is chosen first)

COLORS = {"tool": "#1f77b4", "limit": "#9e9e9e", "peer": "#d98c3f"}


def find(figures, name):
    return next((group for group in figures["groups"] if group["group"] == name), None)


def draw_bars(axes, group):
    rows = [row for row in reversed(group["rows"]) if row["values"]]
    values = [row["median"] / 1000 for row in rows]
    spread = [[value - min(row["values"]) / 1000 for value, row in zip(values, rows)],
              [max(row["values"]) / 1000 - value for value, row in zip(values, rows)]]
    axes.barh([row["name"] for row in rows], values, color=[COLORS[row["kind"]] for row in rows], xerr=spread,
              error_kw={"elinewidth": 1, "capsize": 2})
    axes.set_title(group["title"], fontsize=9)
    axes.set_xlabel("1000 messages/s")


def draw_curves(axes, group):
    for kind, label in (("tool", "chat-pub, N chat-sub"), ("limit", "raw hiredis")):
        rows = [row for row in group["rows"] if row["kind"] == kind and row["values"]]
        axes.plot([row["x"] for row in rows], [row["median"] for row in rows], "o-", color=COLORS[kind], label=label)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_title(group["title"], fontsize=9)
    axes.set_xlabel("subscribers")
    axes.set_ylabel(group["unit"])
    axes.legend(fontsize=8)


PANELS = {"publish": draw_bars, "end to end": draw_bars, "replay": draw_bars, "subscribers": draw_curves}


def plot(figures, file):
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 8})
    picture, panels = pyplot.subplots(2, 2, figsize=(11, 6), layout="constrained")
    for axes, (name, draw) in zip(panels.flat, PANELS.items()):
        group = find(figures, name)
        axes.spines[["top", "right"]].set_visible(False)
        if group:
            draw(axes, group)
    picture.savefig(file, format="svg", metadata={"Date": None})
