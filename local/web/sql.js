import { byId, make } from './dom.js';
import { connect } from './stream.js';

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

function resultCell(value) {
  if (value === null) return make('td', 'null', 'null');
  const text = plain(value);
  if (value instanceof Digits) return make('td', 'number', text);
  return make('td', text.length <= 40 && !text.includes('\n') ? 'short' : '', text);
}

function showResult(result) {
  const head = make('tr', '');
  for (const column of result.columns) {
    const th = make('th', '', column.name, make('small', '', column.type.replace(' WITH TIME ZONE', 'TZ')));
    th.scope = 'col';
    head.append(th);
  }
  byId('result').querySelector('thead').replaceChildren(head);
  const shown = result.rows.slice(0, 1000);
  byId('result').querySelector('tbody').replaceChildren(...shown.map((row) => make('tr', '', ...row.map(resultCell))));
  byId('result').scrollTop = 0;
  const rows = result.rows.length;
  byId('outcome').textContent = rows + (rows === 1 ? ' row' : ' rows') + (result.truncated ? ', and there are more' : '') +
    (rows > shown.length ? ', of which ' + shown.length + ' are shown' : '') + ' in ' + Number(result.duration_ms.text).toFixed(1) + ' ms';
}

async function run() {
  byId('run').disabled = true;
  byId('outcome').textContent = 'running';
  let error = '';
  try {
    const answer = await fetch('/query', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ sql: byId('sql').value }),
    });
    const body = JSON.parse(await answer.text(), exact);
    if (answer.ok) showResult(body);
    else error = body.error.message;
    if (answer.status === 401) connect();
  } catch {
    error = 'The server does not answer.';
  }
  if (error) byId('outcome').textContent = '';
  byId('error').textContent = error;
  byId('error').hidden = !error;
  byId('result').hidden = Boolean(error);
  byId('run').disabled = false;
}

const samples = {
  identities: "SELECT distinct_id, traits->>'email' AS email, traits->>'plan' AS plan, updated_at\nFROM altertable.analytics.identities\nORDER BY updated_at DESC;",
  events: "SELECT event, distinct_id, identity_id, identity_traits->>'plan' AS plan, properties\nFROM altertable.analytics.events\nORDER BY timestamp DESC\nLIMIT 100;",
  funnel: 'SELECT identity_id, count(*) AS events, list(event ORDER BY timestamp) AS story\nFROM altertable.analytics.events\nGROUP BY identity_id\nORDER BY events DESC;',
};

byId('query').addEventListener('submit', (submit) => {
  submit.preventDefault();
  run();
});
byId('sql').addEventListener('keydown', (press) => {
  if (press.key === 'Enter' && (press.ctrlKey || press.metaKey)) {
    press.preventDefault();
    run();
  }
});
for (const button of document.querySelectorAll('[data-sample]')) {
  button.addEventListener('click', () => {
    byId('sql').value = samples[button.dataset.sample];
    run();
  });
}

byId('sql').value = samples.identities;
