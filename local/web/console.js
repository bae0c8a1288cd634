// The console. Whatever the server sends is text: it goes into textContent,
// never into markup.
const keep = 300;
const byId = (id) => document.getElementById(id);

// make returns an element with a class and children, which are elements or text.
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function clock(timestamp) {
  if (!timestamp) return '';
  const date = new Date(timestamp);
  if (isNaN(date)) return timestamp;
  const time = date.toLocaleTimeString([], { hour12: false });
  return date.toDateString() === new Date().toDateString() ? time : date.toLocaleDateString() + ' ' + time;
}

function timeElement(timestamp) {
  const element = make('time', 'time', clock(timestamp));
  element.title = timestamp;
  return element;
}

// fields returns a JSON object's entries as text; what was cut off is no JSON.
function fields(json) {
  try {
    return Object.entries(JSON.parse(json)).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
  } catch {
    return [['', json]];
  }
}

// dot marks all that belongs to one identity with the same color.
function dot(environment, id, known) {
  const element = make('span', known ? 'dot' : 'dot unknown');
  let hash = 0;
  for (const c of environment + '\n' + id) hash = Math.imul(hash ^ c.codePointAt(0), 16777619);
  element.style.setProperty('--hue', String(((hash ^ (hash >>> 15)) >>> 0) % 360));
  return element;
}

function who(environment, id, known) {
  const element = make('span', 'who', dot(environment, id, known), make('span', 'id', id));
  element.title = known ? id : id + ' (no identity is known)';
  return element;
}

function facts(pairs) {
  const list = make('dl', 'facts');
  for (const [name, value] of pairs) {
    if (value) list.append(make('dt', '', name), make('dd', '', value));
  }
  return list;
}

