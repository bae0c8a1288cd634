import { byId } from './dom.js';
import { events } from './events.js';
import * as filter from './filter.js';
import { showHints } from './hints.js';
import { identities, identityKey } from './identities.js';
import { keep } from './list.js';
import { requests } from './requests.js';
import { firstQuery } from './sql.js';

let numbers = { stored: 0, received: 0 };

// show puts a message on the page. A snapshot that continues what the page had
// leaves the lists that are read as they are.
function show(update, snapshot) {
  const continues = update.stored >= numbers.stored && update.received >= numbers.received;
  numbers = update;
  for (const identity of update.identities) {
    for (const id of [...identity.anonymous_ids, ...identity.aliases]) identities.remove(identityKey(identity.environment, id));
  }
  filter.offer(update.names ?? [], update.environments ?? []);
  events.take(update, snapshot, continues && !filterChanged);
  if (snapshot) {
    filterChanged = false;
    identities.snapshot(update.identities, continues);
    requests.snapshot(update.requests, continues);
  } else {
    identities.put(update.identities, true);
    requests.put(update.requests, true);
  }
  showNumbers(update);
  showHints(update.hints ?? []);
}

function showNumbers(update) {
  for (const name of ['stored', 'people', 'received']) byId(name).textContent = (update[name] ?? 0).toLocaleString('en');
  count(identities, update.people);
  count(requests, update.received);
  const any = update.stored > 0 || update.received > 0 || update.people > 0;
  byId('start').classList.toggle('filled', any);
  byId('clear').hidden = !any;
  firstQuery(update);
}

function count(view, all) {
  const some = view.shown.size < all && view.shown.size >= keep;
  view.panel.querySelector('.count').textContent = some ? 'the newest ' + keep + ' of ' + all.toLocaleString('en') : '';
}

function setState(state) {
  if (byId('state').dataset.state === state) return;
  byId('state').dataset.state = state;
  byId('state').textContent = state;
}

let source = null, filterChanged = false;

export async function connect() {
  source?.close();
  source = null;
  const session = await fetch('/console/session').catch(() => null);
  if (!session) return void setTimeout(connect, 1000);
  const locked = session.status === 401;
  byId('signin').hidden = !locked;
  byId('console').hidden = locked;
  if (locked) {
    byId('clear').hidden = true;
    setState('signed out');
    byId('key').focus();
    return;
  }
  open();
}

// open asks for what the filter lets through.
function open() {
  source?.close();
  const stream = source = new EventSource('/console/stream?' + filter.parameters());
  const on = (name, do_) => stream.addEventListener(name, (message) => { if (stream === source) do_(message); });
  on('snapshot', (message) => {
    show(JSON.parse(message.data), true);
    setState('live');
  });
  on('update', (message) => show(JSON.parse(message.data), false));
  on('error', () => {
    setState('reconnecting');
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 1000); // refused, not lost
  });
}

filter.start(() => {
  filterChanged = true;
  if (source) open();
});
window.addEventListener('signedout', connect);

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
