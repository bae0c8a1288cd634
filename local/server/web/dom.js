// Elements. Whatever the server sends is text: it goes into textContent, never
// into markup.
export const byId = (id) => document.getElementById(id);

// make returns an element with a class and children, which are elements or text.
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// fetchJSON returns what the path answers, null if that is empty. It throws an
// Error with a sentence for the reader, and the HTTP status if there is one.
export async function fetchJSON(path, options) {
  const answer = await fetch(path, options).catch(() => null);
  if (!answer) throw new Error('The server does not answer.');
  const body = await answer.json().catch(() => null);
  if (answer.status === 401) window.dispatchEvent(new Event('signedout'));
  if (!answer.ok) throw Object.assign(new Error(body?.error?.message ?? 'The server answered ' + answer.status + '.'), { status: answer.status });
  return body;
}

// announce says a short text to a screen reader.
export function announce(text) {
  let status = byId('announcement');
  if (!status) {
    status = make('p', 'hidden');
    status.id = 'announcement';
    status.role = 'status';
    document.body.append(status);
  }
  status.textContent = status.textContent === text ? text + '\u00a0' : text; // the same text again is news too
}

// A formatter is expensive to make.
const times = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const days = new Intl.DateTimeFormat();

export function clock(timestamp) {
  if (!timestamp) return '';
  const date = new Date(timestamp);
  if (isNaN(date)) return timestamp;
  const time = times.format(date);
  return date.toDateString() === new Date().toDateString() ? time : days.format(date) + ' ' + time;
}

export function timeElement(timestamp) {
  const element = make('time', 'time', clock(timestamp));
  if (!isNaN(new Date(timestamp))) element.dateTime = timestamp;
  element.title = timestamp;
  return element;
}

// cut splits a long id into its beginning, what is left out, and its end, which
// is what tells random ids apart.
function cut(id) {
  const characters = [...id], head = 15, tail = 8;
  if (characters.length <= head + tail + 1) return [id, '', ''];
  return [characters.slice(0, head).join(''), characters.slice(head, -tail).join(''), characters.slice(-tail).join('')];
}

// shorten returns an id of 24 characters at most, such as anonymous-7c9e6...1f90ae7.
export function shorten(id) {
  const [head, middle, tail] = cut(id);
  return middle ? head + '\u2026' + tail : id;
}

export const personURL = (environment, id) => '/person?' + new URLSearchParams({ environment, id });

// idText shows an id shortened. Its text is the whole one, so that a selection,
// the browser's search and a screen reader get it.
function idText(tag, id, whole) {
  const [head, middle, tail] = whole ? [id, '', ''] : cut(id);
  const element = make(tag, 'id', head);
  if (middle) element.append(make('span', 'cut', middle), tail);
  element.title = id;
  return element;
}

// idElement shows an id with a button that copies it. With link it leads to the
// person's page; with whole nothing is left out.
export function idElement(environment, id, { link = false, whole = false, copy = true } = {}) {
  const text = idText(link ? 'a' : 'span', id, whole);
  if (link) text.href = personURL(environment, id);
  const element = make('span', 'ref', text);
  if (copy) element.append(copyButton(id, 'Copy ' + shorten(id)));
  return element;
}

export function copyButton(text, label) {
  const button = make('button', 'copy');
  button.type = 'button';
  button.title = 'Copy';
  button.setAttribute('aria-label', label);
  button.addEventListener('click', async (click) => {
    click.stopPropagation();
    const copied = await copy(text);
    announce(copied ? 'copied' : 'The browser did not copy it.');
    button.classList.toggle('copied', copied);
    setTimeout(() => button.classList.remove('copied'), 1500);
  });
  return button;
}

// copy also works where the browser has no clipboard for a page, which is so for
// a server that is reached by another address than the loopback's.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = make('textarea', 'hidden'), focused = document.activeElement;
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    focused?.focus();
    return copied;
  }
}

const hintLabels = {
  'email-id': 'e-mail as id',
  'constant-id': 'constant id',
  'secret-trait': 'secret?',
  'ignored-identify': 'ignored',
  spelling: 'two spellings',
  'unknown-environment': 'unknown environment',
};
export const hintLabel = (code) => hintLabels[code] ?? code;

// hintBadges are short labels, each with its sentence for a screen reader. The
// element is empty without hints.
export function hintBadges(hints) {
  const badges = make('span', 'hints');
  for (const hint of hints ?? []) {
    const badge = make('span', 'badge', hintLabel(hint.code), make('span', 'hidden', ': ' + hint.text));
    badge.dataset.code = hint.code;
    badge.title = hint.text;
    badges.append(badge);
  }
  return badges;
}

// hintSentences are the hints' texts, for what is open. Empty without hints.
export function hintSentences(hints) {
  const list = make('ul', 'sentences');
  for (const hint of hints ?? []) list.append(make('li', '', make('b', '', hintLabel(hint.code)), ' ', hint.text));
  return list;
}

// environmentBadge names an environment.
export const environmentBadge = (environment) => make('span', environment === 'production' ? 'environment usual' : 'environment', environment);

// fields returns a JSON object's entries as text; what was cut off is no JSON.
export function fields(json) {
  try {
    return Object.entries(JSON.parse(json)).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
  } catch {
    return [['', json]];
  }
}

// dot marks all that belongs to one identity with the same color.
export function dot(environment, id, known) {
  const element = make('span', known ? 'dot' : 'dot unknown');
  let hash = 0;
  for (const c of environment + '\n' + id) hash = Math.imul(hash ^ c.codePointAt(0), 16777619);
  element.style.setProperty('--hue', String(((hash ^ (hash >>> 15)) >>> 0) % 360));
  return element;
}

// who is an identity's dot and id.
export function who(environment, id, known, options) {
  const element = make('span', 'who', dot(environment, id, known), idElement(environment, id, options));
  if (!known) element.append(make('span', 'hidden', ' (no identity is known)'));
  return element;
}

// facts is a list of names and values, which are text or elements; what has no
// value is left out.
export function facts(pairs) {
  const list = make('dl', 'facts');
  for (const [name, value] of pairs) {
    if (value) list.append(make('dt', '', name), make('dd', '', value));
  }
  return list;
}
