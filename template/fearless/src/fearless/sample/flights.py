"""Flights of four carriers between six towns, some of them late: the raw data of the example `travel-delay`.

The pattern, which a linear model sees only in part:

- the aircraft's delay on its way in is absorbed by a long turnaround and passed on by a short one;
- fog costs an hour in the morning wave of the two hubs and little anywhere else;
- strong wind closes one of the two runways, which hurts the towns that have only one;
- rain delays nobody, unless it falls on a frozen morning (de-icing) or in a summer afternoon (thunderstorm);
- a full airport runs on time until it is nearly full, then the queue grows fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isqrt

from fearless.sample.draws import Draws

HEADER = (
    "flight_id,scheduled_departure,scheduled_arrival,actual_departure,actual_arrival,carrier,origin,destination,"
    "distance_km,turnaround_minutes,inbound_delay_minutes,origin_load,wind_knots,visibility_hm,precipitation_mm,"
    "temperature_c,destination_wind_knots,departure_delay_minutes,arrival_delay_minutes"
)

_FIRST_DAY = date(2023, 1, 1)
_DAYS = 730
_CARRIERS = ("heron",) * 5 + ("kestrel",) * 4 + ("petrel",) * 3 + ("curlew",) * 2
_TOWNS = {  # kilometres east and north
    "northport": (310, 940),
    "lakeside": (620, 410),
    "highfield": (1180, 760),
    "bayview": (90, 130),
    "millbrook": (890, 60),
    "eastgate": (1490, 330),
}
_HUBS = ("northport", "lakeside")
_ONE_RUNWAY = ("highfield", "bayview", "eastgate")
_DESTINATIONS = {town: tuple(other for other in _TOWNS if other != town) for town in _TOWNS}
_DISTANCES = {
    (town, other): isqrt((x - u) ** 2 + (y - v) ** 2)
    for town, (x, y) in _TOWNS.items()
    for other, (u, v) in _TOWNS.items()
}
_ORIGINS = (
    ("northport",) * 5 + ("lakeside",) * 5 + ("highfield", "bayview") * 3 + ("millbrook", "eastgate") * 2
)
_HOURS = (
    6,
    6,
    7,
    7,
    7,
    8,
    8,
    8,
    9,
    9,
    10,
    11,
    12,
    13,
    14,
    14,
    15,
    15,
    16,
    16,
    17,
    17,
    17,
    18,
    18,
    19,
    20,
    21,
)
_MEAN_TEMPERATURE = (0, 1, 5, 9, 14, 18, 21, 20, 15, 10, 5, 1)  # by month, degrees Celsius


@dataclass(frozen=True, slots=True)
class _Weather:
    """The weather of one day in one town."""

    wind: int
    fog: bool
    rain: int
    temperature: int


def rows(count: int = 20_000, seed: int = 20230102) -> Iterator[str]:
    """CSV lines without their line end, day by day."""
    draws = Draws(seed)
    number = 0
    for index in range(_DAYS):
        day = _FIRST_DAY + timedelta(days=index)
        weather = {town: _weather(draws, day.month) for town in _TOWNS}
        while number * _DAYS < (index + 1) * count:
            yield _row(draws, number, day, weather)
            number += 1


def _weather(draws: Draws, month: int) -> _Weather:
    below, winter = draws.below, month in (11, 12, 1, 2)
    return _Weather(
        wind=6 + below(14) + (12 + below(16) if draws.chance(200 if winter else 120) else 0),
        fog=draws.chance(320 if winter or month == 10 else 120),
        rain=1 + below(9) if draws.chance(360) else 0,
        temperature=_MEAN_TEMPERATURE[month - 1] + draws.tent(7),
    )


def _row(draws: Draws, number: int, day: date, weather: dict[str, _Weather]) -> str:
    below, pick, chance = draws.below, draws.pick, draws.chance
    origin, carrier = pick(_ORIGINS), pick(_CARRIERS)
    destination = pick(_DESTINATIONS[origin])
    here, there = weather[origin], weather[destination]
    departs = datetime(day.year, day.month, day.day, pick(_HOURS), 5 * below(12))
    distance = _DISTANCES[origin, destination]
    block = 40 + distance * 9 // 120 // 5 * 5

    hour = departs.hour
    wind, wind_there = max(0, here.wind + draws.tent(4)), max(0, there.wind + draws.tent(4))
    visibility = 2 + below(13) if here.fog and hour <= 10 else 30 + below(70)
    rain = max(0, here.rain + below(3) - 1) if here.rain else 0
    temperature = here.temperature + (-3 if hour < 9 else 4 if 12 <= hour < 18 else 0)
    rush = 7 <= hour <= 8 or 17 <= hour <= 18
    load = min(120, 45 + below(40) + (30 if rush else 0) + (8 if origin in _HUBS else 0))
    turnaround = 30 + 5 * below(20)
    first_of_day = hour < 8 and chance(700)
    inbound = 15 + below(100) if chance(380) else below(16) - 8

    departure_delay = (
        max(0, inbound + 25 - turnaround if not first_of_day else 0)
        + _ground_delay(origin, day.month, hour, wind, visibility, rain, temperature, load)
        + below(8)
        + (10 + below(80) if chance(110) else 0)  # a defect, a missing crew: nobody foresees it
    )
    holding = 30 + wind_there - 28 if wind_there >= 28 and destination in _ONE_RUNWAY else 0
    made_up = min(departure_delay, distance // 150) if carrier != "curlew" else 0
    arrival_delay = departure_delay + holding - made_up - (8 if carrier == "kestrel" else 3) + draws.tent(14)

    arrives = departs + timedelta(minutes=block)
    return ",".join(
        (
            f"F{100_000 + number}",
            departs.isoformat(),
            arrives.isoformat(),
            (departs + timedelta(minutes=departure_delay)).isoformat(),
            (arrives + timedelta(minutes=arrival_delay)).isoformat(),
            carrier,
            origin,
            destination,
            str(distance),
            str(turnaround),
            "" if first_of_day else str(inbound),
            str(load),
            "" if chance(25) else str(wind),
            "" if chance(25) else str(visibility),
            str(rain),
            str(temperature),
            "" if chance(25) else str(wind_there),
            str(departure_delay),
            str(arrival_delay),
        )
    )


def _ground_delay(
    origin: str, month: int, hour: int, wind: int, visibility: int, rain: int, temperature: int, load: int
) -> int:
    """Minutes that weather and traffic cost at the airport of departure."""
    delay = 0
    if visibility < 15:
        delay += 60 if origin in _HUBS else 12
    if wind >= 28 and origin in _ONE_RUNWAY:
        delay += 40 + wind - 28
    if rain and temperature <= 1:
        delay += 45 if hour < 9 else 20
    if rain >= 3 and 6 <= month <= 8 and 14 <= hour <= 19:
        delay += 50
    if load > 100:
        delay += 3 * (load - 100)
    return delay
