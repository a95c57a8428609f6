"""Agreement against F1: the oracle, and the forecast's coverage."""

from __future__ import annotations

import random

from diziner.results.validity import Point, forecasts, oracle


def test_the_oracle_takes_the_highest_f1_then_the_earlier_round() -> None:
    points = [Point(1, "a", 0.1, 0.8), Point(0, "b", 0.9, 0.8), Point(0, "a", 0.9, 0.2)]
    assert oracle(points) == points[1]
    assert oracle([]) is None


def world(generator: random.Random, noise: float) -> tuple[dict[str, list[Point]], dict[str, tuple[float, float]]]:
    """18 benchmarks whose F1 is a line of agreement plus noise."""
    points, finals = {}, {}
    for n in range(18):
        xs = [generator.uniform(0.2, 0.7) for _ in range(7)]
        ys = [0.1 + 0.9 * x + generator.gauss(0, noise) for x in xs]
        points[f"b{n}"] = [Point(0, str(k), x, y) for k, (x, y) in enumerate(zip(xs[:6], ys[:6], strict=True))]
        finals[f"b{n}"] = (xs[6], ys[6])
    return points, finals


def test_forecast_intervals_hold_as_often_as_they_say() -> None:
    generator = random.Random(7)
    inside = []
    for _ in range(60):
        points, finals = world(generator, 0.05)
        for name, forecast in forecasts(points, finals, level=0.8).items():
            inside.append(forecast.low <= finals[name][1] <= forecast.high)
    assert 0.77 <= sum(inside) / len(inside) <= 0.9


def test_a_forecast_never_looks_at_its_own_benchmark() -> None:
    points, finals = world(random.Random(1), 0.05)
    before = forecasts(points, finals)["b3"]
    finals["b3"] = (finals["b3"][0], 0.0)
    points["b3"] = [Point(0, "x", 0.5, 0.0)]
    assert forecasts(points, finals)["b3"] == before


def test_no_forecast_from_fewer_than_four_benchmarks() -> None:
    points, finals = world(random.Random(1), 0.05)
    few = ("b0", "b1", "b2")
    assert forecasts({n: points[n] for n in few}, {n: finals[n] for n in few}) == {}
