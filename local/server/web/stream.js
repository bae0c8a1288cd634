import { byId } from './dom.js';
import { events } from './events.js';
import * as filter from './filter.js';
import { showHints } from './hints.js';
import { identities, identityKey } from './identities.js';
import { keep } from './list.js';
import { requests } from './requests.js';
import { ask, onSignIn, session, setState, whileSeen } from './session.js';
import { firstQuery } from './sql.js';

let numbers = { stored: 0, received: 0 };

// show puts a message on the page. A snapshot that continues what the page had
// leaves the lists that are read as they are.
function show(update, snapshot) {
  const continues = !filterChanged && update.stored >= numbers.stored && update.received >= numbers.received;
  numbers = update;
  for (const { environment, distinct_id } of update.gone ?? []) identities.remove(identityKey(environment, distinct_id));
  filter.offer(update.names ?? [], update.environments ?? []);
  events.take(update, snapshot, continues);
  for (const [view, items] of [[identities, update.identities], [requests, update.requests]]) {
    if (snapshot) view.snapshot(items, continues);
    else view.put(items, true);
  }
  if (snapshot) filterChanged = false;
  showNumbers(update);
  showHints(update.hints ?? []);
}

function showNumbers(update) {
  for (const name of ['stored', 'people', 'received']) byId(name).textContent = (update[name] ?? 0).toLocaleString('en');
  byId('people-unit').textContent = update.people === 1 ? 'person' : 'people';
  identities.panel.querySelector('.empty').textContent = filter.filter.active() && update.people ? 'No identity matches the filter.' : 'No identities yet. An identify or an alias makes one.';
  count(identities, filter.filter.active() ? 0 : update.people);
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

let source = null, filterChanged = false;

export async function connect() {
  source?.close();
  source = null;
  const state = await session();
  if (state === 'gone') return void setTimeout(connect, 1000);
  ask(byId('console'), state === 'locked');
  if (state === 'locked') byId('clear').hidden = true;
  else if (!document.hidden) open();
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
onSignIn(connect);
whileSeen(connect, () => source?.close());
