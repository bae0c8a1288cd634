-- Amplitude: the events of its export API, a JSON object for each.
-- A row whose user_properties differ from the person's last ones, and the first one of
-- a user on a device, give two rows: an identify, and the event.
WITH lines AS (
{{lines}}
),

-- Each event is parsed once. j is NULL where there is no JSON object. (unnest keeps DuckDB
-- from moving the parsing into each expression that uses j.)
parsed AS (
  SELECT *, unnest([CASE WHEN regexp_matches(_json, '^\s*\{') THEN TRY(json_transform(_json, '{
    "event_type": "VARCHAR", "user_id": "VARCHAR", "device_id": "VARCHAR",
    "event_time": "VARCHAR", "client_event_time": "VARCHAR",
    "event_properties": "JSON", "user_properties": "JSON",
    "ip_address": "VARCHAR", "os_name": "VARCHAR", "os_version": "VARCHAR", "device_type": "VARCHAR", "device_model": "VARCHAR",
    "device_brand": "VARCHAR", "device_manufacturer": "VARCHAR", "device_carrier": "VARCHAR",
    "platform": "VARCHAR", "version_name": "VARCHAR", "language": "VARCHAR",
    "country": "VARCHAR", "region": "VARCHAR", "city": "VARCHAR",
    "library": "VARCHAR", "session_id": "VARCHAR", "$insert_id": "VARCHAR", "insert_id": "VARCHAR",
    "merged_amplitude_id": "VARCHAR"
  }')) END]) AS j
  FROM lines
),

-- An empty id is none. Properties that are JSON text in a string become the object.
objects AS (
  SELECT
    _row, _file, _json, j,
    CASE WHEN j IS NULL THEN 'nothing'
         WHEN j.event_type = '$identify' THEN 'identify'
         WHEN j.event_type = '$groupidentify' THEN 'group'
         WHEN j.event_type IS NULL AND j.merged_amplitude_id IS NOT NULL THEN 'merge'
         WHEN j.event_type IS NULL THEN 'other'
         ELSE 'track' END AS kind,
    CASE kind WHEN 'track' THEN j END AS t,
    nullif(j.user_id, '') AS user_id,
    nullif(j.device_id, '') AS device_id,
    coalesce(user_id, device_id) AS distinct_id,
    coalesce(nullif(j.event_time, ''), j.client_event_time) AS happened,
    CASE WHEN starts_with(j.event_properties::VARCHAR, '"') THEN j.event_properties ->> '$' ELSE j.event_properties::VARCHAR END AS properties,
    CASE WHEN starts_with(j.user_properties::VARCHAR, '"') THEN j.user_properties ->> '$' ELSE j.user_properties::VARCHAR END AS user_properties
  FROM parsed
),

-- e has those properties that have another name on the platform. Of an $identify,
-- user_properties can be operations: what is set counts.
-- NOT MATERIALIZED, since parsing again costs less than keeping all of it.
events AS NOT MATERIALIZED (
  SELECT
    * EXCLUDE (user_properties),
    unnest([CASE WHEN kind = 'track' AND starts_with(properties, '{') THEN TRY(json_transform(properties, '{
      "[Amplitude] Page Location": "VARCHAR", "[Amplitude] Page URL": "VARCHAR", "[Amplitude] Screen Name": "VARCHAR", "referrer": "VARCHAR"
    }')) END]) AS e,
    nullif(CASE WHEN kind = 'identify' AND regexp_matches(user_properties, '^\{\s*"\$(set|setOnce|unset|add|append|prepend|preInsert|postInsert|remove|clearAll)"')
      THEN TRY(json_merge_patch(coalesce(user_properties -> '$."$setOnce"', '{}'), coalesce(user_properties -> '$."$set"', '{}')))::VARCHAR
      ELSE user_properties END, '{}') AS user_properties
  FROM objects
),

-- A device links to the user only if no other user was ever on it: a link stays for good.
devices AS MATERIALIZED (
  SELECT device_id AS device, min({'moment': TRY_CAST(happened AS TIMESTAMPTZ), 'file': _file, 'row': _row}) AS first
  FROM events
  WHERE device_id IS NOT NULL AND user_id IS NOT NULL
  GROUP BY device_id HAVING min(user_id) = max(user_id) AND min(user_id) <> device_id
),
linked AS NOT MATERIALIZED (
  SELECT
    events.*,
    CASE WHEN user_id IS NOT NULL THEN device END AS anonymous_id,
    user_id IS NOT NULL AND first.row = _row AND first.file IS NOT DISTINCT FROM _file AS links
  FROM events LEFT JOIN devices ON events.device_id = devices.device
),

-- What is said about people, with what was said before about the same one.
said AS (
  SELECT
    _row, _file, kind, happened, distinct_id, anonymous_id, device_id, user_properties, links,
    lag(user_properties IGNORE NULLS) OVER (PARTITION BY distinct_id ORDER BY TRY_CAST(happened AS TIMESTAMPTZ), _file, _row) AS before
  FROM linked
  WHERE distinct_id IS NOT NULL AND (user_properties IS NOT NULL OR links)
)

SELECT
  _row, _file,

  CASE kind WHEN 'track' THEN 'track' WHEN 'identify' THEN 'identify' END AS endpoint,
  CASE WHEN kind = 'track' THEN CASE j.event_type
    WHEN '[Amplitude] Page Viewed' THEN '$pageview'
    WHEN '[Amplitude] Screen Viewed' THEN '$screen'
    ELSE j.event_type END END AS event,
  happened AS timestamp,
  distinct_id, anonymous_id, device_id,
  CASE kind WHEN 'track' THEN properties END AS properties,
  CASE kind WHEN 'identify' THEN user_properties END AS traits,

  nullif(t.ip_address, '') AS "$ip",
  coalesce(e."[Amplitude] Page Location", e."[Amplitude] Page URL") AS "$url",
  e.referrer AS "$referer",
  e."[Amplitude] Screen Name" AS "$screen_name",
  -- On the web Amplitude has the browser where others have the system.
  CASE WHEN t.platform IS DISTINCT FROM 'Web' THEN nullif(t.os_name, '') END AS "$os",
  CASE WHEN t.platform IS DISTINCT FROM 'Web' THEN nullif(t.os_version, '') END AS "$os_version",
  CASE t.platform WHEN 'Web' THEN nullif(t.os_name, '') END AS "$browser",
  CASE t.platform WHEN 'Web' THEN nullif(t.os_version, '') END AS "$browser_version",
  nullif(t.device_type, '') AS "$device",
  nullif(t.device_model, '') AS "$device_model",
  nullif(split_part(t.library, '/', 1), '') AS "$lib",
  nullif(split_part(t.library, '/', 2), '') AS "$lib_version",
  coalesce(nullif(t."$insert_id", ''), nullif(t.insert_id, '')) AS "$insert_id",

  -- Further facts of the event, under Amplitude's names.
  nullif(t.platform, '') AS platform,
  nullif(t.version_name, '') AS version_name,
  nullif(t.language, '') AS language,
  nullif(t.country, '') AS country,
  nullif(t.region, '') AS region,
  nullif(t.city, '') AS city,
  nullif(t.device_brand, '') AS device_brand,
  nullif(t.device_manufacturer, '') AS device_manufacturer,
  nullif(t.device_carrier, '') AS device_carrier,
  nullif(TRY_CAST(t.session_id AS BIGINT), -1) AS session_id,

  -- What cannot be sent, and why.
  CASE kind WHEN 'nothing' THEN 'not a JSON object'
            WHEN 'group' THEN 'a $groupidentify event: the platform has no endpoint for groups'
            WHEN 'merge' THEN 'two amplitude_ids that Amplitude merged: the platform knows people by user_id, so leave it out'
            WHEN 'other' THEN 'no event of Amplitude: it has no event_type' END AS _reason,
  CASE WHEN kind IN ('nothing', 'group', 'merge', 'other') THEN _json END AS _raw
FROM linked

UNION ALL BY NAME
SELECT
  _row, _file, 'identify' AS endpoint, happened AS timestamp, distinct_id, anonymous_id, device_id,
  CASE WHEN user_properties IS DISTINCT FROM before THEN user_properties END AS traits
FROM said
WHERE kind = 'track' AND (links OR user_properties IS DISTINCT FROM before)
