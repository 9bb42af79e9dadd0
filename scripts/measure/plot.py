"""Curves as SVG, by hand: panels one below the other, each with one line for each series."""

import math
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 240, 70, 150, 34, 40
COLOURS = ["#1b6ca8", "#c8553d", "#3d8361", "#7d5ba6", "#8a6d1d"]


def steps(most):
    """Some five round numbers from nought to beyond the greatest value."""
    raw = max(most, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(nice * power for nice in (1, 2, 2.5, 5, 10) if nice * power >= raw)
    return [step * count for count in range(math.ceil(most / step) + 1)] if most > 0 else [0, 1]


def number(value):
    return f"{value:.6g}"


def panel(top, title, unit, series):
    """series: {name: [(x, y), ..]}; points without a value are left out."""
    series = {name: [(x, y) for x, y in points if y is not None] for name, points in series.items()}
    points = [point for line in series.values() for point in line]
    across, up = steps(max((x for x, _ in points), default=1)), steps(max((y for _, y in points), default=1))
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at(x, y):
        return LEFT + width * x / across[-1], top + TOP + height * (1 - y / up[-1])

    drawn = [f'<text x="{LEFT}" y="{top + 20}" font-weight="bold">{escape(title)}, {escape(unit)}</text>']
    for value in up:
        x, y = at(0, value)
        drawn.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{LEFT + width}" y2="{y:.1f}" stroke="#ddd"/>')
        drawn.append(f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{number(value)}</text>')
    for value in across:
        x, y = at(value, 0)
        drawn.append(f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{number(value)}</text>')
    for index, (name, line) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        placed = [at(x, y) for x, y in sorted(line)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
        drawn.append(f'<text x="{WIDTH - RIGHT + 12}" y="{top + TOP + 14 + 18 * index}" fill="{colour}">{escape(name)}</text>')
    x, y = at(across[-1] / 2, 0)
    drawn.append(f'<text x="{x:.1f}" y="{y + 32:.1f}" text-anchor="middle">calls at once</text>')
    return drawn


def svg(panels):
    """panels: [(title, unit, series)]."""
    tall = HEIGHT * len(panels)
    drawn = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {tall}" width="{WIDTH}" height="{tall}" '
             'font-family="sans-serif" font-size="12">', f'<rect width="{WIDTH}" height="{tall}" fill="white"/>']
    for index, (title, unit, series) in enumerate(panels):
        drawn += panel(index * HEIGHT, title, unit, series)
    return "\n".join([*drawn, "</svg>"]) + "\n"
