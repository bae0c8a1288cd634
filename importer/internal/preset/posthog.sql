-- PostHog: the events or the persons of a batch export, a JSON object for each.
-- A row whose $set, $set_once or person_properties say something new about its
-- person gives two rows: an identify, and the event.
WITH lines AS (
{{lines}}
),

-- Each row is parsed once. j is NULL where there is no JSON object. (unnest keeps DuckDB
-- from moving the parsing into each expression that uses j.)
parsed AS (
  SELECT *, unnest([CASE WHEN regexp_matches(_json, '^\s*\{') THEN TRY(json_transform(_json, '{
    "event": "VARCHAR", "distinct_id": "VARCHAR", "timestamp": "VARCHAR", "ip": "VARCHAR", "elements_chain": "VARCHAR", "elements": "VARCHAR",
    "properties": "JSON", "person_properties": "JSON",
    "person_id": "VARCHAR", "created_at": "VARCHAR", "_inserted_at": "VARCHAR", "is_deleted": "VARCHAR"
  }')) END]) AS j
  FROM lines
),

-- Parquet, CSV and the API have JSON text where JSON lines have objects.
objects AS (
  SELECT
    _row, _file, _json, j,
    CASE WHEN starts_with(j.properties::VARCHAR, '"') THEN j.properties ->> '$' ELSE j.properties::VARCHAR END AS properties,
    CASE WHEN starts_with(j.person_properties::VARCHAR, '"') THEN j.person_properties ->> '$' ELSE j.person_properties::VARCHAR END AS person_properties,
    -- In the tables of warehouses the chain of elements is JSON text, packed once or twice.
    CASE WHEN starts_with(j.elements, '"') THEN TRY(j.elements::JSON ->> '$') END AS unpacked
  FROM parsed
),

-- p has those properties of an event that have another name or place on the platform.
rows_ AS (
  SELECT *, unnest([CASE WHEN j.event IS NOT NULL AND starts_with(properties, '{') THEN TRY(json_transform(properties, '{
    "$set": "JSON", "$set_once": "JSON", "$anon_distinct_id": "VARCHAR", "alias": "VARCHAR", "$device_id": "VARCHAR",
    "$current_url": "VARCHAR", "$referrer": "VARCHAR", "$raw_user_agent": "VARCHAR", "$device_type": "VARCHAR",
    "$viewport_width": "VARCHAR", "$viewport_height": "VARCHAR",
    "utm_source": "VARCHAR", "utm_medium": "VARCHAR", "utm_campaign": "VARCHAR", "utm_term": "VARCHAR", "utm_content": "VARCHAR"
  }')) END]) AS p
  FROM objects
),

-- NOT MATERIALIZED, since parsing again costs less than keeping all of it.
events AS NOT MATERIALIZED (
  SELECT
    _row, _file, _json, j, p, properties,
    CASE WHEN j IS NULL THEN 'nothing'
         WHEN j.event IS NULL AND j.person_id IS NOT NULL THEN 'person'
         WHEN j.event IN ('$identify', '$set') THEN 'identify'
         WHEN j.event IN ('$create_alias', '$merge_dangerously') THEN 'alias'
         WHEN j.event = '$groupidentify' THEN 'group'
         WHEN j.event IS NULL THEN 'other'
         ELSE 'track' END AS kind,
    nullif(j.distinct_id, '') AS distinct_id,
    nullif(p."$anon_distinct_id", '') AS anonymous_id,
    nullif(p."$device_id", '') AS device_id,
    coalesce(j.timestamp, j._inserted_at, j.created_at) AS happened,
    TRY_CAST(happened AS TIMESTAMPTZ) AS moment,
    CASE WHEN starts_with(unpacked, '"') THEN TRY(unpacked::JSON ->> '$') ELSE unpacked END AS elements,
    CASE WHEN starts_with(p."$set"::VARCHAR, '{') THEN nullif(p."$set"::VARCHAR, '{}') END AS set_,
    CASE WHEN starts_with(p."$set_once"::VARCHAR, '{') THEN nullif(p."$set_once"::VARCHAR, '{}') END AS once,
    CASE WHEN starts_with(person_properties, '{') THEN nullif(TRY(json(person_properties))::VARCHAR, '{}') END AS person
  FROM rows_
),

-- What is said about people, with what was said before about the same one. n
-- numbers it, of each person.
said AS (
  SELECT
    _row, _file, kind, distinct_id, anonymous_id, device_id, happened, set_, once, person,
    row_number() OVER before AS n,
    lag(set_ IGNORE NULLS) OVER before AS set_before,
    lag(once IGNORE NULLS) OVER before AS once_before,
    lag(person IGNORE NULLS) OVER before AS person_before
  FROM events
  WHERE kind = 'identify' OR kind = 'track' AND distinct_id IS NOT NULL AND coalesce(set_, once, person) IS NOT NULL
  WINDOW before AS (PARTITION BY distinct_id ORDER BY moment, _file, _row)
),

-- Without repetitions; $identify and $set are sent in any case.
news AS MATERIALIZED (
  SELECT
    _row, _file, distinct_id, anonymous_id, device_id, happened, n,
    CASE WHEN kind = 'identify' OR set_ IS DISTINCT FROM set_before THEN set_ END AS set_,
    CASE WHEN once IS DISTINCT FROM once_before THEN once END AS once,
    CASE WHEN kind = 'identify' OR person IS DISTINCT FROM person_before THEN person END AS person
  FROM said
  WHERE kind = 'identify'
     OR set_ IS NOT NULL AND set_ IS DISTINCT FROM set_before
     OR once IS NOT NULL AND once IS DISTINCT FROM once_before
     OR person IS NOT NULL AND person IS DISTINCT FROM person_before
),

-- A member of $set_once counts only where nothing set it before. Within a row
-- $set goes first: its place is even, that of $set_once odd.
members AS (
  SELECT distinct_id, 2 * n AS place, unnest(json_keys(set_)) AS key FROM news WHERE person IS NULL
  UNION ALL
  SELECT distinct_id, 2 * n + 1 AS place, unnest(json_keys(once)) AS key FROM news WHERE person IS NULL
),
firsts AS (
  SELECT distinct_id, key, min(place) AS place FROM members GROUP BY ALL
),
onces AS (
  SELECT news.distinct_id, n, list(to_json(e.key)::VARCHAR || ':' || e.value::VARCHAR) AS kept
  FROM news, json_each(once) e JOIN firsts ON firsts.distinct_id = news.distinct_id AND firsts.key = e.key AND firsts.place = 2 * n + 1
  WHERE person IS NULL
  GROUP BY ALL
),

-- A person has a row for each of its ids. Where all but one look like those that
-- libraries make up for visitors, that one is the user's. Only persons have no event.
owners AS (
  SELECT person_id, min(id) AS owner FROM (
    SELECT TRY(_json ->> '$.person_id') AS person_id, TRY(_json ->> '$.distinct_id') AS id, TRY(_json ->> '$.is_deleted') AS is_deleted
    FROM lines WHERE contains(_json, '"person_id"') AND NOT contains(_json, '"event"')
  )
  WHERE NOT regexp_matches(id, '^[0-9a-fA-F]{8,}(-[0-9a-fA-F]+){4}$') AND coalesce(lower(is_deleted), '') NOT IN ('true', '1')
  GROUP BY person_id HAVING min(id) = max(id)
),
owned AS NOT MATERIALIZED (
  SELECT events.*, CASE WHEN regexp_matches(distinct_id, '^[0-9a-fA-F]{8,}(-[0-9a-fA-F]+){4}$') THEN owner END AS owner
  FROM events LEFT JOIN owners ON kind = 'person' AND j.person_id = owners.person_id
),

-- person_properties has all of it, as it was when the event came in.
identifies AS (
  SELECT
    _row, _file, 'identify' AS endpoint, happened AS timestamp, news.distinct_id,
    CASE WHEN anonymous_id <> news.distinct_id THEN anonymous_id END AS anonymous_id,
    device_id,
    CASE WHEN person IS NULL AND kept IS NULL THEN set_
         ELSE json_merge_patch(coalesce(person, '{' || array_to_string(list_sort(kept), ',') || '}'), coalesce(set_, '{}'))::VARCHAR
    END AS traits
  FROM news LEFT JOIN onces ON news.distinct_id = onces.distinct_id AND news.n = onces.n
)

SELECT
  _row, _file,

  CASE kind WHEN 'track' THEN 'track' WHEN 'alias' THEN 'alias' WHEN 'person' THEN 'identify' END AS endpoint,
  CASE kind WHEN 'track' THEN j.event END AS event,
  happened AS timestamp,

  -- Who. distinct_id is the person that stays after $create_alias, so the alias leads to it.
  CASE kind WHEN 'alias' THEN nullif(p.alias, '') ELSE coalesce(owner, distinct_id) END AS distinct_id,
  CASE kind WHEN 'alias' THEN distinct_id END AS new_user_id,
  CASE WHEN owner IS NOT NULL THEN distinct_id END AS anonymous_id,
  device_id,

  -- Properties, except those that are sent under other names.
  CASE WHEN kind = 'track' AND p IS NULL THEN properties
       WHEN kind = 'track' THEN json_merge_patch(properties, '{
         "$set": null, "$set_once": null, "$device_id": null, "token": null, "distinct_id": null,
         "$current_url": null, "$referrer": null, "$raw_user_agent": null,
         "utm_source": null, "utm_medium": null, "utm_campaign": null, "utm_term": null, "utm_content": null
       }')::VARCHAR END AS properties,
  CASE kind WHEN 'person' THEN properties END AS traits,

  p."$current_url" AS "$url",
  p."$referrer" AS "$referer",
  p."$raw_user_agent" AS "$user_agent",
  p."$device_type" AS "$device",
  p."$viewport_width" || 'x' || p."$viewport_height" AS "$viewport",
  p.utm_campaign AS "$utm_campaign",
  p.utm_source AS "$utm_source",
  p.utm_medium AS "$utm_medium",
  p.utm_term AS "$utm_term",
  p.utm_content AS "$utm_content",
  CASE kind WHEN 'track' THEN nullif(j.ip, '') END AS "$ip",
  CASE kind WHEN 'track' THEN coalesce(nullif(j.elements_chain, ''), nullif(elements, '')) END AS "$elements_chain",

  -- What cannot be sent, and why.
  CASE WHEN kind = 'nothing' THEN 'not a JSON object'
       WHEN kind = 'group' THEN 'a $groupidentify event: the platform has no endpoint for groups'
       WHEN kind = 'other' THEN 'neither an event nor a person: it has no event and no person_id'
       WHEN kind = 'person' AND lower(j.is_deleted) IN ('true', '1') THEN 'a deleted person'
  END AS _reason,
  CASE WHEN kind IN ('nothing', 'group', 'other') OR kind = 'person' AND lower(j.is_deleted) IN ('true', '1') THEN _json END AS _raw
FROM owned
WHERE kind <> 'identify'

UNION ALL BY NAME
SELECT * FROM identifies
