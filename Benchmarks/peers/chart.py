"""A bar chart in SVG: a group of bars a workload, a bar a program, each relative to the best peer."""

from html import escape

COLOURS = ["#1f6feb", "#d97706", "#059669", "#9333ea", "#dc2626", "#64748b"]


def draw(title, workloads, programs, rates):
    """rates[(program, workload)] is a rate, or missing; bars are rates over the best rate of the workload."""
    bar, gap, left, height = 18, 26, 60, 220
    group = bar * len(programs) + gap
    width = left + group * len(workloads) + 20
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + 110}" '
        'font-family="sans-serif" font-size="11">',
        f'<text x="{left}" y="18" font-size="14">{escape(title)}</text>',
    ]
    for tick in (0, 0.5, 1):
        y = 40 + height * (1 - tick)
        out.append(f'<line x1="{left}" x2="{width - 10}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    for place, workload in enumerate(workloads):
        best = max((rates.get((program, workload), 0) for program in programs), default=0) or 1
        x = left + gap / 2 + place * group
        for index, program in enumerate(programs):
            rate = rates.get((program, workload))
            if rate is None:
                continue
            size = height * rate / best
            out.append(
                f'<rect x="{x + index * bar}" y="{40 + height - size:.1f}" width="{bar - 3}" height="{size:.1f}" '
                f'fill="{COLOURS[index % len(COLOURS)]}"><title>{escape(program)}: {rate:.1f}</title></rect>')
        out.append(
            f'<text x="{x + bar * len(programs) / 2}" y="{height + 56}" text-anchor="middle">{escape(workload)}</text>')
    for index, program in enumerate(programs):
        x = left + index * 150
        out.append(f'<rect x="{x}" y="{height + 76}" width="11" height="11" fill="{COLOURS[index % len(COLOURS)]}"/>')
        out.append(f'<text x="{x + 16}" y="{height + 86}">{escape(program)}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"
