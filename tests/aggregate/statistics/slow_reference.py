"""Every procedure once more: one cell after another, plainly, written from its formula.

Nothing here comes from the package, its constants neither, and no function knows arrays: a cell is
a list of numbers. Results are dictionaries by the name of the figure, one a cell. Series have
their plain twin in `tests/aggregate/test_change_points.py`.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean, median

from scipy import optimize, special, stats

Cell = Sequence[float]
Figures = dict[str, float | str]
Prior = tuple[float, float]

NAN = math.nan
MAD = 1 / stats.norm.ppf(0.75)


def without_nan(row: Cell) -> list[float]:
    return [float(x) for x in row if not math.isnan(x)]


def squares(row: Cell) -> float:
    """Sum of squared deviations; less than one part per million is no spread."""
    total = sum((x - fmean(row)) ** 2 for x in row)
    return total if len(row) > 1 and total > (len(row) - 1) * 1e-12 else 0.0


def winsorised(rows: Sequence[Cell]) -> list[list[float]]:
    cells = [without_nan(row) for row in rows]
    mads = {}
    for i, row in enumerate(cells):
        if len(row) >= 4:
            far = [abs(x - median(row)) for x in row]
            mads[i] = MAD * math.sqrt(len(row) / (len(row) - 1)) * median(far)
    family = median(mads.values()) if mads else 0.0
    for i, mad in mads.items():
        middle, reach = median(cells[i]), 4 * max(mad, family)
        if reach > 0:
            cells[i] = [min(max(x, middle - reach), middle + reach) for x in cells[i]]
    return cells


def prior(variances: Sequence[float], dfs: Sequence[float]) -> Prior:
    """Smyth's prior (d0, s0^2) by the method of moments, d0 at most 10; (0, 0) below ten cells."""
    used = [(s, d) for s, d in zip(variances, dfs, strict=True) if s > 0 and d > 0]
    if len(used) < 10:
        return 0.0, 0.0
    floor = 1e-5 * median(s for s, _ in used)
    e = [math.log(max(s, floor)) - special.digamma(d / 2) + math.log(d / 2) for s, d in used]
    scatter = sum((x - fmean(e)) ** 2 for x in e) / (len(e) - 1)
    excess = scatter - fmean(float(special.polygamma(1, d / 2)) for _, d in used)
    if excess <= 0:
        return 10.0, math.exp(fmean(e))
    half = optimize.brentq(lambda h: special.polygamma(1, h) - excess, 1e-6, 1e8, xtol=1e-14)
    s0 = math.exp(fmean(e) + special.digamma(half) - math.log(half))
    return min(2 * half, 10.0), s0


def centre(rows: Sequence[Cell]) -> list[Figures]:
    cells = winsorised(rows)
    own = [(squares(row), len(row) - 1) for row in cells]
    d0, s0 = prior([s / d if d > 0 else NAN for s, d in own], [d for _, d in own])
    found: list[Figures] = []
    for row, (square, freedom) in zip(cells, own, strict=True):
        figures: Figures = {"centre": fmean(row) if row else NAN, "half_width": NAN, "df": NAN}
        if freedom >= 1 and square > 0:
            df = d0 + freedom
            sd = math.sqrt((d0 * s0 + square) / df)
            figures |= {
                "df": df,
                "sd": math.sqrt(square / freedom),
                "moderated_sd": sd,
                "half_width": stats.t.ppf(0.975, df) * sd / math.sqrt(len(row)),
            }
        found.append(figures)
    return found


