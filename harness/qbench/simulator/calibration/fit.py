"""Answers of a device -> prices with their covariance, the tiles of its kernels, scale and band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, hypot, isnan, log, sqrt

import msgspec

from qbench import placement
from qbench.errors import ProfileError
from qbench.records import ComputeUnit, Delegate, DeviceProfile, ModelInfo
from qbench.simulator import kernels
from qbench.simulator.calibration import plausible, solve
from qbench.simulator.calibration.document import GRAPH, Anchor, Group, Price
from qbench.simulator.calibration.reuse import Caches
from qbench.simulator.calibration.solve import Row, Solution
from qbench.simulator.calibration.work import DEPTHWISE, MATMUL, Described, Tiles, describe
from qbench.simulator.kernels import Dtype

# Matrix tiles of XNNPACK's kernels (gemm-config.c), x86 and Arm: those of the profile come first,
# the one that fits best is taken. Tiles are not asked of the runtime, which does not tell.
_PRODUCT_TILES = {
    Dtype.FP32: (
        *((4, 8, 1), (6, 8, 1), (4, 16, 1), (5, 16, 1), (6, 16, 1), (7, 16, 1)),
        *((5, 32, 1), (7, 32, 1)),
    ),
    Dtype.INT8: (
        *((4, 8, 8), (4, 16, 4), (4, 16, 8), (3, 8, 8), (5, 8, 8), (7, 8, 8), (7, 16, 4)),
        *((7, 16, 8), (16, 64, 4)),
    ),
}
_PRODUCT_TILES[Dtype.DYNAMIC] = _PRODUCT_TILES[Dtype.INT8]
_WINDOW = "window"  # matrix products of convolutions with a window
_CHANNEL_TILES = (4, 8, 16, 32)
_LAST_CACHE_PARTS = (2, 3, 4, 6, 8)
# Fits that differ less than this tell nothing about tiles.
_BETTER_RATIO = 0.97
_LEAST_SINGLES = 12
# PRIOR: how far whole networks are off beside what singles can tell: what this host showed.
_UNSEEN_SIGMA = {Dtype.FP32: 0.13, Dtype.INT8: 0.10, Dtype.DYNAMIC: 0.15}
# PRIOR: and beside what singles and a dozen networks tell. Eleven networks in each of nine
# calibrations of this host, each network predicted by the others: median absolute errors, times
# _MAD_SIGMA. Networks that validate a band had no part in it.
_NETWORK_SIGMA = {Dtype.FP32: 0.043, Dtype.INT8: 0.027, Dtype.DYNAMIC: 0.043}
_PRIOR_NETWORKS = 6
# Further off than this many robust standard deviations is a network that somebody disturbed.
_OUTLIER = 2.5
_MAD_SIGMA = 1.4826  # of a normal distribution, per median absolute deviation
_DEVICE_SIGMA = 0.03  # PRIOR: from one device of a kind to the next
_Z90 = 1.645


class Known(msgspec.Struct, frozen=True):
    """One model and what it took."""

    name: str
    model: ModelInfo
    latency_us: float


def fit(
    singles: Sequence[Known],
    networks: Sequence[Known],
    dtype: Dtype,
    threads: int,
    profile: DeviceProfile,
    caches: Caches,
) -> Group:
    """Raises ProfileError when there are too few singles, or when they make a core faster than it
    can be."""
    if len(singles) < _LEAST_SINGLES:
        raise ProfileError(
            f"calibration: {len(singles)} operators were measured in {dtype.value}, and "
            f"{_LEAST_SINGLES} are the least that can be fitted",
            hint="give it more time: --budget-s",
        )
    tiles = _tiles(singles, dtype, profile, caches)
    described = [of_model(s.model, profile, caches, tiles) for s in singles]
    rows = [row_of(d) for d in described]
    latencies = [s.latency_us for s in singles]
    priors = _priors(rows, profile, dtype)
    found = solve.solve(rows, latencies, priors)
    unseen = solve.left_out(rows, latencies, priors)
    prices = _prices(found, rows, described)
    _refuse_impossible(prices, dtype, threads, profile)
    predicted = [found.predict(row_of(of_model(n.model, profile, caches, tiles))) for n in networks]
    scale, anchors = _scale(networks, predicted)
    unseen_ratio = _median([abs(float(r) - 1) for r in unseen if not isnan(r)] or [1.0])
    widest, rule = band([a.left_out_ratio for a in anchors], dtype, unseen_ratio)
    return Group(
        unit=ComputeUnit.CPU,
        dtype=dtype,
        threads=threads,
        tiles=tiles[dtype],
        prices=prices,
        scale_ratio=scale,
        anchors=anchors,
        band_ratio=widest,
        band_rule=rule,
        cross_validated_ratio=round(unseen_ratio, 4),
        condition=float(f"{found.condition:.3g}"),
    )


def with_own_share(
    singles: Mapping[Dtype, Sequence[Known]], profile: DeviceProfile, caches: Caches
) -> Caches:
    """The caches with as much of the last one as weights really find in it.

    It is shared with whatever else runs, on a rented machine with strangers. Products of one row
    read every weight once, so their time tells: on one that calls its last cache 32 MB, weights of
    8 MB came at 59 GB/s, of 12 MB at 40, of 16 to 64 MB at 17 to 26.
    """
    if caches.l3_bytes is None:
        return caches
    tiles = tiles_of(profile)
    mine = {
        dtype: vectors
        for dtype, known in singles.items()
        if len(vectors := [s for s in known if _is_of_vectors(s, profile, caches, tiles)])
        >= _LEAST_SINGLES
    }

    def misfit(candidate: Caches) -> float:
        return sum(
            _misfit(known, dtype, profile, candidate, tiles) for dtype, known in mine.items()
        )

    best, least = caches, misfit(caches) * _BETTER_RATIO
    for part in _LAST_CACHE_PARTS:
        l3_bytes = caches.l3_bytes // part
        if l3_bytes >= 2 * caches.l2_bytes:
            candidate = msgspec.structs.replace(caches, l3_bytes=l3_bytes)
            if (value := misfit(candidate)) < least:
                best, least = candidate, value
    return best


def _is_of_vectors(
    single: Known, profile: DeviceProfile, caches: Caches, tiles: Mapping[Dtype, Tiles]
) -> bool:
    works = of_model(single.model, profile, caches, tiles).works
    return all("vector_macs" in work.form.amounts for work in works)


def of_model(
    model: ModelInfo, profile: DeviceProfile, caches: Caches, tiles: Mapping[Dtype, Tiles]
) -> Described:
    """The work of a model on the default CPU path."""
    return describe(
        kernels.Graph(model),
        frozenset((*model.main.inputs, *model.main.outputs)),
        placement.place(model, Delegate.CPU, profile),
        caches,
        tiles,
    )


def row_of(described: Described) -> Row:
    """All amounts of a model, by (kind, amount)."""
    row: dict[tuple[str, str], float] = {
        (GRAPH, "invoke"): 1.0,
        (GRAPH, "segments"): float(described.segments),
        (GRAPH, "bounds"): float(described.bounds),
    }
    for work in described.works:
        for amount, value in work.amounts.items():
            name = (work.form.kind, amount)
            row[name] = row.get(name, 0.0) + value
    return row


def tiles_of(profile: DeviceProfile) -> dict[Dtype, Tiles]:
    """What the profile says, for data types whose tiles nobody has measured."""
    core = profile.cpu.core_types[profile.cpu.clusters[0].core_type]
    product, product8 = core.fp32_tile or (4, 8, 1), core.int8_tile or (4, 16, 4)
    fp32 = Tiles(product=product, window=product, depthwise_channels=8)
    int8 = Tiles(product=product8, window=product8, depthwise_channels=16)
    return {Dtype.FP32: fp32, Dtype.INT8: int8, Dtype.DYNAMIC: int8, Dtype.FP16: fp32}


def _tiles(
    singles: Sequence[Known], dtype: Dtype, profile: DeviceProfile, caches: Caches
) -> dict[Dtype, Tiles]:
    """The profile's own tiles, unless others explain matrix products and depthwise better."""
    tiles = tiles_of(profile)
    for kind in (MATMUL, _WINDOW, DEPTHWISE):
        mine = [s for s in singles if _is_of(s, kind, profile, caches, tiles)]
        if len(mine) < _LEAST_SINGLES:
            continue
        best, least = tiles[dtype], _misfit(mine, dtype, profile, caches, tiles) * _BETTER_RATIO
        for tile in _candidates(tiles[dtype], dtype, kind):
            misfit = _misfit(mine, dtype, profile, caches, tiles | {dtype: tile})
            if misfit < least:
                best, least = tile, misfit
        tiles[dtype] = best
    return tiles


