// The queries that the pages offer about one person.
const text = (value) => "'" + value.replaceAll("'", "''") + "'";

export const eventsOf = (environment, id) =>
  'SELECT timestamp, event, distinct_id, properties\nFROM altertable.analytics.events\nWHERE environment = ' + text(environment) +
  '\n  AND identity_id = ' + text(id) + '\nORDER BY timestamp;';

export const idsOf = (environment, id) =>
  'SELECT unnest(anonymous_ids || aliases) AS id\nFROM altertable.analytics.identities\nWHERE environment = ' + text(environment) +
  '\n  AND distinct_id = ' + text(id) + ';';

// consoleSQL is the address of the console with a query in its SQL box.
export const consoleSQL = (query) => '/?' + new URLSearchParams({ sql: query });
