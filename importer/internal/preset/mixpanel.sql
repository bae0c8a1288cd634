-- Mixpanel: the events of its raw export, or the profiles of its people export,
-- a JSON object for each. The first event that shows another id of a user gives two
-- rows: an identify that links the ids, and the event.
WITH lines AS (
{{lines}}
),

-- Each row is parsed once. j is NULL where there is no JSON object. (unnest keeps DuckDB
-- from moving the parsing into each expression that uses j.)
parsed AS (
  SELECT *, unnest([CASE WHEN regexp_matches(_json, '^\s*\{') THEN TRY(json_transform(_json, '{
    "event": "VARCHAR", "properties": "JSON", "$distinct_id": "VARCHAR", "$properties": "JSON",
    "event_name": "VARCHAR", "results": "JSON"
  }')) END]) AS j
  FROM lines
),

-- Properties that are JSON text in a string become the object.
objects AS (
  SELECT
    _row, _file, _json, j,
    coalesce(j.properties, j."$properties") AS either,
    CASE WHEN starts_with(either::VARCHAR, '"') THEN either ->> '$' ELSE either::VARCHAR END AS properties
  FROM parsed
),

-- p has those properties of an event, u those of a profile, that have another
-- name or place on the platform.
rows_ AS (
  SELECT
    *,
    unnest([CASE WHEN j.event IS NOT NULL AND starts_with(properties, '{') THEN TRY(json_transform(properties, '{
      "time": "VARCHAR", "distinct_id": "VARCHAR", "$distinct_id_before_identity": "VARCHAR", "$user_id": "VARCHAR", "$device_id": "VARCHAR", "ip": "VARCHAR",
      "$identified_id": "VARCHAR", "$anon_id": "VARCHAR", "alias": "VARCHAR", "$distinct_ids": ["VARCHAR"],
      "$current_url": "VARCHAR", "$referrer": "VARCHAR", "mp_lib": "VARCHAR",
      "$screen_width": "VARCHAR", "$screen_height": "VARCHAR", "$model": "VARCHAR",
      "utm_source": "VARCHAR", "utm_medium": "VARCHAR", "utm_campaign": "VARCHAR", "utm_term": "VARCHAR", "utm_content": "VARCHAR"
    }')) END]) AS p,
    unnest([CASE WHEN j.event IS NULL AND starts_with(properties, '{') THEN TRY(json_transform(properties, '{
      "$last_seen": "VARCHAR", "$email": "VARCHAR", "$name": "VARCHAR",
      "$first_name": "VARCHAR", "$last_name": "VARCHAR", "$phone": "VARCHAR"
    }')) END]) AS u
  FROM objects
),

-- NOT MATERIALIZED, since parsing again costs less than keeping all of it.
events AS NOT MATERIALIZED (
  SELECT
    _row, _file, _json, j, p, u, properties,
    CASE WHEN j IS NULL THEN 'nothing'
         WHEN j.event IS NULL AND (j."$distinct_id" IS NOT NULL OR j."$properties" IS NOT NULL) THEN 'profile'
         WHEN j.event = '$identify' THEN 'identify'
         WHEN j.event = '$create_alias' THEN 'alias'
         WHEN j.event = '$merge' THEN 'merge'
         WHEN j.event IS NULL AND j.results IS NOT NULL THEN 'page'
         WHEN j.event IS NULL AND j.event_name IS NOT NULL THEN 'pipeline'
         WHEN j.event IS NULL THEN 'other'
         ELSE 'track' END AS kind,
    -- Seconds, or milliseconds of an export that asked for them.
    TRY_CAST(p.time AS DOUBLE) AS number,
    CASE WHEN abs(number) < 1e11 THEN make_timestamptz((number * 1e6)::BIGINT)::VARCHAR
         WHEN abs(number) < 1e14 THEN make_timestamptz((number * 1e3)::BIGINT)::VARCHAR
         ELSE p.time END AS time,
    -- The device's id, as it is in the distinct_id of an anonymous event.
    nullif(regexp_replace(p."$device_id", '^\$device:', ''), '') AS device_id,
    '$device:' || device_id AS device,
    -- The id that Mixpanel chose for the person, and the one that came with the event.
    -- With its older way of merging the chosen one can be the device's; then the
    -- other one is the user's.
    nullif(p.distinct_id, '') AS distinct_id,
    nullif(p."$distinct_id_before_identity", '') AS sent_id,
    coalesce(nullif(p."$user_id", ''),
      CASE WHEN regexp_matches(distinct_id, '^(\$device:.*|[0-9a-fA-F]{8,}(-[0-9a-fA-F]+){4})$')
        AND NOT regexp_matches(sent_id, '^(\$device:.*|[0-9a-fA-F]{8,}(-[0-9a-fA-F]+){4})$') THEN sent_id END) AS user_id
  FROM rows_
),

-- Another id links to the user only if no other user ever had it, as on a device that
-- is shared: a link stays for good. A device counts where the event has no other id.
users AS MATERIALIZED (
  SELECT _row, _file, time, device_id, user_id, distinct_id, device FROM events WHERE kind = 'track' AND user_id IS NOT NULL
),
own AS MATERIALIZED (
  SELECT other FROM (SELECT unnest([device, distinct_id]) AS other, user_id FROM users)
  WHERE other IS NOT NULL
  GROUP BY other HAVING min(user_id) = max(user_id) AND min(user_id) <> other
),

-- An identify says it, at the first event that shows it.
links AS (
  SELECT user_id, other, min({'moment': TRY_CAST(time AS TIMESTAMPTZ), 'file': _file, 'row': _row, 'time': time, 'device_id': device_id}) AS first
  FROM (SELECT *, CASE WHEN distinct_id <> user_id THEN distinct_id ELSE device END AS other FROM users)
  WHERE TRY_CAST(time AS TIMESTAMPTZ) IS NOT NULL AND other IN (SELECT other FROM own)
  GROUP BY ALL
)

SELECT
  _row, _file,

  CASE kind WHEN 'track' THEN 'track' WHEN 'alias' THEN 'alias' WHEN 'merge' THEN 'alias'
            WHEN 'profile' THEN 'identify' WHEN 'identify' THEN 'identify' END AS endpoint,
  CASE WHEN kind = 'track' AND j.event = '$mp_web_page_view' THEN '$pageview'
       WHEN kind = 'track' THEN j.event END AS event,
  CASE kind WHEN 'profile' THEN u."$last_seen" ELSE time END AS timestamp,

  -- Who. An alias goes from the old id to the new one; of $merge, to the event's own id.
  CASE kind WHEN 'profile' THEN nullif(j."$distinct_id", '')
            WHEN 'identify' THEN coalesce(nullif(p."$identified_id", ''), user_id, distinct_id)
            WHEN 'merge' THEN CASE WHEN p."$distinct_ids"[2] = distinct_id THEN p."$distinct_ids"[1] ELSE p."$distinct_ids"[2] END
            WHEN 'alias' THEN coalesce(sent_id, distinct_id)
            ELSE coalesce(user_id, distinct_id, device) END AS distinct_id,
  CASE kind WHEN 'alias' THEN nullif(p.alias, '')
            WHEN 'merge' THEN CASE WHEN p."$distinct_ids"[2] = distinct_id THEN p."$distinct_ids"[2] ELSE p."$distinct_ids"[1] END
  END AS new_user_id,
  CASE WHEN kind = 'identify' THEN nullif(p."$anon_id", '')
       WHEN kind = 'track' AND user_id <> distinct_id THEN CASE WHEN distinct_id IN (SELECT other FROM own) THEN distinct_id END
       WHEN kind = 'track' AND user_id IS NOT NULL AND device IN (SELECT other FROM own) THEN device END AS anonymous_id,
  device_id,

  -- Properties, except those that are sent under other names.
  CASE WHEN kind = 'track' AND p IS NULL THEN properties
       WHEN kind = 'track' THEN json_merge_patch(properties, '{
         "time": null, "distinct_id": null, "$distinct_id_before_identity": null, "$user_id": null, "$device_id": null, "token": null, "ip": null,
         "$current_url": null, "$referrer": null, "mp_lib": null, "$model": null,
         "utm_source": null, "utm_medium": null, "utm_campaign": null, "utm_term": null, "utm_content": null
       }')::VARCHAR END AS properties,
  CASE WHEN kind = 'profile' AND u IS NULL THEN properties
       WHEN kind = 'profile' THEN json_merge_patch(properties, '{
         "$email": null, "$name": null, "$first_name": null, "$last_name": null, "$phone": null
       }')::VARCHAR END AS traits,

  nullif(p.ip, '') AS "$ip",
  p."$current_url" AS "$url",
  p."$referrer" AS "$referer",
  p."$model" AS "$device_model",
  p."$screen_width" || 'x' || p."$screen_height" AS "$viewport",
  p.utm_campaign AS "$utm_campaign",
  p.utm_source AS "$utm_source",
  p.utm_medium AS "$utm_medium",
  p.utm_term AS "$utm_term",
  p.utm_content AS "$utm_content",
  p.mp_lib AS "$lib",

  u."$email" AS email,
  u."$name" AS name,
  u."$first_name" AS first_name,
  u."$last_name" AS last_name,
  u."$phone" AS phone,

  -- What cannot be sent, and why.
  CASE kind WHEN 'nothing' THEN 'not a JSON object'
            WHEN 'page' THEN 'a page of the query API: save the members of its results as lines, and import these'
            WHEN 'pipeline' THEN 'a row of a data pipeline: presets.md says how to make an event of it'
            WHEN 'other' THEN 'neither an event nor a profile: it has no event and no $distinct_id' END AS _reason,
  CASE WHEN kind IN ('nothing', 'page', 'pipeline', 'other') THEN _json END AS _raw
FROM events

UNION ALL BY NAME
SELECT
  first.row AS _row, first.file AS _file, 'identify' AS endpoint, first.time AS timestamp,
  user_id AS distinct_id, other AS anonymous_id, first.device_id AS device_id
FROM links
