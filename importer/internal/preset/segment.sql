-- Segment: the calls of its raw logs, a JSON object for each call.
-- Names with $ are those of the platform's own Segment bridge.
WITH lines AS (
{{lines}}
),

-- Each call is parsed once. j is NULL where there is no JSON object. (unnest keeps DuckDB
-- from moving the parsing into each expression that uses j.)
parsed AS (
  SELECT *, unnest([CASE WHEN regexp_matches(_json, '^\s*\{') THEN TRY(json_transform(_json, '{
    "type": "VARCHAR", "event": "VARCHAR", "name": "VARCHAR", "category": "VARCHAR",
    "userId": "VARCHAR", "anonymousId": "VARCHAR", "previousId": "VARCHAR", "received_at": "VARCHAR",
    "timestamp": "VARCHAR", "originalTimestamp": "VARCHAR", "sentAt": "VARCHAR", "receivedAt": "VARCHAR",
    "properties": "JSON", "traits": "JSON",
    "context": {
      "ip": "VARCHAR", "userAgent": "VARCHAR",
      "page": {"url": "VARCHAR", "referrer": "VARCHAR"},
      "os": {"name": "VARCHAR"},
      "device": {"id": "VARCHAR", "type": "VARCHAR", "model": "VARCHAR"},
      "screen": {"width": "VARCHAR", "height": "VARCHAR"},
      "library": {"name": "VARCHAR", "version": "VARCHAR"},
      "campaign": {"name": "VARCHAR", "source": "VARCHAR", "medium": "VARCHAR", "term": "VARCHAR", "content": "VARCHAR"}
    }
  }')) END]) AS j
  FROM lines
),

-- An empty id is none. Properties that are JSON text in a string become the object, and
-- [] is how PHP writes an empty one.
calls AS (
  SELECT
    _row, _file, _json, j,
    lower(j.type) AS kind,
    nullif(j.userId, '') AS user_id,
    nullif(j.anonymousId, '') AS anonymous_id,
    coalesce(nullif(j.timestamp, ''), nullif(j.originalTimestamp, ''), nullif(j.sentAt, ''), j.receivedAt) AS happened,
    nullif(CASE WHEN starts_with(j.properties::VARCHAR, '"') THEN j.properties ->> '$' ELSE j.properties::VARCHAR END, '[]') AS properties,
    nullif(CASE WHEN starts_with(j.traits::VARCHAR, '"') THEN j.traits ->> '$' ELSE j.traits::VARCHAR END, '[]') AS traits
  FROM parsed
)

SELECT
  _row, _file,

  CASE WHEN kind IN ('track', 'page', 'screen') THEN 'track'
       WHEN kind IN ('identify', 'alias') THEN kind END AS endpoint,
  CASE kind WHEN 'track' THEN j.event WHEN 'page' THEN '$pageview' WHEN 'screen' THEN '$screen' END AS event,
  happened AS timestamp,

  -- Who. An alias goes from the old id to the new one.
  CASE kind WHEN 'alias' THEN coalesce(nullif(j.previousId, ''), anonymous_id)
            ELSE coalesce(user_id, anonymous_id) END AS distinct_id,
  CASE kind WHEN 'alias' THEN user_id END AS new_user_id,
  CASE WHEN kind <> 'alias' AND user_id <> anonymous_id THEN anonymous_id END AS anonymous_id,
  nullif(j.context.device.id, '') AS device_id,

  CASE WHEN kind IN ('track', 'page', 'screen') THEN properties END AS properties,
  CASE kind WHEN 'identify' THEN traits END AS traits,

  -- The context: further properties, and further traits of an identify.
  CASE kind WHEN 'page' THEN j.name END AS "$page_name",
  CASE kind WHEN 'page' THEN j.category END AS "$page_category",
  CASE kind WHEN 'screen' THEN j.name END AS "$screen_name",
  CASE kind WHEN 'screen' THEN j.category END AS "$screen_category",
  j.context.ip AS "$ip",
  j.context.page.url AS "$url",
  j.context.page.referrer AS "$referer",
  j.context.os.name AS "$os",
  j.context.device.type AS "$device",
  j.context.device.model AS "$device_model",
  j.context.userAgent AS "$user_agent",
  CASE WHEN j.context.screen.width <> '0' AND j.context.screen.height <> '0'
       THEN j.context.screen.width || 'x' || j.context.screen.height END AS "$viewport",
  j.context.campaign.name AS "$utm_campaign",
  j.context.campaign.source AS "$utm_source",
  j.context.campaign.medium AS "$utm_medium",
  j.context.campaign.term AS "$utm_term",
  j.context.campaign.content AS "$utm_content",
  j.context.library.name AS "$lib",
  j.context.library.version AS "$lib_version",

  -- What cannot be sent, and why.
  CASE WHEN j IS NULL THEN 'not a JSON object'
       WHEN kind IS NULL AND j.received_at IS NOT NULL THEN 'a row of a warehouse table: save the table as Parquet or CSV, and import that'
       WHEN kind IS NULL THEN 'no type of call'
       WHEN kind = 'group' THEN 'a group call: the platform has no endpoint for groups'
       WHEN kind = 'delete' THEN 'a delete call: the platform has no endpoint for deletions'
       WHEN kind NOT IN ('track', 'page', 'screen', 'identify', 'alias') THEN 'a type of call that the preset does not know'
  END AS _reason,
  CASE WHEN kind IS NULL OR kind NOT IN ('track', 'page', 'screen', 'identify', 'alias') THEN _json END AS _raw
FROM calls
