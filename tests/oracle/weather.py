"""Compares results of examples/weather with a computation that shares no code with ours: DuckDB over the CSV file.

    python.sh oracle weather.py agg RESULTS        the daily rows (topic agg-temperature)
    python.sh oracle weather.py raw RESULTS        the readings (topic raw-temperature)
    python.sh oracle weather.py same RESULTS OTHER two results with each other

RESULTS is a file of JSON lines, or - for standard input: either rows as `--output json` prints them, or records as consumers print them:
{"key": "EWR", "value": {…}}, where the value may be a string of JSON, and may be called payload as kcat -J does (other fields are
ignored). Order does not matter. Every row is compared: key, time, count, minimum and maximum exactly, the mean within 1e-9.
Prints the first differences and exits 1, or says how many rows are equal and exits 0.
"""

import json
import sys
from datetime import datetime
from pathlib import Path

import duckdb

CSV = Path(__file__).parents[2] / "examples/weather/nyc_weather_2013.csv.gz"
MEAN_TOLERANCE = 1e-9
DIFFERENCES_SHOWN = 20


def readings():
    """The file as DuckDB reads it; NA is NULL."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        f"""CREATE VIEW readings AS SELECT origin AS station, time_hour::TIMESTAMP AS ts, temp::DOUBLE AS value
            FROM read_csv('{CSV}', header = true, nullstr = 'NA', all_varchar = true)"""
    )
    return connection


def expected_agg():
    rows = readings().execute(
        """SELECT station, date_trunc('day', ts) + INTERVAL 1 DAY, count(value), min(value), max(value), favg(value)
           FROM readings GROUP BY ALL"""
    )
    return {(station, end): tuple(numbers) for station, end, *numbers in rows.fetchall()}


def expected_raw():
    return {(station, ts): (value,) for station, ts, value in readings().execute("FROM readings").fetchall()}


def instant(text):
    """2013-01-02T00:00:00Z, also with a space or with fractions; always UTC."""
    return datetime.fromisoformat(text.removesuffix("Z").replace(" ", "T"))


def records(path):
    """Yields (key or None, value) for each line."""
    with sys.stdin if path == "-" else open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                key, value = record.get("key"), record
                if "key" in record:
                    value = record["payload"] if "payload" in record else record["value"]
                yield key, json.loads(value) if isinstance(value, str) else value
            except (ValueError, KeyError, AttributeError) as error:
                sys.exit(f"{path}:{number}: not a row or record: {error!r}: {line.strip()[:200]}")


def agg_row(key, value):
    inner = value["temperature"]
    if set(value) != {"station", "time", "temperature"} or set(inner) != {"count", "min", "max", "mean"}:
        raise ValueError("fields differ from those of agg-temperature")
    if key is not None and key != value["station"]:
        raise ValueError(f"the key is {key}")
    if type(inner["count"]) is not int:
        raise ValueError("the count is no integer")
    return (value["station"], instant(value["time"])), (inner["count"], inner["min"], inner["max"], inner["mean"])


def raw_row(key, value):
    expected = {"ts", "value"} if key is not None else {"station", "ts", "value"}
    if set(value) != expected:
        raise ValueError("fields differ from those of raw-temperature")
    return (value["station"] if key is None else key, instant(value["ts"])), (value["value"],)


def load(path, row):
    """All rows by (station, time); a second row of one key is a difference."""
    rows, problems = {}, []
    for key, value in records(path):
        try:
            at, numbers = row(key, value)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problems.append(f"bad row {json.dumps(value)[:200]}: {error}")
            continue
        if at in rows:
            problems.append(f"twice: {label(at)}")
        rows[at] = numbers
    return rows, problems


def label(at):
    return f"{at[0]} {at[1]:%Y-%m-%dT%H:%M:%SZ}"


def equal(left, right, is_mean):
    if is_mean and left is not None and right is not None:
        return abs(left - right) <= MEAN_TOLERANCE
    return left == right


def differences(expected, actual):
    for at in sorted(expected.keys() - actual.keys()):
        yield f"missing: {label(at)} {expected[at]}"
    for at in sorted(actual.keys() - expected.keys()):
        yield f"unexpected: {label(at)} {actual[at]}"
    for at in sorted(expected.keys() & actual.keys()):
        pairs = zip(expected[at], actual[at], strict=True)
        if not all(equal(left, right, index == 3) for index, (left, right) in enumerate(pairs)):
            yield f"differs: {label(at)} is {actual[at]}, should be {expected[at]}"


def main(arguments):
    match arguments:
        case ["agg", path]:
            expected, (actual, problems) = expected_agg(), load(path, agg_row)
            assert len(expected) == 1092, f"the oracle itself has {len(expected)} rows"
        case ["raw", path]:
            expected, (actual, problems) = expected_raw(), load(path, raw_row)
            assert len(expected) == 26115, f"the oracle itself has {len(expected)} rows"
        case ["same", path, other]:
            (expected, first), (actual, problems) = load(other, agg_row), load(path, agg_row)
            problems = first + problems
        case _:
            sys.exit(__doc__)
    problems += differences(expected, actual)
    for problem in problems[:DIFFERENCES_SHOWN]:
        print(problem)
    if problems:
        sys.exit(f"{len(problems)} differences ({len(expected)} rows expected, {len(actual)} found)")
    print(f"{len(actual)} rows are equal")


main(sys.argv[1:])