def _candidates(own: Tiles, dtype: Dtype, kind: str) -> list[Tiles]:
    if kind == MATMUL:
        tiles = _PRODUCT_TILES[dtype]
        return [msgspec.structs.replace(own, product=t, window=t) for t in tiles]
    if kind == _WINDOW:
        rows, columns, depth = own.product
        wide = [(rows, columns * 2, depth), (rows, columns * 4, depth)]
        return [msgspec.structs.replace(own, window=t) for t in wide]
    return [msgspec.structs.replace(own, depthwise_channels=c) for c in _CHANNEL_TILES]


def _is_of(
    single: Known,
    kind: str,
    profile: DeviceProfile,
    caches: Caches,
    tiles: Mapping[Dtype, Tiles],
) -> bool:
    works = of_model(single.model, profile, caches, tiles).works
    name = MATMUL if kind == _WINDOW else kind
    return all(work.form.kind == f"xnnpack/{name}" for work in works)


def _misfit(
    singles: Sequence[Known],
    dtype: Dtype,
    profile: DeviceProfile,
    caches: Caches,
    tiles: Mapping[Dtype, Tiles],
) -> float:
    """Mean relative error of the best fit with these tiles, large ones cut off."""
    rows = [row_of(of_model(s.model, profile, caches, tiles)) for s in singles]
    latencies = [s.latency_us for s in singles]
    found = solve.solve(rows, latencies, _priors(rows, profile, dtype))
    errors = [min(0.3, abs(float(ratio) - 1)) for ratio in found.ratios]
    return sum(errors) / len(errors)