def adjusted(ps: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's q of each p, NaN where p is."""
    order = sorted((i for i, p in enumerate(ps) if not math.isnan(p)), key=lambda i: ps[i])
    q, least = [NAN] * len(ps), 1.0
    for rank in range(len(order), 0, -1):
        least = min(least, ps[order[rank - 1]] * len(order) / rank)
        q[order[rank - 1]] = least
    return q


def judged(effects: list[Figures], sufficient: Sequence[bool]) -> list[Figures]:
    """Add p, q, intervals, equivalence and verdict to theta, se and df of each cell."""
    for f in effects:
        theta, se, df = (float(f[name]) for name in ("theta", "se", "df"))
        t = stats.t(df)
        margin, reach = math.log(1.03), t.ppf(0.975) * se
        f |= {
            "p": 2 * t.sf(abs(theta) / se),
            "low": theta - reach,
            "high": theta + reach,
            "p_equivalent": max(t.sf((theta + margin) / se), t.cdf((theta - margin) / se)),
            "detectable": (t.ppf(0.975) + t.ppf(0.8)) * se,
        }
    tested = [float(f["p"]) if ok else NAN for f, ok in zip(effects, sufficient, strict=True)]
    for f, q, ok in zip(effects, adjusted(tested), sufficient, strict=True):
        f |= {"q": q, "verdict": _verdict(f, q, ok), "fcr_low": NAN, "fcr_high": NAN}
    called = [f for f in effects if f["verdict"] in ("slower", "faster")]
    level = 1 - 0.05 * len(called) / max(sum(not math.isnan(p) for p in tested), 1)
    for f in called:
        reach = stats.t.ppf((1 + level) / 2, float(f["df"])) * float(f["se"])
        f |= {"fcr_low": float(f["theta"]) - reach, "fcr_high": float(f["theta"]) + reach}
    return effects


def _verdict(f: Figures, q: float, sufficient: bool) -> str:
    theta = float(f["theta"])
    if not sufficient:
        return "insufficient"
    if q <= 0.05 and abs(math.exp(theta) - 1) >= 0.01:
        return "slower" if theta > 0 else "faster"
    return "equivalent" if float(f["p_equivalent"]) <= 0.05 else "inconclusive"


def two_versions(
    baseline: Sequence[Cell],
    candidate: Sequence[Cell],
    sitting_sd: float,
    sittings: tuple[int, int],
) -> list[Figures]:
    pairs = list(zip(winsorised(baseline), winsorised(candidate), strict=True))
    both = [(a, b) for a, b in pairs if a and b]
    freedom = [len(a) + len(b) - 2 for a, b in both]
    pooled = [squares(a) + squares(b) for a, b in both]
    d0, s0 = prior([s / d if d else NAN for s, d in zip(pooled, freedom, strict=True)], freedom)
    extra = sitting_sd**2 * (1 / sittings[0] + 1 / sittings[1])
    effects = [_effect(a, b, d0, s0, extra) for a, b in pairs]
    return judged(effects, [min(len(a), len(b)) >= 3 for a, b in pairs])


def _effect(a: Cell, b: Cell, d0: float, s0: float, extra: float) -> Figures:
    nothing: Figures = {"theta": NAN, "se": NAN, "se_within": NAN, "df": NAN}
    if not (a and b):
        return nothing
    nothing["theta"] = fmean(b) - fmean(a)
    arms = [(squares(arm), d0 / 2 + len(arm) - 1, len(arm)) for arm in (a, b)]
    if any(df == 0 for _, df, _ in arms) or (len(a) + len(b) > 2 and not any(s for s, *_ in arms)):
        return nothing
    parts = [((d0 / 2 * s0 + s) / df / n, df) for s, df, n in arms]
    within = sum(part for part, _ in parts)
    return nothing | {
        "se_within": math.sqrt(within),
        "se": math.sqrt(within + extra),
        "df": within**2 / sum(part**2 / df for part, df in parts),
    }


def quality(baseline: Sequence[Cell], arm: Sequence[Cell], examples: int) -> list[Figures]:
    floor = (100 / examples) ** 2 / 12
    found: list[Figures] = []
    for a, b in ((without_nan(x), without_nan(y)) for x, y in zip(baseline, arm, strict=True)):
        figures: Figures = {"difference": NAN, "df": NAN, "p": NAN, "p_equivalent": NAN}
        if a and b:
            figures["difference"] = fmean(b) - fmean(a)
        if min(len(a), len(b)) >= 2:
            parts = [(max(squares(x) / (len(x) - 1), floor) / len(x), len(x) - 1) for x in (a, b)]
            se = math.sqrt(sum(part for part, _ in parts))
            df = se**4 / sum(part**2 / d for part, d in parts)
            d, t = fmean(b) - fmean(a), stats.t(df)
            figures |= {
                "df": df,
                "p": 2 * t.sf(abs(d) / se),
                "p_equivalent": max(t.sf((d + 1) / se), t.cdf((d - 1) / se)),
                "low": d - t.ppf(0.975) * se,
                "high": d + t.ppf(0.975) * se,
            }
        found.append(figures)
    enough = [
        min(len(without_nan(x)), len(without_nan(y))) >= 3
        for x, y in zip(baseline, arm, strict=True)
    ]
    tested = [float(f["p"]) if ok else NAN for f, ok in zip(found, enough, strict=True)]
    for f, q, ok in zip(found, adjusted(tested), enough, strict=True):
        better = "better" if float(f["difference"]) > 0 else "worse"
        close = "equivalent" if float(f["p_equivalent"]) <= 0.05 else "inconclusive"
        f |= {"q": q, "verdict": "insufficient" if not ok else better if q <= 0.05 else close}
    return found


def contributors(
    theta: Sequence[Cell], variance: Sequence[Cell], quiet: Sequence[bool]
) -> list[Figures]:
    cells = [_measured(*row, quiet) for row in zip(theta, variance, strict=True)]
    kept = _screened(cells)
    taus = _taus(kept)
    pools = [_pooled(cell, tau) for cell, tau in zip(kept, taus, strict=True)]
    caps = [stats.chi2.ppf(0.999, max(len(cell) - 1, 1)) for cell in kept]
    d0, s0 = prior(
        [
            min(q, cap) / (len(c) - 1) if len(c) > 1 else NAN
            for (_, _, q, _), cap, c in zip(pools, caps, kept, strict=True)
        ],
        [len(cell) - 1 for cell in kept],
    )
    effects = []
    for cell, tau, pool in zip(kept, taus, pools, strict=True):
        effects.append(_pooled_effect(cell, tau, pool, d0, s0))
    found = judged(effects, [len(cell) >= 3 for cell in kept])
    for f, q in zip(found, adjusted([float(f["p_heterogeneity"]) for f in found]), strict=True):
        f["q_heterogeneity"] = q
    return found


def _measured(theta: Cell, variance: Cell, quiet: Sequence[bool]) -> list[tuple[float, float]]:
    known = [
        (t, v, calm)
        for t, v, calm in zip(theta, variance, quiet, strict=True)
        if not math.isnan(t) and v > 0
    ]
    enough = sum(calm for *_, calm in known) >= 5
    return [(t, v) for t, v, calm in known if calm or not enough]


def _screened(cells: list[list[tuple[float, float]]]) -> list[list[tuple[float, float]]]:
    distances = [[abs(t - median(y for y, _ in cell)) for t, _ in cell] for cell in cells]
    mads = [MAD * median(far) for far in distances if len(far) >= 3]
    kept = []
    for cell, far in zip(cells, distances, strict=True):
        if len(cell) >= 3:
            scale = max(MAD * median(far), median(mads))
            limits = [max(0.1, 5 * max(scale, math.sqrt(v))) for _, v in cell]
            cell = [each for each, d, limit in zip(cell, far, limits, strict=True) if d <= limit]
        kept.append(cell)
    return kept


def _pooled(cell: list[tuple[float, float]], tau: float) -> tuple[float, float, float, float]:
    """Weighted mean, sum of weights, Cochran's Q, and sum of squared weights."""
    if not cell:
        return NAN, NAN, NAN, NAN
    w = [1 / (v + (0.0 if math.isnan(tau) else tau)) for _, v in cell]
    mean = sum(each * t for each, (t, _) in zip(w, cell, strict=True)) / sum(w)
    q = sum(each * (t - mean) ** 2 for each, (t, _) in zip(w, cell, strict=True))
    return mean, sum(w), q, sum(each**2 for each in w)


def _taus(cells: list[list[tuple[float, float]]]) -> list[float]:
    several = [cell for cell in cells if len(cell) > 1]

    def middle(tau: float) -> float:
        return median(_pooled(cell, tau)[2] / stats.chi2.median(len(cell) - 1) for cell in several)

    if len(several) < 10:
        own = []
        for cell in cells:
            _, total, q, square = _pooled(cell, 0.0)
            some = len(cell) > 1
            own.append(max(0.0, (q - len(cell) + 1) / (total - square / total)) if some else NAN)
        return own
    common = 0.0
    if middle(0.0) > 1:
        common = optimize.brentq(lambda tau: middle(tau) - 1, 0.0, 10.0, xtol=1e-16, rtol=1e-12)
    return [common if len(cell) > 1 else NAN for cell in cells]


def _pooled_effect(
    cell: list[tuple[float, float]],
    tau: float,
    pool: tuple[float, float, float, float],
    d0: float,
    s0: float,
) -> Figures:
    mean, total, q, square = pool
    k = len(cell)
    found: Figures = {"theta": mean, "se": NAN, "df": NAN, "tau_squared": tau, "contributors": k}
    found |= {"p_heterogeneity": NAN, "prediction_low": NAN, "prediction_high": NAN}
    if k > 1:
        se = math.sqrt(max(1.0, (d0 * s0 + q) / (d0 + k - 1)) / total)
        found |= {"se": se, "df": max(1.0, min(d0, k) + total**2 / square - 1)}
        found["p_heterogeneity"] = stats.chi2.sf(_pooled(cell, 0.0)[2], k - 1)
    if k > 2:
        reach = stats.t.ppf(0.975, k - 2) * math.sqrt(tau + 2 * 0.005**2 + se**2)
        found |= {"prediction_low": mean - reach, "prediction_high": mean + reach}
    return found


def rank_intervals(cells: Sequence[Sequence[Cell]]) -> list[tuple[list[int], list[int]]]:
    """Best and worst place of each entry of each cell."""
    arms = centre([entry for cell in cells for entry in cell])
    runs = [len(without_nan(entry)) for cell in cells for entry in cell]
    found, at = [], 0
    for cell in cells:
        here = slice(at, at + len(cell))
        found.append(_places(arms[here], runs[here]))
        at += len(cell)
    return found


def _places(arms: list[Figures], runs: list[int]) -> tuple[list[int], list[int]]:
    ranked = [i for i, arm in enumerate(arms) if not math.isnan(float(arm["centre"]))]
    low = [1 if i in ranked else 0 for i in range(len(arms))]
    high = [len(ranked) if i in ranked else 0 for i in range(len(arms))]
    known = [i for i in ranked if not math.isnan(float(arms[i]["df"]))]
    tests = sorted(
        (_pair_p(arms[i], runs[i], arms[j], runs[j]), i, j) for i, j in combinations(known, 2)
    )
    for step, (p, i, j) in enumerate(tests):
        if p * (len(tests) - step) > 0.05:
            break
        faster, slower = sorted((i, j), key=lambda e: float(arms[e]["centre"]))
        low[slower] += 1
        high[faster] -= 1
    return low, high


def _pair_p(a: Figures, runs_a: int, b: Figures, runs_b: int) -> float:
    parts = [
        (float(arm["moderated_sd"]) ** 2 / runs, float(arm["df"]))
        for arm, runs in ((a, runs_a), (b, runs_b))
    ]
    variance = sum(part for part, _ in parts)
    df = variance**2 / sum(part**2 / d for part, d in parts)
    t = (float(a["centre"]) - float(b["centre"])) / math.sqrt(variance)
    return float(2 * stats.t.sf(abs(t), df))


def polished(y: Sequence[Cell]) -> tuple[list[list[float]], list[float]]:
    """Residuals and column effects of ten sweeps of a median polish, cells of four or more."""
    rows = [list(row) if len(without_nan(row)) >= 4 else [NAN] * len(row) for row in y]
    width = len(rows[0])
    effects = [0.0] * width
    for _ in range(10):
        rows = [_less_median(row) for row in rows]
        for k in range(width):
            column = without_nan([row[k] for row in rows])
            middle = median(column) if column else NAN
            effects[k] += middle
            for row in rows:
                row[k] -= middle
    return rows, effects


def _less_median(row: Cell) -> list[float]:
    held = without_nan(row)
    middle = median(held) if held else NAN
    return [x - middle for x in row]


def misfits(y: Sequence[Cell]) -> list[list[bool]]:
    rows, _ = polished(y)
    overall = MAD * median(abs(x) for row in rows for x in without_nan(row))
    limits = []
    for k in range(len(rows[0])):
        column = [abs(x) for x in without_nan([row[k] for row in rows])]
        scale = max(MAD * median(column), overall / 2) if column else NAN
        limits.append(max(4 * scale, math.log(1.25)))
    return [[abs(x) > limit for x, limit in zip(row, limits, strict=True)] for row in rows]


def per_cell(figures: Sequence[Figures], name: str, default: float = NAN) -> list[float | str]:
    """Return one figure of every cell."""
    return [each.get(name, default) for each in figures]
