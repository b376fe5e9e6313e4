"""What the demo makes of the airports: tables, and questions that people would ask of them."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["QUESTIONS", "SCHEMA", "Question"]

SCHEMA: Final = """
CREATE TABLE timezone (
    name    text PRIMARY KEY,
    region  text GENERATED ALWAYS AS (split_part(name, '/', 1)) STORED
);
CREATE TABLE airport (
    icao       varchar(4) PRIMARY KEY,
    iata       char(3) UNIQUE,
    name       text NOT NULL,
    city       text NOT NULL,
    country    char(2) NOT NULL,
    elevation  int NOT NULL,
    latitude   double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude  double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    timezone   text NOT NULL REFERENCES timezone
);
CREATE INDEX airport_country ON airport (country, elevation DESC);
CREATE INDEX airport_city ON airport (lower(city)) WHERE iata IS NOT NULL;
"""


class Question(NamedTuple):
    """A question and the statement that answers it."""

    text: str
    sql: str


QUESTIONS: Final = (
    Question(
        "How many airports are there, in how many countries, and how many have a code on luggage tags?",
        """SELECT count(*) AS airports, count(DISTINCT country) AS countries,
       count(*) FILTER (WHERE iata IS NOT NULL) AS with_iata
FROM airport""",
    ),
    Question(
        "Which countries have the most airports, and what share of the world's?",
        """SELECT country, count(*) AS airports,
       round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent
FROM airport
GROUP BY country
ORDER BY airports DESC
LIMIT 5""",
    ),
    Question(
        "Which is the highest airport of each region?",
        """SELECT DISTINCT ON (region) region, a.name, a.country, a.elevation AS feet
FROM airport a JOIN timezone z ON z.name = a.timezone
WHERE a.iata IS NOT NULL
ORDER BY region, elevation DESC""",
    ),
    Question(
        "Which airports are nearest to Lisbon, apart from its own?",
        """WITH here AS (SELECT * FROM airport WHERE iata = 'LIS')
SELECT a.icao, a.name, a.city,
       round(distance(here.latitude, here.longitude, a.latitude, a.longitude)::numeric, 1) AS km
FROM airport a, here
WHERE a.icao <> here.icao
ORDER BY km
LIMIT 5""",
    ),
    Question(
        "What are the two nearest airports with scheduled flights to each of these hubs?",
        """SELECT hub.iata AS hub, near.iata, near.city, near.km
FROM airport hub
CROSS JOIN LATERAL (
    SELECT a.iata, a.city,
           round(distance(hub.latitude, hub.longitude, a.latitude, a.longitude)) AS km
    FROM airport a
    WHERE a.iata IS NOT NULL AND a.icao <> hub.icao
      AND a.latitude BETWEEN hub.latitude - 1 AND hub.latitude + 1
    ORDER BY km
    LIMIT 2
) near
WHERE hub.iata IN ('FRA', 'NRT', 'GRU')
ORDER BY hub, km""",
    ),
    Question(
        "When it is noon in Greenwich at midsummer, what does the clock show elsewhere?",
        """SELECT iata, city,
       to_char(timestamptz '2026-06-21 12:00+00' AT TIME ZONE timezone, 'Dy HH24:MI') AS local_time
FROM airport
WHERE iata IN ('LAX', 'GRU', 'LIS', 'DEL', 'HND', 'AKL')
ORDER BY timestamptz '2026-06-21 12:00+00' AT TIME ZONE timezone""",
    ),
    Question(
        "How are airports spread over heights? (each # stands for 400)",
        """SELECT width_bucket(elevation, 0, 15000, 5) AS bucket,
       min(elevation) AS lowest, max(elevation) AS highest, count(*) AS airports,
       repeat('#', (count(*) / 400)::int) AS bar
FROM airport
GROUP BY bucket
ORDER BY bucket""",
    ),
    Question(
        "Which city has a namesake with an airport in the most other countries?",
        """SELECT lower(city) AS city, count(DISTINCT country) AS countries,
       string_agg(iata || ' (' || country || ')', ', ' ORDER BY country, iata) AS airports
FROM airport
WHERE iata IS NOT NULL AND city <> ''
GROUP BY 1
HAVING count(DISTINCT country) > 3
ORDER BY countries DESC, city
LIMIT 4""",
    ),
    Question(
        "Which countries with many airports lie lowest, by median height, and how far apart are the quarters?",
        """WITH heights AS (
    SELECT country, count(*) AS airports,
           percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY elevation) AS quartiles
    FROM airport
    GROUP BY country
    HAVING count(*) >= 200
)
SELECT rank() OVER (ORDER BY quartiles[2]) AS place, country, airports,
       quartiles[2] AS median_feet, quartiles[3] - quartiles[1] AS spread
FROM heights
ORDER BY place
LIMIT 8""",
    ),
    Question(
        "North from Lisbon in legs of three degrees or more, always to the nearest airport: where does that lead?",
        """WITH RECURSIVE route AS (
    SELECT 1 AS leg, iata, city, country, latitude, longitude, 0.0::float8 AS km
    FROM airport WHERE iata = 'LIS'
    UNION ALL
    SELECT route.leg + 1, next.iata, next.city, next.country,
           next.latitude, next.longitude, route.km + next.km
    FROM route
    CROSS JOIN LATERAL (
        SELECT a.*, distance(route.latitude, route.longitude, a.latitude, a.longitude) AS km
        FROM airport a
        WHERE a.iata IS NOT NULL AND a.latitude BETWEEN route.latitude + 3 AND route.latitude + 6
        ORDER BY km
        LIMIT 1
    ) next
    WHERE route.leg < 12
)
SELECT leg, iata, city, country, round(latitude::numeric, 2) AS latitude, round(km) AS km_so_far
FROM route
ORDER BY leg""",
    ),
)