function indented(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

// eventItem says under which id an event was sent if it is another than its
// identity's: that is what identify and alias have joined.
function eventItem(event) {
  const brief = fields(event.properties).filter(([name]) => !name.startsWith('$')).map(([name, value]) => name + ': ' + value).join('   ');
  const summary = make('summary', '', timeElement(event.timestamp), make('span', 'name', event.event), who(event.environment, event.identity_id, event.known));
  summary.append(make('span', 'brief', brief));
  if (event.distinct_id !== event.identity_id) summary.append(make('span', 'sent', 'sent as ', make('span', 'id', event.distinct_id)));
  return make('li', '', make('details', '', summary, facts([
    ['distinct_id', event.distinct_id],
    ['identity_id', event.identity_id],
    ['environment', event.environment],
    ['timestamp', event.timestamp],
    ['properties', indented(event.properties)],
    ['identity_traits', event.traits ? indented(event.traits) : 'none: this id is not identified'],
  ])));
}

function identityItem(identity) {
  const head = who(identity.environment, identity.distinct_id, true);
  if (identity.environment !== 'production') head.append(make('span', 'environment', identity.environment));
  head.append(timeElement(identity.updated_at));
  const item = make('li', 'person', head);
  const traits = fields(identity.traits);
  if (traits.length) {
    const chips = make('div', 'chips');
    for (const [name, value] of traits) chips.append(make('span', 'chip', make('b', '', name), value));
    item.append(chips);
  }
  const links = make('div', 'links');
  for (const [label, ids] of [['anonymous', identity.anonymous_ids], ['alias', identity.aliases]]) {
    for (const id of ids) links.append(make('span', '', label, make('span', 'id', id)));
  }
  if (identity.more) links.append(make('span', '', 'and ' + identity.more + ' more'));
  if (links.childElementCount) item.append(links);
  return item;
}

function requestRow(request) {
  const status = make('span', 'status', request.status ? String(request.status) : 'reset');
  if (!request.status || request.status >= 500) status.classList.add('broken');
  else if (request.status >= 300) status.classList.add('refused');
  const what = make('td', '', make('span', 'mono', request.method + ' ' + request.path));
  if (request.reason) what.append(make('div', 'reason', request.reason));
  return make('tr', '',
    make('td', '', timeElement(request.start)), what, make('td', '', status),
    make('td', 'number', request.count ? String(request.count) : ''),
    make('td', 'number', request.duration_ms.toFixed(request.duration_ms < 1 ? 2 : 1) + ' ms'));
}

// A View shows the newest items of a list, each under a key. An item that comes
// again replaces the old one; moves says whether it is the newest then.
class View {
  constructor(list, key, render, moves) {
    Object.assign(this, { list, key, render, moves, shown: new Map() });
    this.panel = list.closest('.panel');
  }
  clear() {
    this.shown.clear();
    this.list.replaceChildren();
    this.panel.classList.remove('filled');
  }
  put(items, fresh) {
    for (const item of items) {
      const key = this.key(item), element = this.render(item), old = this.shown.get(key);
      const focused = old?.contains(document.activeElement);
      if (old?.querySelector('details')?.open) element.querySelector('details').open = true;
      if (old && !this.moves) old.replaceWith(element);
      else {
        old?.remove();
        if (fresh) element.classList.add('new');
        this.list.prepend(element);
        this.shown.delete(key); // the map's order is that of the list, reversed
      }
      this.shown.set(key, element);
      if (focused) element.querySelector('summary')?.focus();
    }
    while (this.shown.size > keep) this.remove(this.shown.keys().next().value);
    this.panel.classList.toggle('filled', this.shown.size > 0);
  }
  remove(key) {
    this.shown.get(key)?.remove();
    this.shown.delete(key);
  }
}

const identityKey = (environment, id) => JSON.stringify([environment, id]);
const events = new View(byId('events'), (e) => e.n, eventItem, false);
const requests = new View(byId('requests'), (r) => r.n, requestRow, false);
const identities = new View(byId('identities'), (i) => identityKey(i.environment, i.distinct_id), identityItem, true);

function show(update, fresh) {
  for (const identity of update.identities) {
    for (const id of [...identity.anonymous_ids, ...identity.aliases]) identities.remove(identityKey(identity.environment, id));
  }
  events.put(update.events, fresh);
  identities.put(update.identities, fresh);
  requests.put(update.requests, fresh);
  byId('stored').textContent = update.stored.toLocaleString('en');
  byId('received').textContent = update.received.toLocaleString('en');
  byId('start').classList.toggle('filled', update.stored > 0 || update.received > 0 || update.identities.length > 0);
}

function setState(state) {
  byId('state').dataset.state = state;
  byId('state').textContent = state;
}

let source = null;

async function connect() {
  source?.close();
  const session = await fetch('/console/session').catch(() => null);
  if (!session) return void setTimeout(connect, 1000);
  const locked = session.status === 401;
  byId('signin').hidden = !locked;
  byId('console').hidden = locked;
  if (locked) {
    setState('signed out');
    byId('key').focus();
    return;
  }
  source = new EventSource('/console/stream');
  source.addEventListener('snapshot', (message) => {
    for (const view of [events, identities, requests]) view.clear();
    show(JSON.parse(message.data), false);
    setState('live');
  });
  source.addEventListener('update', (message) => show(JSON.parse(message.data), true));
  source.addEventListener('error', () => {
    setState('reconnecting');
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000); // refused, not lost
  });
}

byId('signin').addEventListener('submit', async (submit) => {
  submit.preventDefault();
  const answer = await fetch('/console/session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ key: byId('key').value }),
  }).catch(() => null);
  byId('signin-error').textContent = answer?.ok ? '' : answer ? 'This key is unknown.' : 'The server does not answer.';
  if (!answer?.ok) return byId('key').select();
  byId('key').value = '';
  connect();
});

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
byId('environment').textContent = 'export ALTERTABLE_BASE_URL=' + location.origin + '\nexport ALTERTABLE_API_KEY=any   # or one given with -key\n\ngo run ./examples/quickstart';
connect();
