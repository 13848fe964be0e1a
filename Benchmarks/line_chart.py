"""Lines over time in SVG, a panel a topic."""

from html import escape

COLOURS = ["#1f6feb", "#d97706", "#059669", "#9333ea", "#dc2626"]


def draw(title, unit, panels):
    """panels: (caption, {name: values}), one value a step of the horizontal axis, which counts `unit`s from 1."""
    width, height, left, right = 760, 150, 70, 130
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + right}" height="{40 + len(panels) * (height + 60)}" '
        'font-family="sans-serif" font-size="11">',
        f'<text x="{left}" y="20" font-size="14">{escape(title)}</text>',
    ]
    for place, (caption, lines) in enumerate(panels):
        top = 50 + place * (height + 60)
        most = max((max(values) for values in lines.values() if values), default=0) or 1
        count = max((len(values) for values in lines.values()), default=1)
        out.append(f'<text x="{left}" y="{top - 6}">{escape(caption)}</text>')
        for share in (0, 0.5, 1):
            y = top + height * (1 - share)
            out.append(f'<line x1="{left}" x2="{left + width}" y1="{y}" y2="{y}" stroke="#ddd"/>')
            out.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{most * share:,.4g}</text>')
        for index, (name, values) in enumerate(lines.items()):
            colour = COLOURS[index % len(COLOURS)]
            points = " ".join(
                f"{left + width * step / max(1, count - 1):.1f},{top + height * (1 - value / most):.1f}"
                for step, value in enumerate(values))
            out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
            out.append(f'<text x="{left + width + 8}" y="{top + 12 + 14 * index}" fill="{colour}">{escape(name)}</text>')
        out.append(f'<text x="{left}" y="{top + height + 14}">{escape(unit)} 1</text>')
        out.append(f'<text x="{left + width}" y="{top + height + 14}" text-anchor="end">{count}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"
