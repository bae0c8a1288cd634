import { byId } from './dom.js';

// session tells whether the console is "open" to this browser or "locked", or
// the server "gone".
export async function session() {
  const answer = await fetch('/console/session').catch(() => null);
  if (!answer) return 'gone';
  return answer.status === 401 ? 'locked' : 'open';
}

export function setState(state) {
  if (byId('state').dataset.state === state) return;
  byId('state').dataset.state = state;
  byId('state').textContent = state;
}

// ask shows the form for a key in the place of main, or takes it away.
export function ask(main, locked) {
  byId('signin').hidden = !locked;
  main.hidden = locked;
  if (!locked) return;
  setState('signed out');
  byId('key').focus();
}

// onSignIn calls back when a key was given that the server knows.
export function onSignIn(then) {
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
    then();
  });
}

// whileSeen has a stream open only while somebody can see the page: a browser has
// six connections to a server for all its pages, and each stream takes one.
export function whileSeen(open, close) {
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  window.addEventListener('pagehide', close);
  window.addEventListener('pageshow', (show) => show.persisted && open());
}
