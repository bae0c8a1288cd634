import { byId } from './dom.js';
import { events } from './events.js';
import { identities, identityKey } from './identities.js';
import { requests } from './requests.js';

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

export async function connect() {
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