def _priors(
    rows: Sequence[Row], profile: DeviceProfile, dtype: Dtype
) -> dict[tuple[str, str], float]:
    names = {name for row in rows for name in row}
    return {(k, a): plausible.price_us(profile, dtype, k, a) for k, a in names}


def _prices(
    found: Solution, rows: Sequence[Row], described: Sequence[Described]
) -> tuple[Price, ...]:
    """One class of kernels after another; what they have in common is left out."""
    prices = []
    for kind in sorted({kind for kind, _ in found.names}):
        at = [i for i, (k, _) in enumerate(found.names) if k == kind]
        mine = [i for i, row in enumerate(rows) if any(k == kind for k, _ in row)]
        forms = [w.form for d in described for w in d.works if w.form.kind == kind]
        errors = [(float(found.ratios[i]) - 1) ** 2 for i in mine]
        macs, elements = [f.macs for f in forms] or [0], [f.elements for f in forms] or [0]
        prices.append(
            Price(
                kind=kind,
                prices={found.names[i][1]: _rounded(float(found.prices[i])) for i in at},
                covariance=tuple(
                    tuple(_rounded(float(found.covariance[i, j])) for j in at) for i in at
                ),
                singles=len(mine),
                residual_ratio=round(sqrt(sum(errors) / len(errors)), 4),
                macs=(min(macs), max(macs)),
                elements=(min(elements), max(elements)),
            )
        )
    return tuple(prices)


def _refuse_impossible(
    prices: Sequence[Price], dtype: Dtype, threads: int, profile: DeviceProfile
) -> None:
    least_us = plausible.least_mac_us(profile, dtype) / threads
    for price in prices:
        value = price.prices.get("macs")
        if price.kind == f"xnnpack/{MATMUL}" and value is not None and value < least_us:
            told = "no time at all" if value == 0 else f"{1 / value / 1000:.1f} GMAC/s"
            raise ProfileError(
                f"calibration: {dtype.value} matrix products come out at {told}, and "
                f"{threads} thread(s) of {profile.name} reach {1 / least_us / 1000:.1f} at most",
                hint="the clock or fp32_macs_per_cycle / int8_macs_per_cycle of the profile is "
                "wrong, or what was measured is; calibrate again on a quiet device",
            )


def _scale(
    networks: Sequence[Known], predicted_us: Sequence[float]
) -> tuple[float, tuple[Anchor, ...]]:
    """The median of measured over predicted, and every network by the median of the others."""
    ratios = [n.latency_us / p for n, p in zip(networks, predicted_us, strict=True)]
    scale = _median(ratios) if ratios else 1.0
    anchors = []
    for i, (network, predicted) in enumerate(zip(networks, predicted_us, strict=True)):
        others = ratios[:i] + ratios[i + 1 :]
        left_out = ratios[i] / (_median(others) if others else 1.0)
        anchors.append(
            Anchor(
                network=network.name,
                measured_us=round(network.latency_us, 2),
                predicted_us=round(predicted, 2),
                left_out_ratio=round(left_out, 4),
            )
        )
    return round(scale, 4), tuple(anchors)


def band(
    left_out_ratios: Sequence[float], dtype: Dtype, unseen_ratio: float = 0.0
) -> tuple[float, str]:
    """(ratio, where it comes from) of a band that holds 90 % of networks like these.

    `unseen_ratio`: the error of single operators that the fit had not seen, which decides where
    there are no networks.
    """
    count = len(left_out_ratios)
    if count >= 2:
        from scipy import stats

        # Posterior predictive of a normal error around 0 (Gelman et al., Bayesian Data Analysis,
        # 2.6 and 3.2): the prior counts as so many networks. A dozen alone tell a tail badly.
        logs = [abs(log(ratio)) for ratio in left_out_ratios]
        most = _OUTLIER * _MAD_SIGMA * _median(logs)
        known = _PRIOR_NETWORKS * _NETWORK_SIGMA[dtype] ** 2
        of_all = _PRIOR_NETWORKS + count
        sigma = sqrt((known + sum(min(value, most) ** 2 for value in logs)) / of_all)
        reach = float(stats.t.ppf(0.95, of_all))
        return round(exp(reach * sigma), 4), (
            f"Student's t on the left-out errors of {count} networks, and a prior worth "
            f"{_PRIOR_NETWORKS} networks that are {_NETWORK_SIGMA[dtype]:.1%} off"
        )
    # In a network errors of many operators partly cancel; how far is not known without one.
    sigma = hypot(_UNSEEN_SIGMA[dtype], _DEVICE_SIGMA, unseen_ratio)
    return round(exp(_Z90 * sigma), 4), (
        "no whole networks: the prior of how far they are off, the error of unseen operators, and "
        f"{_DEVICE_SIGMA:.0%} from device to device"
    )


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
