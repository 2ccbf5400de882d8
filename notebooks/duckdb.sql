-- The functions of antenne that are plain formulas, as macros of DuckDB.
-- With them the models of `sql/derived/` run in DuckDB over the same Parquet files:
--
--     duckdb
--     D .read notebooks/duckdb.sql
--     D select 100 * wilson_low(12, 40);
--
-- A test holds the answers of both engines against each other; the aggregates of survival and inequality
-- have no macro. 1.959963984540054 is the 97.5 % point of the normal distribution.

create or replace macro wilson_center(e, n) as
    e / n + 1.959963984540054 * 1.959963984540054 / (2.0 * n);
create or replace macro wilson_half(e, n) as
    1.959963984540054 * sqrt(
        greatest(e / n * (1.0 - e / n), 0.0) / n
        + 1.959963984540054 * 1.959963984540054 / (4.0 * n * n)
    );
create or replace macro wilson_scale(n) as
    1.0 + 1.959963984540054 * 1.959963984540054 / n;
create or replace macro wilson_low(e, n) as
    case when n > 0 and e = 0 then 0.0 when n > 0 and e >= 0 and e <= n then greatest(
        (wilson_center(cast(e as double), cast(n as double)) - wilson_half(cast(e as double), cast(n as double)))
        / wilson_scale(cast(n as double)), 0.0
    ) end;
create or replace macro wilson_high(e, n) as
    case when n > 0 and e = n then 1.0 when n > 0 and e >= 0 and e <= n then least(
        (wilson_center(cast(e as double), cast(n as double)) + wilson_half(cast(e as double), cast(n as double)))
        / wilson_scale(cast(n as double)), 1.0
    ) end;
create or replace macro newcombe_low(e1, n1, e2, n2) as
    cast(e1 as double) / nullif(n1, 0) - cast(e2 as double) / nullif(n2, 0) - sqrt(
        pow(cast(e1 as double) / nullif(n1, 0) - wilson_low(e1, n1), 2)
        + pow(wilson_high(e2, n2) - cast(e2 as double) / nullif(n2, 0), 2)
    );
create or replace macro newcombe_high(e1, n1, e2, n2) as
    cast(e1 as double) / nullif(n1, 0) - cast(e2 as double) / nullif(n2, 0) + sqrt(
        pow(wilson_high(e1, n1) - cast(e1 as double) / nullif(n1, 0), 2)
        + pow(cast(e2 as double) / nullif(n2, 0) - wilson_low(e2, n2), 2)
    );
create or replace macro byar_low(c, x) as
    case
        when x > 0 and c = 0 then 0.0
        when x > 0 and c > 0 then greatest(
            c * pow(1.0 - 1.0 / (9.0 * c) - 1.959963984540054 / (3.0 * sqrt(c)), 3), 0.0
        ) / x
    end;
create or replace macro byar_high(c, x) as
    case when x > 0 and c >= 0 then
        (c + 1.0) * pow(1.0 - 1.0 / (9.0 * (c + 1.0)) + 1.959963984540054 / (3.0 * sqrt(c + 1.0)), 3) / x
    end;
create or replace macro age_class(years) as
    case
        when years >= 85 then '85+'
        when years >= 0 then concat(years - years % 5, '-', years - years % 5 + 4)
    end;
-- `least` passes over what is null, so the places are asked for first.
create or replace macro distance_km(lat1, lon1, lat2, lon2) as
    case when lat1 + lon1 + lat2 + lon2 is not null then
        2.0 * 6371.0088 * asin(least(1.0, sqrt(
            pow(sin(radians(lat2 - lat1) / 2.0), 2)
            + cos(radians(lat1)) * cos(radians(lat2)) * pow(sin(radians(lon2 - lon1) / 2.0), 2)
        )))
    end;
