import { byId, idElement, make } from './dom.js';
import { Rover } from './rows.js';
import { count } from './text.js';

// Digits is a number as it was sent: JavaScript's own have no room for all.
class Digits {
  constructor(text) { this.text = text; }
}
const exact = (_, value, context) => (typeof value === 'number' ? new Digits(context?.source ?? String(value)) : value);

function plain(value) {
  if (Array.isArray(value)) return '[' + value.map(quoted).join(', ') + ']';
  if (value === null || typeof value !== 'object') return String(value);
  if (value instanceof Digits) return value.text;
  return '{' + Object.entries(value).map(([name, inner]) => JSON.stringify(name) + ': ' + quoted(inner)).join(', ') + '}';
}

const quoted = (value) => (typeof value === 'string' ? JSON.stringify(value) : plain(value));

const idColumns = ['identity_id', 'distinct_id', 'anonymous_id'];

function resultCell(value, column, row) {
  if (value === null) return make('td', 'null', 'null');
  if (typeof value === 'string' && value && idColumns.includes(column)) return idCell(value, row.environment ?? 'production');
  const text = plain(value);
  if (value instanceof Digits) return make('td', 'number', text);
  return make('td', text.length <= 40 && !text.includes('\n') ? 'short' : '', text);
}

// idCell leads to the person.
const idCell = (id, environment) => make('td', 'short', idElement(environment, id, { link: true, copy: false }));

function resultRow(row, columns) {
  const named = Object.fromEntries(columns.map((column, at) => [column.name, row[at]]));
  return make('tr', '', ...row.map((value, at) => resultCell(value, columns[at].name, named)));
}

const rover = new Rover(byId('result').querySelector('tbody')); // ids are one stop for the Tab key

const numeric = /^(U?\w*INT|DECIMAL\b.*|DOUBLE|FLOAT)$/;

function showResult(result) {
  const head = make('tr', '');
  for (const column of result.columns) {
    const th = make('th', numeric.test(column.type) ? 'number' : '', column.name, make('small', '', column.type.replace(' WITH TIME ZONE', 'TZ')));
    th.scope = 'col';
    head.append(th);
  }
  byId('result').querySelector('thead').replaceChildren(head);
  const shown = result.rows.slice(0, 1000);
  rover.list.replaceChildren(...shown.map((row) => resultRow(row, result.columns)));
  if (rover.list.querySelector('a')) {
    for (const row of rover.list.children) rover.prepare(row);
    rover.settle();
  }
  byId('result').scrollTop = 0;
  const rows = result.rows.length;
  byId('outcome').textContent = count(rows, 'row') + ' in ' + Number(result.duration_ms.text).toFixed(1) + ' ms' + (result.truncated ? ', and there are more' : '') +
    (rows > shown.length ? '; the first ' + shown.length.toLocaleString('en') + ' are shown' : '');
}

let latest = 0;

// run shows the answer to the query, unless another was asked for since.
async function run() {
  const asked = ++latest;
  let body = null, error = '';
  try {
    const answer = await fetch('/query', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ sql: byId('sql').value }),
    });
    body = JSON.parse(await answer.text(), exact);
    if (!answer.ok) error = body.error.message;
    if (answer.status === 401) window.dispatchEvent(new Event('signedout'));
  } catch {
    error = 'The server does not answer.';
  }
  if (asked !== latest) return;
  if (error) byId('outcome').textContent = '';
  else showResult(body);
  byId('error').textContent = error;
  byId('error').hidden = !error;
  byId('result').hidden = Boolean(error);
}

// ask is a run that the reader wants.
async function ask() {
  own = true;
  byId('run').disabled = true;
  byId('outcome').textContent = 'running';
  await run();
  byId('run').disabled = false;
}

let own = false, seen = '';
let linked = new URLSearchParams(location.search).get('sql'); // runs when the reader says so

// leadTo shows the query that a link brought, once there is a page around it.
function leadTo() {
  linked = '';
  byId('query').closest('.panel').scrollIntoView();
  byId('run').focus({ preventScroll: true });
}

// firstQuery runs the query that is there at first as data comes in, as long as
// there is little of it and the reader asks nothing.
export function firstQuery(update) {
  if (linked) leadTo();
  const now = update.stored + ' ' + update.received;
  if (own || !update.stored || now === seen || seen && update.stored > 50 || byId('sql').value !== samples.people) return;
  seen = now;
  run();
}

const samples = {
  people: "SELECT identity_id, any_value(identity_traits)->>'plan' AS plan,\n  count(*) AS events, list(event ORDER BY timestamp)[-4:] AS latest\nFROM altertable.analytics.events\nGROUP BY identity_id\nORDER BY max(received_at) DESC LIMIT 100;",
  events: "SELECT event, distinct_id, identity_id, identity_traits->>'plan' AS plan, properties\nFROM altertable.analytics.events\nORDER BY timestamp DESC\nLIMIT 100;",
  senders: "-- A name with $ is quoted in the path.\nSELECT json_extract_string(properties, '$.\"$lib\"') AS lib,\n  json_extract_string(properties, '$.\"$lib_version\"') AS version, event, count(*) AS events\nFROM altertable.analytics.events\nGROUP BY ALL\nORDER BY events DESC;",
  identities: "SELECT distinct_id, traits->>'email' AS email, traits->>'plan' AS plan, updated_at\nFROM altertable.analytics.identities\nORDER BY updated_at DESC;",
};

byId('query').addEventListener('submit', (submit) => {
  submit.preventDefault();
  ask();
});
byId('sql').addEventListener('keydown', (press) => {
  if (press.key === 'Enter' && (press.ctrlKey || press.metaKey)) {
    press.preventDefault();
    ask();
  }
});
for (const button of document.querySelectorAll('[data-sample]')) {
  button.addEventListener('click', () => {
    setSample(button.dataset.sample);
    ask();
  });
}

function setSample(name) {
  byId('sql').value = samples[name];
  byId('sql').rows = samples[name].split('\n').length;
}

setSample('people');
if (linked) {
  byId('sql').value = linked;
  byId('sql').rows = Math.min(linked.split('\n').length + 1, 12);
}
