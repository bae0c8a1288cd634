// A person's page: loads the story, and again when the stream says that there is
// more of it.
import { announce, byId, fetchJSON, make, personURL } from './dom.js';
import { showProfile } from './profile.js';
import { consoleSQL, eventsOf } from './queries.js';
import { rowOf } from './rows.js';
import { ask, onSignIn, session, setState, whileSeen } from './session.js';
import { rows } from './steps.js';
import { show } from './story.js';
import { clipped, count } from './text.js';

const asked = new URLSearchParams(location.search);
const id = asked.get('id') ?? '', environment = asked.get('environment') || 'production';
const query = new URLSearchParams({ environment, id });
let environments = [], ids = new Set([id]), source = null;

// nobody says what may be wrong with an id that nobody has.
function nobody() {
  byId('nobody-title').textContent = id ? 'Nobody is known by this id' : 'Which person?';
  const why = [];
  if (!id) why.push(make('p', '', 'The address names nobody. Choose a person in the console: each id there leads here.'));
  else {
    const others = environments.filter((name) => name !== environment);
    const list = make('ul', '', make('li', '', 'The id may be incomplete: copy it with the button beside it, since long ids are shown shortened.'));
    if (others.length) list.append(make('li', '', 'It may be in another environment: ', ...others.slice(0, 10).flatMap((name) => [link(name, personURL(name, id)), ' '])));
    list.append(make('li', '', 'It may still be on its way. This page shows it as soon as it arrives.'),
      make('li', '', 'The data may have been cleared, or the server was started again without ', make('code', '', '-data'), '.'));
    why.push(make('p', 'asked', make('span', 'id', clipped(id, 300)), ' in ', make('span', 'environment', environment)), list);
  }
  byId('nobody-why').replaceChildren(...why, make('p', '', link('To the console', '/')));
}

function link(text, href) {
  const element = make('a', '', text);
  element.href = href;
  return element;
}

function showOlder(person) {
  byId('older').hidden = !person.more;
  if (!person.more) return;
  const known = person.identity?.distinct_id ?? id;
  byId('older').replaceChildren('The newest ' + count(person.steps.length, 'step') + ' are shown. ', link('All events by SQL', consoleSQL(eventsOf(environment, known))));
}

function showPerson(person) {
  const found = Boolean(person.identity) || person.steps.length > 0;
  byId('nobody').hidden = found;
  byId('profile').hidden = byId('told').hidden = !found;
  if (!found) return nobody();
  const owner = person.identity?.distinct_id ?? '';
  const linked = [...(person.identity?.anonymous_ids ?? []), ...(person.identity?.aliases ?? [])];
  ids = new Set([id, owner, ...linked]);
  const elsewhere = (other) => Boolean(owner) && !person.identity.more && !ids.has(other);
  showProfile(person);
  showOlder(person);
  const fresh = show(rows(person.steps, owner, elsewhere).map((row) => ({ ...row, environment, owner: owner || id })));
  byId('no-steps').hidden = person.steps.length > 0;
  const login = document.querySelector('#story .login');
  byId('to-login').hidden = !login;
  byId('to-newest').hidden = person.steps.length < 10;
  return fresh;
}

// What is new and below what the reader sees is announced, not scrolled to.
let below = [];
function tellFresh(fresh = []) {
  below.push(...fresh);
  below = below.filter((element) => element.isConnected && element.getBoundingClientRect().top > innerHeight - 24);
  byId('fresh').hidden = below.length === 0;
  byId('fresh').textContent = count(below.length, 'new step') + ' below';
}

function go(element) {
  if (!element) return;
  element.scrollIntoView({ block: 'center' });
  rowOf(element).focus({ preventScroll: true });
}

// load asks once at a time, and once more if something came meanwhile. soon does
// so at most twice a second, since a story may be long.
const rest = 500;
let loading = false, again = false, loaded = false, ended = -rest, timer = 0;
function soon() {
  timer ||= setTimeout(() => {
    timer = 0;
    load();
  }, Math.max(0, ended + rest - performance.now()));
}

async function load() {
  if (loading) return void (again = true);
  loading = true;
  try {
    const fresh = showPerson(await fetchJSON('/console/person?' + query));
    byId('trouble').hidden = true;
    if (loaded && fresh?.length) {
      for (const element of fresh) element.classList.add('new');
      tellFresh(fresh);
      announce(count(fresh.length, 'new step'));
    }
    loaded = true;
  } catch (error) {
    if (error.status === 401) return connect();
    byId('trouble').textContent = error.message;
    byId('trouble').hidden = false;
  } finally {
    loading = false;
    ended = performance.now();
  }
  if (again) soon();
  again = false;
}

// concerns tells an update about this person from one about somebody whose id
// has this one as a part.
const concerns = (update) => update.events.some((event) => event.environment === environment) ||
  update.identities.some((identity) => identity.environment === environment &&
    [identity.distinct_id, ...identity.anonymous_ids, ...identity.aliases].some((other) => ids.has(other)));

function disconnect() {
  source?.close();
  source = null;
}

async function connect() {
  disconnect();
  const answer = await session();
  if (answer === 'gone') {
    setState('reconnecting');
    return void setTimeout(connect, 1000);
  }
  ask(byId('person'), answer === 'locked');
  if (answer === 'locked' || document.hidden) return;
  if (!id) {
    setState('ready');
    return showPerson({ steps: [] });
  }
  disconnect(); // who came first while this one asked
  source = new EventSource('/console/stream?' + new URLSearchParams({ environment, person: id }));
  source.addEventListener('snapshot', (message) => {
    environments = JSON.parse(message.data).environments ?? [];
    setState('live');
    load();
  });
  source.addEventListener('update', (message) => {
    const update = JSON.parse(message.data);
    environments = update.environments ?? environments;
    if (concerns(update)) soon();
  });
  const opened = source;
  source.addEventListener('error', () => {
    if (opened !== source) return;
    setState('reconnecting');
    if (!loaded) load(); // the story is there without the stream, too
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000); // refused, not lost
  });
}

byId('to-login').addEventListener('click', (click) => {
  click.preventDefault();
  go(document.querySelector('#story .login'));
});
byId('to-newest').addEventListener('click', (click) => {
  click.preventDefault();
  go(byId('story').lastElementChild);
});
byId('fresh').addEventListener('click', () => go(below[0]));
addEventListener('scroll', () => below.length && tellFresh(), { passive: true });
byId('order').textContent = 'oldest first, times in ' + Intl.DateTimeFormat().resolvedOptions().timeZone;
onSignIn(connect);
whileSeen(connect, disconnect);
connect();
